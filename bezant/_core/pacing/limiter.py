"""Rate limiter: the queue of the calls of one process, which grants them in order of priority.

IBKR counts the requests of a session. If there are too many, it blocks the IP address for 10 to 15
minutes, so calls wait here before they are sent. `LimitState` decides whether a call may be sent.
"""

from __future__ import annotations

import itertools
from bisect import insort
from collections.abc import Callable
from typing import Final, Self

import msgspec

from ..http.operation import Operation
from .limits import LIMITS, SESSION_LIMIT, Limit
from .slots import CANCEL, ORDER, READ, TICKLE
from .state import InFlight, LimitState

# The shortest response time of an operation is used only after this many responses.
_ENOUGH: Final = 10
# Response times are kept for this many operations, because the path of each raw call is an
# operation of its own.
_REMEMBERED: Final = 500

# A call with a lower number is sent first. An order and a cancel are equally urgent.
_PRIORITIES: Final = {TICKLE: 0, CANCEL: 1, ORDER: 1, READ: 2}
LEAST_URGENT: Final = _PRIORITIES[READ]
_KINDS: Final = {"tickle": TICKLE, "cancel": CANCEL, "order": ORDER, "read": READ}


def kind_of(operation: Operation) -> int:
    """Return the kind of a call: tickle, cancel, order (or reply) or read (anything else)."""
    return _KINDS[operation.priority]


def priority_of(kind: int) -> int:
    """Return the priority of a kind: tickles first, then orders and cancels, then reads."""
    return _PRIORITIES[kind]


