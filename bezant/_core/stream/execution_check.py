"""Execution check: decides when to request the executions that the stream may not have sent.

The stream sends the executions of the last days after each subscription, unless the program wants
new ones only. After an interruption, a refusal or silence, REST has the executions that are
missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import msgspec

from ..http.backoff import Backoff
from .order_check import QUIET

if TYPE_CHECKING:
    from ...models.orders import Trade

# Days. With 1 or 2, the gateway has been seen to leave out the executions of the current day.
DAYS: Final = 7
_DAY: Final = 86_400.0
_RETRY: Final = Backoff(5.0, 60.0)
# Seconds. The clocks of this machine and of the gateway differ.
_MARGIN: Final = 60.0


class ExecutionRequest(NamedTuple):
    """A request to REST.

    Attributes:
        number: number of the interruption; a response for an earlier one is ignored.
    """

    number: int


class ExecutionCheck:
    """State machine that requests executions after an interruption.

    Attributes:
        changed: whether the next step may be due earlier than `next` has returned.
    """

    def __init__(self) -> None:
        self._number = 0
        self._due = math.inf
        self._failures = 0
        self._realtime_only = False
        # Time since which executions may be missing, in seconds since 1970; None if none are.
        self._missing_since: float | None = None
        self._interrupted = False
        self._always = False
        self.changed: bool = False

    def begin(self, arguments: Mapping[str, Any], wall: float) -> None:
        """Begin with a new subscription.

        Args:
            arguments: the arguments of the subscription.
            wall: time of day in seconds since 1970.
        """
        self._realtime_only = bool(arguments["realtimeUpdatesOnly"])
        self._missing_since = None if self._realtime_only else wall - arguments["days"] * _DAY
        self._interrupted = False
        self._plan(math.inf)

    def stop(self) -> None:
        """Request nothing more until the stream subscribes again."""
        self._plan(math.inf)

    def interrupt(self, wall: float) -> None:
        """Record that executions may be missing from a time on, in seconds since 1970."""
        self._interrupted = True
        if self._missing_since is None:
            self._missing_since = wall - _MARGIN
        self._plan(math.inf)

    def start(self, now: float, patience: float) -> None:
        """Start the check after the stream has sent the subscription.

        Args:
            now: monotonic time.
            patience: seconds that a new subscription may take to send its first message.
        """
        if self._missing_since is not None:
            self._plan(now + (QUIET if self._interrupted else patience))

    def missed(self, wall: float, now: float) -> None:
        """Record that a message about executions could not be read, or was refused."""
        self.interrupt(wall)
        self._plan(now, always=True)

    def _plan(self, due: float, *, always: bool = False) -> None:
        self._number += 1
        self._due = due
        self._failures = 0
        self._always = always
        self.changed = True

    def next(self, now: float, *, confirmed: bool) -> ExecutionRequest | float | None:
        """Return a request to send, or the seconds until one is due; None if none will be.

        Args:
            now: monotonic time.
            confirmed: whether the stream has sent executions since the subscription.
        """
        self.changed = False
        if now < self._due:
            return None if self._due == math.inf else self._due - now
        if confirmed and not self._realtime_only and not self._always:
            self._finish()  # the stream has sent all executions of the last days
            return None
        return ExecutionRequest(self._number)

    def _finish(self) -> None:
        self._due = math.inf
        self._failures = 0
        self._missing_since = None

    def take(self, request: ExecutionRequest, trades: list[Trade]) -> list[dict[str, Any]] | None:
        """Return the executions of a response that may be missing, as rows of the stream.

        None if the response is for an earlier interruption.
        """
        since = self._missing_since
        if request.number != self._number or since is None:
            return None
        self._finish()
        rows = [_row(trade) for trade in trades]
        return [row for row in rows if row.get("trade_time_r", math.inf) >= since * 1000]

    def failed(self, request: ExecutionRequest, now: float, *, at_least: float = 0.0) -> None:
        """Record that a request failed; it is repeated later."""
        if request.number == self._number:
            self._failures += 1
            self._due = now + max(_RETRY.delay(self._failures), at_least)


def _row(trade: Trade) -> dict[str, Any]:
    """Return an execution as a row of the stream, which has the same names."""
    found = cast("dict[str, Any]", msgspec.to_builtins(trade))
    row = {key: value for key, value in found.items() if value is not None}
    if row.pop("trade_time_r", None) is not None:
        row["trade_time_r"] = round(trade.time.timestamp() * 1000)
    return row
