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

from .._core.pacing import MAX_STREAMS, Pacer, Ticket
from .._core.wire import Operation


class Stream(Protocol):
    """Something that has a WebSocket open."""

    @property
    def ended(self) -> bool:
        """Whether it has it open no more."""
        ...


P = ParamSpec("P")
T = TypeVar("T")


def _exclusive(
    method: Callable[Concatenate[Gate, P], T],
) -> Callable[Concatenate[Gate, P], T]:
    """Run a method under the lock, then take out the calls that ended."""

    @functools.wraps(method)
    def exclusive(self: Gate, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.lock:
            self.holder = threading.get_ident()
            try:
                return method(self, *args, **kwargs)
            finally:
                self.settle()
                self.holder = 0

    return exclusive


class Gate:
    """A gateway's queue, safe for threads and event loops at once.

    Attributes:
        lock: held over every change.
        holder: the thread that is in the middle of a change; 0 for none.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.holder = 0
        # Calls that are over and still have to be taken out.
        self._over: deque[tuple[Ticket, float, float | None]] = deque()
        self._pacer = Pacer()
        self._wakers: dict[Ticket, Callable[[], None]] = {}
        self._forgiven = False
        self._streams: weakref.WeakSet[Stream] = weakref.WeakSet()

    @_exclusive
    def enter(
        self, operation: Operation, wake: Callable[[], None], owner: object
    ) -> tuple[Ticket, float]:
        """Queue a call; return its ticket, and how long it has to wait at least.

        Args:
            operation: the call.
            wake: called when it may go.
            owner: the caller; its slot is reclaimed once it is garbage-collected.
        """
        now = time.monotonic()
        ticket = self._pacer.enter(operation, weakref.ref(owner))
        self._wakers[ticket] = wake
        self._dispatch(now)
        if not ticket.granted:
            self._forget(now)
        return ticket, 0.0 if ticket.granted else self._pacer.seconds_until(ticket, now)

    @_exclusive
    def seconds_until(self, ticket: Ticket) -> float:
        """Let go whoever may go; return how long this one still has to wait at least."""
        now = time.monotonic()
        self._forget(now)
        return 0.0 if ticket.granted else self._pacer.seconds_until(ticket, now)

    @_exclusive
    def postpone(
        self, ticket: Ticket, bucket: str, seconds: float, wake: Callable[[], None]
    ) -> float:
        """Queue a call again that other processes left no room for; return how long it has to wait.

        Args:
            ticket: the call.
            bucket: whose limit is full; "" for everybody's.
            seconds: when it may be tried again.
            wake: called when it may go.
        """
        now = time.monotonic()
        self._wakers[ticket] = wake
        self._pacer.postpone(ticket, bucket, now + seconds)
        self._dispatch(now)
        return 0.0 if ticket.granted else self._pacer.seconds_until(ticket, now)

    def leave(self, ticket: Ticket, answered_in: float | None = None) -> None:
        """Take a call out: it is done, or does not want to go any more.

        Args:
            ticket: the call.
            answered_in: after how many seconds it was answered as it should be; None if it was not.
        """
        self._over.append((ticket, time.monotonic(), answered_in))
        # The garbage collector ends forgotten calls in any thread, also in the middle of a change.
        # That change then settles this at its end.
        if self.holder != threading.get_ident():
            self._settle_now()

    @_exclusive
    def _settle_now(self) -> None:
        pass  # it is done behind every change

    def settle(self) -> None:
        """Take out the calls that are over; the lock is held."""
        while self._over:
            ticket, now, answered_in = self._over.popleft()
            self._wakers.pop(ticket, None)
            self._pacer.leave(ticket, now, answered_in)
            self._dispatch(now)

    def _forget(self, now: float) -> None:
        """Take out the calls whose caller is gone, then grant slots."""
        for ticket in self._pacer.forgotten():
            self._wakers.pop(ticket, None)
            self._pacer.leave(ticket, now)
        self._dispatch(now)

    def _dispatch(self, now: float) -> None:
        for ticket in self._pacer.dispatch(now):
            wake = self._wakers.pop(ticket, None)
            if wake is not None:
                wake()

    @_exclusive
    def admit(self, stream: Stream) -> bool:
        """Count a WebSocket that is about to be opened; False where there are enough already.

        A forgotten one counts no longer, nor does one that has ended.
        """
        if sum(not each.ended for each in list(self._streams)) >= MAX_STREAMS:
            return False
        self._streams.add(stream)
        return True

    @_exclusive
    def penalise(self, seconds: float | None) -> None:
        """Hold everything back after a 429."""
        self._pacer.penalise(time.monotonic(), seconds)

    @_exclusive
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


_gates: dict[str, Gate] = {}
_gates_lock = threading.Lock()


def gate_for(root: str) -> Gate:
    """Return the one queue in front of a gateway."""
    with _gates_lock:
        gate = _gates.get(root)
        if gate is None:
            gate = _gates[root] = Gate()
        return gate


def _start_anew() -> None:
    # A lock that another thread held during the fork would stay locked in the child.
    global _gates_lock
    _gates_lock = threading.Lock()
    _gates.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