class ResponseTimes:
    """Shortest response time of each operation."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, int]] = {}

    def learn(self, operation: Operation, seconds: float) -> float:
        """Record a response time; return the least time from a request's arrival to its response.

        The result is half of the shortest response time so far, on the assumption that the way to
        IBKR and the way back take equally long. The result is 0 for the first ten responses of an
        operation, because the first requests after a start wait for connections all the way to
        IBKR.

        Args:
            operation: the call.
            seconds: response time of the call.
        """
        name = operation.name
        quickest, count = self._seen.pop(name, (seconds, 0))
        quickest = min(quickest, seconds)
        self._seen[name] = (quickest, count + 1)
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return quickest / 2 if count >= _ENOUGH else 0.0


_numbers = itertools.count()


class QueuedCall(msgspec.Struct, eq=False):
    """One call in the queue, or in flight.

    Attributes:
        operation: the call.
        bucket: rate limit against which the call counts in addition to the session's; empty for
            none.
        limits: limits of the bucket.
        kind: kind of the call.
        order: position in the queue: priority, then arrival.
        token: the call's name in the state.
        granted: whether the call may be sent.
        went: time at which the call got its permit.
        return_time: seconds that a response takes at least after the request has arrived; known
            once there was a response.
        owner: function that returns the object that makes the call; None if the object is gone.
    """

    operation: Operation
    bucket: str
    limits: tuple[Limit, ...]
    kind: int
    order: tuple[int, int]
    token: str
    granted: bool = False
    went: float = 0.0
    return_time: float = 0.0
    owner: Callable[[], object] | None = None

    @classmethod
    def of(cls, operation: Operation) -> Self:
        """Return a call to queue with `RateLimiter.enter`."""
        bucket = operation.limit
        kind = kind_of(operation)
        number = next(_numbers)
        order = (priority_of(kind), number)
        return cls(operation, bucket, LIMITS.get(bucket, ()), kind, order, str(number))

    @property
    def is_tickle(self) -> bool:
        """Whether the call is a tickle, which renews the session."""
        return self.kind == TICKLE

    @property
    def is_urgent(self) -> bool:
        """Whether the call is sent before reads."""
        return self.kind != READ


class RateLimiter:
    """Queue of the calls of one process to one gateway."""

    def __init__(self, session_limit: Limit = SESSION_LIMIT) -> None:
        self._session_limit = session_limit
        self._state = LimitState()
        # Until these times, other processes hold back a bucket, or a priority and all less urgent
        # priorities.
        self._held: dict[str, float] = {}
        self._paused = [0.0] * (LEAST_URGENT + 1)
        self._waiting: list[QueuedCall] = []
        self._in_flight: set[QueuedCall] = set()
        self._response_times = ResponseTimes()

    @property
    def blocked_until(self) -> float:
        """Time at which the penalty for too many requests ends."""
        return self._state.blocked_until

    def enter(self, queued: QueuedCall) -> None:
        """Queue a call."""
        if self._waiting:
            insort(self._waiting, queued, key=lambda each: each.order)
        else:
            self._waiting.append(queued)

    def postpone(self, queued: QueuedCall, bucket: str, until: float, priority: int = 0) -> None:
        """Queue a granted call again, because the shared store denied the call.

        Args:
            queued: the call.
            bucket: bucket whose limit is full; "" for the session's.
            until: time at which the call may be tried again.
            priority: without a bucket, the most urgent priority that has to wait.
        """
        self.withdraw(queued)
        if bucket:
            self._held[bucket] = max(until, self._held.get(bucket, 0.0))
        else:
            for each in range(priority, len(self._paused)):
                self._paused[each] = max(until, self._paused[each])
        self.enter(queued)

    def withdraw(self, queued: QueuedCall) -> None:
        """Remove a granted call that was not sent; `enter` queues it in its old position."""
        self._in_flight.discard(queued)
        queued.granted = False
        self._state.withdraw(queued.token)

    def dispatch(self, now: float) -> list[QueuedCall]:
        """Grant the calls that may be sent now, in order, and return them.

        If the bucket of a call is full, the calls behind it may be sent first.
        """
        state = self._state
        if not self._waiting or now < state.blocked_until:
            return []
        granted: list[QueuedCall] = []
        full: set[int | str] = set()  # kinds without a slot, and buckets that are full
        for queued in self._waiting:
            if now < self._paused[queued.order[0]]:
                break  # all less urgent calls have no slot either
            if queued.kind in full or queued.bucket in full:
                continue
            if now < self._held.get(queued.bucket, 0.0):
                continue
            why = state.full(queued.kind, queued.bucket, queued.limits, self._session_limit, now)
            if why is not None:
                if why.bucket == "":
                    break
                full.add(queued.kind if why.bucket is None else why.bucket)
                continue
            queued.granted, queued.went = True, now
            self._in_flight.add(queued)
            state.admit(queued.token, InFlight(now, bucket=queued.bucket, kind=queued.kind))
            granted.append(queued)
        if granted:
            self._waiting = [each for each in self._waiting if not each.granted]
        return granted

    def seconds_until(self, queued: QueuedCall, now: float) -> float:
        """Return the seconds that a queued call has to wait at least."""
        ahead = [each for each in self._waiting if each.order < queued.order]
        held = max(self._paused[queued.order[0]], self._held.get(queued.bucket, 0.0))
        state = self._state
        wait = max(state.blocked_until, held) - now
        wait = max(wait, state.seconds_until_free("", self._session_limit, now, len(ahead)))
        if queued.bucket:
            same = sum(each.bucket == queued.bucket for each in ahead)
            for limit in queued.limits:
                wait = max(wait, state.seconds_until_free(queued.bucket, limit, now, same))
        return max(wait, 0.0)

    def leave(self, queued: QueuedCall, now: float, answered_in: float | None = None) -> None:
        """Remove a call that has ended, or that does not wait any longer.

        You may call this method again for the same call, because an interrupt can cut it short.

        Args:
            queued: the call.
            now: the current time.
            answered_in: seconds until the response; None if the call failed.
        """
        if answered_in is not None:
            queued.return_time = self._response_times.learn(queued.operation, answered_in)
        state = self._state
        state.land(queued.token, now, queued.return_time)
        self._in_flight.discard(queued)
        if queued in self._waiting:
            self._waiting.remove(queued)
        state.prune("", self._session_limit.seconds, now)
        if queued.limits:
            state.prune(queued.bucket, max(each.seconds for each in queued.limits), now)

    def forgotten(self) -> list[QueuedCall]:
        """Return the calls that still wait or hold a slot although their owner is gone.

        An interrupt can end a call between any two steps, and its slot would be lost.
        """
        return [
            each
            for each in (*self._waiting, *self._in_flight)
            if each.owner is not None and each.owner() is None
        ]

    def penalise(self, now: float, seconds: float | None) -> None:
        """Block all requests, because the gateway reported too many.

        Args:
            now: the current time.
            seconds: length of the penalty; None for the length that IBKR documents.
        """
        self._state.penalise(now, seconds)

    def forgive(self) -> None:
        """End the penalty early."""
        self._state.blocked_until = 0.0
        self._held.clear()
        self._paused = [0.0] * len(self._paused)
