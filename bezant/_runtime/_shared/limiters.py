"""The queue in front of each gateway: one for the whole process, for both twins alike."""

from __future__ import annotations

import functools
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from ..._core.pacing.limiter import QueuedCall, RateLimiter
from ..._core.pacing.limits import MAX_STREAMS
from ..._core.pacing.shared import Denied


class Stream(Protocol):
    """Something that has a WebSocket open."""

    @property
    def ended(self) -> bool:
        """Whether it has it open no more."""
        ...


P = ParamSpec("P")
T = TypeVar("T")


def _changing(
    method: Callable[Concatenate[ProcessRateLimiter, P], T],
) -> Callable[Concatenate[ProcessRateLimiter, P], T]:
    """Run a method under the lock, then remove the calls that have ended."""

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
    """A gateway's queue, safe for threads and event loops at once."""

    def __init__(self) -> None:
        # Reentrant, because the garbage collector may end a forgotten call in a thread that has
        # just taken the lock; `_holder` says which thread is in the middle of a change.
        self._lock = threading.RLock()
        self._holder = 0
        # Calls that are over and still have to be taken out, by whoever has the lock.
        self._over: deque[tuple[QueuedCall, float, float | None]] = deque()
        self._pacer = RateLimiter()
        self._wakers: dict[QueuedCall, Callable[[], None]] = {}
        self._forgiven = False
        self._streams: weakref.WeakSet[Stream] = weakref.WeakSet()

    @_changing
    def enter(self, queued: QueuedCall, owner: object) -> float:
        """Queue a call; return how long it has to wait at least.

        Args:
            queued: the call.
            owner: what makes the call. Once that is gone, so is the call.
        """
        now = time.monotonic()
        queued.owner = weakref.ref(owner)
        self._pacer.enter(queued)
        self._dispatch(now)
        if not queued.granted:
            self._forget(now)
        return 0.0 if queued.granted else self._pacer.seconds_until(queued, now)

    @_changing
    def seconds_until(self, queued: QueuedCall, wake: Callable[[], None] | None = None) -> float:
        """Let go whoever may go; return how long this one still has to wait at least.

        Args:
            queued: the call.
            wake: called when it may go; None leaves it as it is.
        """
        now = time.monotonic()
        if wake is not None and not queued.granted:
            self._wakers[queued] = wake
        self._forget(now)
        return 0.0 if queued.granted else self._pacer.seconds_until(queued, now)

    @_changing
    def postpone(self, queued: QueuedCall, refusal: Denied) -> float:
        """Queue a call again that other processes left no room for; return how long it has to wait.

        Args:
            queued: the call.
            refusal: who has to wait, and for how long.
        """
        now = time.monotonic()
        until = now + refusal.seconds
        self._pacer.postpone(queued, refusal.bucket, until, refusal.priority)
        self._dispatch(now)
        return 0.0 if queued.granted else self._pacer.seconds_until(queued, now)

    @_changing
    def withdraw(self, queued: QueuedCall) -> None:
        """Take out a call that was let go and did not go; `enter` queues it in its old place."""
        self._pacer.withdraw(queued)
        self._dispatch(time.monotonic())

    def leave(self, queued: QueuedCall, answered_in: float | None = None) -> None:
        """Take a call out: it is done, or does not want to go any more.

        An interrupt can end this half done: taking the same call out again completes it.

        Args:
            queued: the call.
            answered_in: after how many seconds it was answered as it should be; None if it was not.
        """
        self._over.append((queued, time.monotonic(), answered_in))
        # The garbage collector ends forgotten calls in whatever thread it runs, which may be in
        # the middle of a change: then the end of that change takes this call out, too.
        if self._holder != threading.get_ident():
            self._settle()

    @_changing
    def _settle(self) -> None:
        """Take out the calls that are over."""

    def _take_out(self) -> None:
        while self._over:
            queued, now, answered_in = self._over[0]
            self._wakers.pop(queued, None)
            self._pacer.leave(queued, now, answered_in)
            self._over.popleft()
            self._dispatch(now)

    def _forget(self, now: float) -> None:
        """Remove the calls that ended without notice, and dispatch the waiting ones."""
        for queued in self._pacer.forgotten():
            self._wakers.pop(queued, None)
            self._pacer.leave(queued, now)
        self._dispatch(now)

    def _dispatch(self, now: float) -> None:
        for queued in self._pacer.dispatch(now):
            wake = self._wakers.pop(queued, None)
            if wake is not None:
                wake()

    @_changing
    def admit(self, stream: Stream) -> bool:
        """Count a WebSocket that is about to be opened; False where there are enough already.

        A forgotten one counts no longer, nor does one that has ended.
        """
        if sum(not each.ended for each in list(self._streams)) >= MAX_STREAMS:
            return False
        self._streams.add(stream)
        return True

    @_changing
    def penalise(self, seconds: float | None) -> None:
        """Hold everything back after a 429."""
        self._pacer.penalise(time.monotonic(), seconds)

    @_changing
    def forgive(self) -> None:
        """End the penalty early."""
        now = time.monotonic()
        self._pacer.forgive()
        self._forgiven = True
        self._dispatch(now)

    def take_forgiveness(self) -> bool:
        """Say, once, whether the user ended a penalty that other processes may keep."""
        forgiven, self._forgiven = self._forgiven, False
        return forgiven

    @property
    def penalty_left(self) -> float:
        """Seconds until the penalty is over; 0 for none."""
        return max(self._pacer.blocked_until - time.monotonic(), 0.0)


_limiters: dict[str, ProcessRateLimiter] = {}
_limiters_lock = threading.Lock()


def limiter_for(key: str) -> ProcessRateLimiter:
    """Return the one queue in front of a gateway.

    Args:
        key: the gateway's `gateway_key`.
    """
    with _limiters_lock:
        limiter = _limiters.get(key)
        if limiter is None:
            limiter = _limiters[key] = ProcessRateLimiter()
        return limiter


def _start_anew() -> None:
    # A lock that another thread held during the fork would stay locked in the child.
    global _limiters_lock
    _limiters_lock = threading.Lock()
    _limiters.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
