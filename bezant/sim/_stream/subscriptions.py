"""Subscriptions of one WebSocket: handles the client's commands and yields messages. No I/O."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Protocol

from .bars import Bars
from .ledger import Ledger
from .market_data import MarketData
from .messages import encode, error
from .orders import Orders
from .pnl import ProfitAndLoss
from .price_ladder import PriceLadder
from .summary import Summary
from .trades import Trades

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .._state.state import State
    from .messages import Message


class _Topic(Protocol):
    def begin(self, rest: str, /) -> Iterator[Message]: ...

    def end(self, rest: str, /) -> Iterator[Message]: ...

    def tick(self) -> Iterator[Message]: ...


# Each row has the commands that begin and end a subscription, and the class of the topic. Market
# data has no row: faults need access to its object, so `Subscriptions` creates it separately.
_TOPICS: tuple[tuple[str, str, Callable[[State], _Topic]], ...] = (
    ("sor", "uor", Orders),
    ("str", "utr", Trades),
    ("spl", "upl", ProfitAndLoss),
    ("ssd", "usd", Summary),
    ("sld", "uld", Ledger),
    ("smh", "umh", Bars),
    ("sbd", "ubd", PriceLadder),
)
# Commands that IBKR's gateway accepts and this simulation ignores.
_IGNORED = frozenset({"blt", "ntf", "shs"})
# IBKR responds to one `tic` command with this many identical messages.
_TICS = 4


class Subscriptions:
    """The subscriptions of one WebSocket connection.

    Args:
        state: the gateway's state.
        fault_of: function that returns what a fault does to a subscription: `refused`, `ignored`,
            or an empty string without a fault.

    Attributes:
        market_data: the subscriptions to market data.
    """

    def __init__(self, state: State, fault_of: Callable[[str], str]) -> None:
        self._state = state
        self._fault_of = fault_of
        self.market_data = MarketData(state)
        self._begin()

    def _begin(self) -> None:
        self._topics: list[_Topic] = [self.market_data]
        self._commands: dict[str, Callable[[str], Iterator[Message]]] = {
            "smd": self.market_data.begin,
            "umd": self.market_data.end,
        }
        for begins, ends, make in _TOPICS:
            topic = make(self._state)
            self._topics.append(topic)
            self._commands[begins] = topic.begin
            self._commands[ends] = topic.end

    def clear(self) -> None:
        """End all subscriptions, as IBKR's gateway does when the brokerage session ends."""
        self.market_data.forget(None)
        self._begin()

    def handle(self, text: str) -> Iterator[bytes]:
        """Handle a command of the client, and yield the messages to send in response."""
        name, _, rest = text.partition("+")
        # Most clients first send the session's token, as IBKR's documentation says. IBKR sends no
        # response, whether the token is right or wrong.
        if name in _IGNORED or text.startswith('{"session"'):
            return
        if name == "tic":
            yield from itertools.repeat(encode(self._tic()), _TICS)
            return
        if name == "ech":
            yield text.encode()
            return
        command = self._commands.get(name)
        if command is None:
            yield encode(error(f"Topic unknown: {name}"))
            return
        # Only a subscription can be refused, not its end.
        match self._fault_of(name) if name.startswith("s") else "":
            case "refused":
                topic = name if name == "sor" else text.split("+{", 1)[0]
                yield encode({"error": "unable to subscribe", "code": 500, "topic": topic})
            case "ignored":
                return
            case _:
                yield from map(encode, command(rest))

    def _tic(self) -> Message:
        state = self._state
        accessed = int(state.clock.now() * 1000)
        return {"topic": "tic", "alive": True, "id": state.session.token, "lastAccessed": accessed}

    def tick(self) -> Iterator[bytes]:
        """Yield the messages with all changes since the last call."""
        # Use indexes: while the connection sends a message of this generator, `clear` may replace
        # the list.
        for number in range(len(self._topics)):
            yield from map(encode, self._topics[number].tick())
