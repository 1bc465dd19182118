"""WebSocket topic `sbd`: price ladder."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from .._wire_forms.quotes import Quotes
from .messages import target_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._state.state import State
    from .messages import Message

_ROWS = 5  # rows above the last price; there are as many below it


class PriceLadder:
    """Subscriptions to price ladders: bid and ask sizes at the prices around the last price.

    The first message has all rows of the ladder; later messages have only the rows that have
    changed.
    """

    def __init__(self, state: State) -> None:
        self._quotes = Quotes(state)
        self._sent: dict[str, dict[int, Message]] = {}

    def begin(self, rest: str) -> Iterator[Message]:
        """Begin the subscription to a contract's price ladder, and yield all rows of the ladder.

        Args:
            rest: the client's command without `sbd+`.
        """
        target, _ = target_of(rest)
        self._sent[target] = {}
        yield from self.tick()

    def end(self, rest: str) -> Iterator[Message]:
        """End the subscriptions to all price ladders of an account. As at IBKR, nothing is sent.

        Args:
            rest: the client's command without `ubd+`: the account id.
        """
        account, _ = target_of(rest)
        self._sent = {
            target: rows
            for target, rows in self._sent.items()
            if target.partition("+")[0] != account
        }
        yield from ()

    def tick(self) -> Iterator[Message]:
        """Yield the rows that have changed since the last call, one message per ladder."""
        for target, sent in list(self._sent.items()):
            rows = [row for row in self._rows(target) if sent.get(row["row"]) != row]
            sent.update((row["row"], row) for row in rows)
            if rows:
                yield {"topic": f"sbd+{target}", "data": rows}

    def _rows(self, target: str) -> Iterator[Message]:
        try:
            conid = int(target.split("+")[1])
            last = self._quotes.last(conid)
        except (ValueError, IndexError):
            return
        if last is None:
            return
        for row in range(-_ROWS, _ROWS + 1):
            price = f"{last - Decimal(row) / 100:.2f}"
            size = str(100 * (abs(row) + 1))
            side = {} if row == 0 else {"bid" if row > 0 else "ask": size}
            focus = int(row == 0)
            yield {
                "row": row + _ROWS,
                "focus": focus,
                "price": f"100 @ {price}" if focus else price,
            } | side
