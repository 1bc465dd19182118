"""How the world of a simulated gateway is made: at its start, and anew at each reset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._market.catalogue import Catalogue
from .._scenario.scenario import Scenario
from .._wire_forms.account import Account
from .._wire_forms.bars import History
from .._wire_forms.quotes import Quotes
from .questions import QuestionRules
from .state import State
from .trading import Trading

if TYPE_CHECKING:
    from .._scenario.clock import Clock
    from .session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFactory:
    """What a gateway was told; see `SimulatedGateway`.

    Raises:
        ValueError: If a number is out of range.
    """

    account_id: str
    positions: int
    seed: int
    quote_interval: float
    heartbeat_interval: float
    ready_delay: float
    market_data_lifetime: float

    def __post_init__(self) -> None:
        if self.positions < 0:
            msg = "positions must not be negative"
            raise ValueError(msg)
        if self.quote_interval <= 0 or self.heartbeat_interval <= 0 or self.ready_delay < 0:
            msg = "intervals must be positive, and ready_delay must not be negative"
            raise ValueError(msg)

    def make(self, session: Session, clock: Clock, scenario: Scenario | None) -> State:
        """Make a world.

        Args:
            session: The session that it belongs to.
            clock: The time that it goes by.
            scenario: What the account holds; None for what the seed draws.

        Raises:
            ValueError: If the scenario names a contract that there is not.
        """
        catalogue = Catalogue(self.seed, self.positions)
        trading = Trading(
            catalogue, clock, scenario or Scenario(), seed=self.seed, interval=self.quote_interval
        )
        return State(
            clock=clock,
            session=session,
            catalogue=catalogue,
            quotes=Quotes(trading, clock),
            history=History(trading),
            account=Account(self.account_id, trading, clock),
            trading=trading,
            questions=QuestionRules(self.seed),
            quote_interval=self.quote_interval,
            heartbeat_interval=self.heartbeat_interval,
            ready_delay=self.ready_delay,
            market_data_lifetime=self.market_data_lifetime,
        )
