"""WebSocket topic `smh`: historical bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._wire_forms.bars import History
from .messages import Message, target_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._state.state import State

_MAX_SUBSCRIPTIONS = 5


class Bars:
    """Subscriptions to historical bars. The bars are sent once, when the subscription begins."""

    def __init__(self, state: State) -> None:
        self._history = History(state)
        self._subscriptions: dict[str, str] = {}
        self._served = 0

    def begin(self, rest: str) -> Iterator[Message]:
        """Begin a subscription to bars, and yield the message with the bars.

        Args:
            rest: the client's command without `smh+`.
        """
        target, given = target_of(rest)
        try:
            body = self._history.bars(
                int(target.partition("@")[0]),
                str(given.get("period", "1d")),
                str(given.get("bar", "5min")),
                extended=given.get("outsideRth") is True,
            )
        except (KeyError, ValueError):
            body = {"data": list[Message](), "points": 0}
        if len(self._subscriptions) >= _MAX_SUBSCRIPTIONS:
            return
        self._served += 1
        server_id = f"{self._served}{target.partition('@')[0]}"
        self._subscriptions[server_id] = target
        yield body | {"topic": f"smh+{target}", "serverId": server_id}

    def end(self, rest: str) -> Iterator[Message]:
        """End a subscription. As at IBKR, there is no response.

        Args:
            rest: the client's command without `umh+`: the server id of the subscription.
        """
        server_id, _ = target_of(rest)
        self._subscriptions.pop(server_id, None)
        yield from ()

    def tick(self) -> Iterator[Message]:
        """Yield nothing: this simulation sends no updates of bars."""
        yield from ()
