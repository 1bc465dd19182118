"""WebSocket topic `spl`: profit and loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._wire_forms.account import Account

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._state.state import State
    from .messages import Message

# Smallest interval between two updates, in quote intervals. It is a little less than 2, so that
# each second call of `tick` sends an update.
_INTERVALS = 1.9


class ProfitAndLoss:
    """Subscription to profit and loss: first all figures, then the figures that change."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._account = Account(state)
        self._sent: dict[str, Any] | None = None
        self._sent_at = 0.0

    def begin(self, _rest: str) -> Iterator[Message]:
        """Begin the subscription, and yield the message with all figures of the account."""
        self._sent = {}
        self._state.session.gains_asked = True
        yield from self._changes()

    def end(self, _rest: str) -> Iterator[Message]:
        """End the subscription. As at IBKR, there is no response."""
        self._sent = None
        yield from ()

    def tick(self) -> Iterator[Message]:
        """If an update is due, yield the message with the figures that have changed."""
        elapsed = self._state.clock.elapsed() - self._sent_at
        if elapsed >= _INTERVALS * self._state.quote_interval:
            yield from self._changes()

    def _changes(self) -> Iterator[Message]:
        if self._sent is None:
            return
        self._sent_at = self._state.clock.elapsed()
        values = self._account.gains()
        delta = {name: new for name, new in values.items() if self._sent.get(name) != new}
        self._sent = values
        if delta:
            name = f"{self._state.account_id}.Core"
            yield {"topic": "spl", "args": {name: {"rowType": 1} | delta}}
