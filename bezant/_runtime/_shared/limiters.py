"""Rate limiters of the process: one for each gateway, shared by all clients of the gateway."""

from __future__ import annotations

import functools
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

from ..._core.pacing.limiter import QueuedCall, RateLimiter
from ..._core.pacing.limits import MAX_STREAMS

if TYPE_CHECKING:
    from ..._core.http.messages import Request
    from ..._core.marketdata.lines import MarketDataLines
    from ..._core.pacing.shared import Denied


class Stream(Protocol):
    """Interface of an object that owns an open WebSocket."""

    @property
    def ended(self) -> bool:
        """Whether the WebSocket is closed."""
        ...

    @property
    def market_data(self) -> frozenset[str]:
        """The contracts with a subscription to market data."""
        ...


P = ParamSpec("P")
T = TypeVar("T")


def _changing(
    method: Callable[Concatenate[ProcessRateLimiter, P], T],
) -> Callable[Concatenate[ProcessRateLimiter, P], T]:
    """Wrap a method, so that it runs under the lock and then removes the calls that have ended."""

    @functools.wraps(method)
    def changing(self: ProcessRateLimiter, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            self._holder = threading.get_ident()
            try:
                try:
                    return method(self, *args, **kwargs)
                finally:
                    self._take_out()
            finally:
                self._holder = 0

    return changing


class ProcessRateLimiter:
    """Rate limiter of one gateway, safe for threads and event loops at once."""

    def __init__(self) -> None:
        # The lock is reentrant, because the garbage collector may end a forgotten call in a thread
        # that has just taken the lock. `_holder` is the thread that is in the middle of a change.
        self._lock = threading.RLock()
        self._holder = 0
        # These calls have ended; the thread that has the lock removes them from the queue.
        self._ended: deque[tuple[QueuedCall, float, float | None]] = deque()
        self._limiter = RateLimiter()
        self._wakers: dict[QueuedCall, Callable[[], None]] = {}
        self._forgiven = False
        self._streams: weakref.WeakSet[Stream] = weakref.WeakSet()
        self._line_state: MarketDataLines | None = None

    @_changing
    def enter(self, queued: QueuedCall, owner: object) -> float:
        """Queue a call; return the minimum seconds that it has to wait.

        The call may be sent when its ``granted`` is True.

        Args:
            queued: the call.
            owner: object that makes the call. When it no longer exists, the call is removed.
        """
        now = time.monotonic()
        queued.owner = weakref.ref(owner)
        self._limiter.enter(queued)
        self._dispatch(now)
        if not queued.granted:
            self._forget(now)
        return 0.0 if queued.granted else self._limiter.seconds_until(queued, now)

    @_changing
    def seconds_until(self, queued: QueuedCall, wake: Callable[[], None] | None = None) -> float:
        """Grant the calls that may be sent; return the minimum seconds that `queued` has to wait.

        Args:
            queued: the call.
            wake: function called when the call is granted; None keeps the earlier function.
        """
        now = time.monotonic()
        if wake is not None and not queued.granted:
            self._wakers[queued] = wake
        self._forget(now)
        return 0.0 if queued.granted else self._limiter.seconds_until(queued, now)

    @_changing
    def postpone(self, queued: QueuedCall, denied: Denied) -> float:
        """Queue a call again, after the shared store has denied it.

        Return the minimum seconds that the call has to wait.

        Args:
            queued: the call.
            denied: the store's denial.
        """
        now = time.monotonic()
        until = now + denied.seconds
        self._limiter.postpone(queued, denied.bucket, until, denied.priority)
        self._dispatch(now)
        return 0.0 if queued.granted else self._limiter.seconds_until(queued, now)

    @_changing
    def withdraw(self, queued: QueuedCall) -> None:
        """Revoke the grant of a call that was not sent.

        If you pass the call to `enter` again, it gets its old position in the queue.
        """
        self._limiter.withdraw(queued)
        self._dispatch(time.monotonic())

    def leave(self, queued: QueuedCall, answered_in: float | None = None) -> None:
        """Remove a call that has ended, or that has stopped waiting.

        You may call this method again for the same call, in case an interrupt ended the first
        attempt in the middle.

        Args:
            queued: the call.
            answered_in: seconds from sending to the response; None if there was no response.
        """
        self._ended.append((queued, time.monotonic(), answered_in))
        # The garbage collector may run this in any thread, to end a call that nothing refers to. If
        # that thread is changing the limiter at this moment, do nothing: the code that changes it
        # removes ended calls when it is done.
        if self._holder != threading.get_ident():
            self._settle()

    @_changing
    def _settle(self) -> None:
        """Remove the calls that have ended.

        The decorator does this after every method that it wraps, so this method's body is empty.
        """

    def _take_out(self) -> None:
        while self._ended:
            queued, now, answered_in = self._ended[0]
            self._wakers.pop(queued, None)
            self._limiter.leave(queued, now, answered_in)
            self._ended.popleft()
            self._dispatch(now)

    def _forget(self, now: float) -> None:
        """Remove the calls whose owner is gone, and grant waiting calls that may be sent."""
        for queued in self._limiter.forgotten():
            self._wakers.pop(queued, None)
            self._limiter.leave(queued, now)
        self._dispatch(now)

    def _dispatch(self, now: float) -> None:
        for queued in self._limiter.dispatch(now):
            wake = self._wakers.pop(queued, None)
            if wake is not None:
                wake()

    @_changing
    def admit(self, stream: Stream) -> bool:
        """Count a WebSocket that is about to be opened; return False if too many are open.

        WebSockets that have ended, or that nothing refers to, do not count.
        """
        if sum(not each.ended for each in list(self._streams)) >= MAX_STREAMS:
            return False
        self._streams.add(stream)
        return True

    @property
    def _lines(self) -> MarketDataLines:
        if self._line_state is None:
            # imported here because not every process needs it
            from ..._core.marketdata.lines import MarketDataLines

            self._line_state = MarketDataLines()
        return self._line_state

    def _streamed(self) -> frozenset[str]:
        return frozenset[str]().union(
            *(each.market_data for each in list(self._streams) if not each.ended)
        )

    @property
    def lines(self) -> int:
        """Number of IBKR's market data lines that snapshots and streams of this process use."""
        with self._lock:
            return self._lines.count(self._streamed(), time.monotonic())

    @_changing
    def lines_sent(self, request: Request) -> None:
        """Record that a request is sent, if it uses market data lines."""
        self._lines.sent(request, time.monotonic())

    @_changing
    def lines_answered(self, request: Request, status: int) -> None:
        """Record the status of the response to a request, if it releases market data lines."""
        self._lines.answered(request, status)

    @_changing
    def released_line(self, contract: str) -> None:
        """Record that the subscription to a contract has ended, so that its line is free."""
        self._lines.released(contract)

    @_changing
    def idle_lines(self) -> list[str]:
        """Return the contracts whose market data line is used by a snapshot and not by a stream."""
        return self._lines.idle(self._streamed(), time.monotonic())

    def streamed_lines(self) -> frozenset[str]:
        """Return the contracts whose market data lines open streams use."""
        with self._lock:
            return self._streamed()

    def free_lines(self, limit: int) -> int:
        """Return how many of a number of lines are free, or only used by old snapshots."""
        with self._lock:
            return self._lines.free(self._streamed(), time.monotonic(), limit)

    @_changing
    def reserve_lines(self, contracts: list[str], limit: int) -> list[str]:
        """Reserve market data lines, and return the contracts to release before they are used.

        `unreserve_lines` ends the reservation.

        Args:
            contracts: the contracts that need a line.
            limit: number of lines that the user has.

        Raises:
            TooManyLines: there are not enough lines.
        """
        return self._lines.reserve(contracts, self._streamed(), time.monotonic(), limit)

    @_changing
    def unreserve_lines(self, contracts: list[str]) -> None:
        """End a reservation of `reserve_lines`."""
        self._lines.unreserve(contracts)

    @_changing
    def penalise(self, seconds: float | None) -> None:
        """Block all requests for some time, after a response with status 429."""
        self._limiter.penalise(time.monotonic(), seconds)

    @_changing
    def forgive(self) -> None:
        """End the penalty after a 429 early."""
        now = time.monotonic()
        self._limiter.forgive()
        self._forgiven = True
        self._dispatch(now)

    def take_forgiveness(self) -> bool:
        """Return whether the user has ended a penalty since the last call of this method.

        If so, the caller has to remove the penalty from the state that several processes share.
        """
        forgiven, self._forgiven = self._forgiven, False
        return forgiven

    @property
    def penalty_left(self) -> float:
        """Seconds until IBKR's penalty for too many requests ends; 0 if there is no penalty."""
        return max(self._limiter.blocked_until - time.monotonic(), 0.0)


_limiters: dict[str, ProcessRateLimiter] = {}
_limiters_lock = threading.Lock()


def limiter_for(key: str) -> ProcessRateLimiter:
    """Return the rate limiter that this process uses for a gateway.

    Args:
        key: the gateway's `gateway_key`.
    """
    with _limiters_lock:
        limiter = _limiters.get(key)
        if limiter is None:
            limiter = _limiters[key] = ProcessRateLimiter()
        return limiter


def _reset_after_fork() -> None:
    # The child process gets new locks, because a lock that another thread held during the fork
    # would stay locked.
    global _limiters_lock
    _limiters_lock = threading.Lock()
    _limiters.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
