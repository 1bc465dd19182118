"""State of one simulated gateway, and the factory that creates it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._market.catalogue import Catalogue
from .._scenario.scenario import Scenario
from .questions import QuestionRules
from .trading import Trading

if TYPE_CHECKING:
    from .._faults.plan import Plan
    from .._scenario.clock import Clock
    from .session import Session


@dataclass(frozen=True, slots=True)
class State:
    """State of a simulated gateway, shared by REST and WebSockets. Times are simulated seconds.

    Attributes:
        account_id: the account's id.
        clock: the time of the simulation.
        session: login and brokerage session.
        catalogue: the contracts that exist.
        trading: the account and the simulated exchange.
        questions: confirmation questions about orders.
        quote_interval: time between two changes of prices, and between two updates of a WebSocket's
            subscriptions.
        heartbeat_interval: time between two heartbeats of a WebSocket.
        ready_delay: time from a WebSocket's handshake until it accepts subscriptions.
        market_data_lifetime: time until a market data subscription ends.
        plan: the faults that change how the gateway behaves.
    """

    account_id: str
    clock: Clock
    session: Session
    catalogue: Catalogue
    trading: Trading
    questions: QuestionRules
    quote_interval: float
    heartbeat_interval: float
    ready_delay: float
    market_data_lifetime: float
    plan: Plan

    def has_line(self, conid: int) -> bool:
        """Return whether a contract has a market data line, or can get one.

        If it cannot, this counts for the fault that limits the lines.
        """
        fields = self.session.fields
        fault = self.plan.switched("limit_lines")
        if fault is None or conid in fields or len(fields) < fault.number:
            return True
        self.plan.note(fault)
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFactory:
    """Creates the state of a gateway, when the gateway is created and again at each reset.

    Attributes:
        account_id: the account's id.
        positions: how many positions the account holds, unless a scenario lists them.
        seed: seed from which contracts, positions and prices are generated.
        quote_interval: see `State`.
        heartbeat_interval: see `State`.
        ready_delay: see `State`.
        market_data_lifetime: see `State`.

    Raises:
        ValueError: a number is out of range.
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

    def make(self, session: Session, clock: Clock, scenario: Scenario | None, plan: Plan) -> State:
        """Create the state of a gateway.

        Args:
            session: login and brokerage session of the gateway.
            clock: the clock of the simulation.
            scenario: what the account holds; None for `Scenario()`.
            plan: the faults of the gateway.

        Raises:
            ValueError: the scenario names a contract that does not exist.
        """
        catalogue = Catalogue(self.seed, self.positions, clock.now)
        trading = Trading(
            catalogue, clock, scenario or Scenario(), seed=self.seed, interval=self.quote_interval
        )
        return State(
            account_id=self.account_id,
            clock=clock,
            session=session,
            catalogue=catalogue,
            trading=trading,
            questions=QuestionRules(self.seed),
            quote_interval=self.quote_interval,
            heartbeat_interval=self.heartbeat_interval,
            ready_delay=self.ready_delay,
            market_data_lifetime=self.market_data_lifetime,
            plan=plan,
        )
