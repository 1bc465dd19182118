"""WebSocket topic `str`: executions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._wire_forms.orders import execution_row
from .messages import arguments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._state.state import State
    from .messages import Message

_DAY = 86_400.0
# Keys of the list of trades that no recorded frame has.
_ONLY_LISTED = ("open_close", "submitter")


class Trades:
    """Subscription to executions: first those of the last days, then each new execution."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._active = False
        self._since = 0.0
        self._sent = 0

    def begin(self, rest: str) -> Iterator[Message]:
        """Begin the subscription, and yield messages with the executions of the last days.

        The argument `days` says how many days, by default 1. With the argument
        `realtimeUpdatesOnly`, earlier executions are left out.

        Args:
            rest: the client's command without `str+`.
        """
        given = arguments(rest)
        days: object = given.get("days")
        self._active = True
        self._since = self._state.clock.now() - (days if isinstance(days, int) else 1) * _DAY
        self._sent = 0
        yield {"topic": "str", "args": []}
        if given.get("realtimeUpdatesOnly") is True:
            with self._state.trading.now() as exchange:
                self._sent = len(exchange.executions)
        yield from self.tick()

    def end(self, _rest: str) -> Iterator[Message]:
        """End the subscription. As at IBKR, there is no response."""
        self._active = False
        yield from ()

    def tick(self) -> Iterator[Message]:
        """Yield messages with the executions since the last call."""
        if not self._active:
            return
        state = self._state
        contracts, account = state.catalogue.contracts, state.account_id
        with state.trading.now() as exchange:
            fresh = exchange.executions[self._sent :]
            self._sent = len(exchange.executions)
            rows = [
                _without(
                    execution_row(
                        each, contracts[each.conid], account, exchange.books.position(each.conid)
                    ),
                    *_ONLY_LISTED,
                )
                for each in fresh
                if each.when >= self._since
            ]
        if rows:
            # IBKR sends each execution twice, first without the commission, which it learns later.
            yield {"topic": "str", "args": [_without(row, "commission") for row in rows]}
            yield {"topic": "str", "args": rows}


def _without(row: Message, *keys: str) -> Message:
    return {key: value for key, value in row.items() if key not in keys}
