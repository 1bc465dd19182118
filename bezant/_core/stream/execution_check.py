"""Decides when to request from REST the executions that the stream may not have sent.

After each subscription the stream sends the executions of the last days, unless the program wants
only new ones. If the stream was interrupted, or the gateway refused the subscription or sends
nothing, executions may be missing on the stream. They are then requested from REST.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import msgspec

from ..http.backoff import Backoff
from .order_check import QUIET

if TYPE_CHECKING:
    from ...models.orders import Execution

# Number of days for which executions are requested. In responses for 1 or 2 days, executions of the
# current day have been seen to be missing.
DAYS: Final = 7
# In seconds. Executions are requested at this interval even if nothing has gone wrong, to notice
# that the gateway no longer sends them: a calm subscription and a dead one look the same.
CALM_INTERVAL: Final = 600.0
_DAY: Final = 86_400.0
_RETRY: Final = Backoff(5.0, 60.0)
# In seconds. Executions from this long before the interruption are requested, too, because the
# clocks of this machine and of the gateway may differ.
_MARGIN: Final = 60.0


class ExecutionRequest(NamedTuple):
    """Request to REST for executions.

    Attributes:
        number: number of the interruption that caused the request. If another interruption happens
            before the response comes, the response is ignored.
    """

    number: int


class ExecutionCheck:
    """State machine that decides when executions are requested from REST.

    Attributes:
        periodic: whether the request that `next` returned last is one of the regular checks.
        changed: whether the plan has changed since the last call of `next`, so that a request may
            be due earlier than that call has returned.
    """

    def __init__(self) -> None:
        self._number = 0
        self._due = math.inf
        self._failures = 0
        self._realtime_only = False
        # Executions from this time on may be missing, in seconds since 1970; None if none are.
        self._missing_since: float | None = None
        self._interrupted = False
        self._always = False
        self.periodic: bool = False
        self.changed: bool = False

    def begin(self, arguments: Mapping[str, Any], wall: float) -> None:
        """Start over for a new subscription to executions.

        Args:
            arguments: the arguments of the subscription.
            wall: the current time in seconds since 1970.
        """
        self._realtime_only = bool(arguments["realtimeUpdatesOnly"])
        self._missing_since = None if self._realtime_only else wall - arguments["days"] * _DAY
        self._interrupted = False
        self._plan(math.inf)

    def stop(self) -> None:
        """Request no executions until the stream subscribes to them again."""
        self._plan(math.inf)

    def interrupt(self, wall: float) -> None:
        """Record that executions since `wall`, in seconds since 1970, may be missing."""
        self._interrupted = True
        if self._missing_since is None:
            self._missing_since = wall - _MARGIN
        self._plan(math.inf)

    def start(self, now: float, patience: float) -> None:
        """Plan when to request executions, after the stream has sent the command to subscribe.

        Args:
            now: monotonic time.
            patience: seconds that a new subscription may take to send its first message.
        """
        if self._missing_since is None:
            self._plan(now + CALM_INTERVAL)
        else:
            self._plan(now + (QUIET if self._interrupted else patience))

    def missed(self, wall: float, now: float) -> None:
        """Record that a message was unreadable or the subscription was refused; plan a request now.

        Executions since `wall`, in seconds since 1970, may be missing.
        """
        self.interrupt(wall)
        self._plan(now, always=True)

    def _plan(self, due: float, *, always: bool = False) -> None:
        self._number += 1
        self.periodic = False
        self._due = due
        self._failures = 0
        self._always = always
        self.changed = True

    def next(self, now: float, wall: float, *, confirmed: bool) -> ExecutionRequest | float | None:
        """Return the request to send now, or the seconds until a request is due.

        The result is None if no request is planned.

        Args:
            now: monotonic time.
            wall: the current time in seconds since 1970.
            confirmed: whether the stream has sent executions since it subscribed.
        """
        self.changed = False
        if now < self._due:
            return None if self._due == math.inf else self._due - now
        self.periodic = self.periodic or self._missing_since is None
        if self._missing_since is None:
            self._missing_since = wall - CALM_INTERVAL - _MARGIN
        elif confirmed and not self._realtime_only and not self._always and not self.periodic:
            self._finish(now)  # the stream itself has sent the executions
            return CALM_INTERVAL
        return ExecutionRequest(self._number)

    def _finish(self, now: float) -> None:
        self._due = now + CALM_INTERVAL
        self._failures = 0
        self._missing_since = None
        self.periodic = False

    def take(
        self, request: ExecutionRequest, trades: list[Execution], now: float
    ) -> list[dict[str, Any]] | None:
        """Return the executions in REST's response that the stream may lack, as rows of the stream.

        The result is None if the response has to be ignored, because there was another interruption
        after the request.
        """
        since = self._missing_since
        if request.number != self._number or since is None:
            return None
        self._finish(now)
        rows = [_row(trade) for trade in trades]
        return [row for row in rows if row.get("trade_time_r", math.inf) >= since * 1000]

    def failed(self, request: ExecutionRequest, now: float, *, at_least: float = 0.0) -> None:
        """Record that a request failed, and plan to repeat it, `at_least` seconds later or more."""
        if request.number == self._number:
            self._failures += 1
            self._due = now + max(_RETRY.delay(self._failures), at_least)


def _row(trade: Execution) -> dict[str, Any]:
    """Convert an execution from REST to a row as the stream sends it, with the same field names."""
    found = cast("dict[str, Any]", msgspec.to_builtins(trade))
    row = {key: value for key, value in found.items() if value is not None}
    if row.pop("trade_time_r", None) is not None:
        row["trade_time_r"] = round(trade.time.timestamp() * 1000)
    return row
