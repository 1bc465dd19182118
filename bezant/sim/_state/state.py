"""What REST and WebSocket share: the session, the account, the prices, the orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._market.catalogue import Catalogue
    from .._scenario.clock import Clock
    from .._wire_forms.account import Account
    from .._wire_forms.bars import History
    from .._wire_forms.quotes import Quotes
    from .questions import QuestionRules
    from .session import Session
    from .trading import Trading


@dataclass(frozen=True, slots=True)
class State:
    """The parts of the simulation, and the times that streams keep to (in simulated seconds)."""

    clock: Clock
    session: Session
    catalogue: Catalogue
    quotes: Quotes
    history: History
    account: Account
    trading: Trading
    questions: QuestionRules
    quote_interval: float
    heartbeat_interval: float
    ready_delay: float
    market_data_lifetime: float
