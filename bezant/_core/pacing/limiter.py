"""Rate limiter: queues the calls of one process and lets them pass in order of priority.

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

# An operation's shortest response time is used only after this many responses.
_ENOUGH: Final = 10
# Highest number of operations whose response times are kept. Without a limit the table could grow
# forever, because each path of a raw call counts as an operation of its own.
_REMEMBERED: Final = 500

# Calls with a lower number are sent first. Orders and cancels have the same priority.
_PRIORITIES: Final = {TICKLE: 0, CANCEL: 1, ORDER: 1, READ: 2}
LEAST_URGENT: Final = _PRIORITIES[READ]
_KINDS: Final = {"tickle": TICKLE, "cancel": CANCEL, "order": ORDER, "read": READ}


def kind_of(operation: Operation) -> int:
    """Return the kind of a call: tickle, cancel, order (also a reply) or read (any other call)."""
    return _KINDS[operation.priority]


def priority_of(kind: int) -> int:
    """Return a kind's priority; tickles have the lowest number, reads the highest."""
    return _PRIORITIES[kind]


class ResponseTimes:
    """Records the shortest response time of each operation."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, int]] = {}

    def learn(self, operation: Operation, seconds: float) -> float:
        """Record a response time; return the shortest time that a response takes from IBKR to here.

        The result is half of the operation's shortest response time so far, in seconds. It assumes
        that the way to IBKR and the way back take equally long. For the first ten responses of an
        operation the result is 0, which means that the time is not known: the first requests after
        a start are slower, because connections to IBKR are opened for them.

        Args:
            operation: the call.
            seconds: response time of the call, in seconds.
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
    """One call that waits in the queue or is in flight.

    Attributes:
        operation: the call.
        bucket: name of the rate limit against which the call counts in addition to the session's;
            empty for none.
        limits: the rate limits of this name, which may be several, such as one per second and one
            per minute.
        kind: kind of the call: tickle, cancel, order or read.
        order: position in the queue, by priority and then by arrival.
        token: unique name of the call within the process.
        granted: whether the call may be sent.
        went: time when the limiter granted the call; 0 before that.
        return_time: time, in seconds, that certainly passed between the request's arrival at IBKR
            and the arrival of its response here; 0 if nothing is known about this time.
        owner: weak reference to the object that makes the call. Calling it returns the object, or
            None if the object no longer exists.
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
        """Return an operation's call in the form that `RateLimiter.enter` takes."""
        bucket = operation.limit
        kind = kind_of(operation)
        number = next(_numbers)
        order = (priority_of(kind), number)
        return cls(operation, bucket, LIMITS.get(bucket, ()), kind, order, str(number))

    @property
    def is_tickle(self) -> bool:
        """Whether the call is a tickle (a call of ``/tickle``), which keeps the session alive."""
        return self.kind == TICKLE

    @property
    def is_urgent(self) -> bool:
        """Whether the call is sent before waiting reads: it is a tickle, a cancel or an order."""
        return self.kind != READ


class RateLimiter:
    """Queue of the calls of one process to one gateway."""

    def __init__(self, session_limit: Limit = SESSION_LIMIT) -> None:
        self._session_limit = session_limit
        self._state = LimitState()
        # Until these times, calls have to wait because requests of other processes use up the
        # limits: the calls of a bucket (`_held`), and the calls of a priority (`_paused`).
        self._held: dict[str, float] = {}
        self._paused = [0.0] * (LEAST_URGENT + 1)
        self._waiting: list[QueuedCall] = []
        self._in_flight: set[QueuedCall] = set()
        self._response_times = ResponseTimes()

    @property
    def blocked_until(self) -> float:
        """Time at which IBKR's penalty for too many requests ends; 0 if there was none."""
        return self._state.blocked_until

    def enter(self, queued: QueuedCall) -> None:
        """Queue a call."""
        if self._waiting:
            insort(self._waiting, queued, key=lambda each: each.order)
        else:
            self._waiting.append(queued)

    def postpone(self, queued: QueuedCall, bucket: str, until: float, priority: int = 0) -> None:
        """Queue a granted call again, because requests of other processes leave no room for it.

        Args:
            queued: the call.
            bucket: name of the rate limit that is full; "" for the session's.
            until: time when the call may be tried again.
            priority: if `bucket` is empty, calls of this priority and all less urgent calls wait.
        """
        self.withdraw(queued)
        if bucket:
            self._held[bucket] = max(until, self._held.get(bucket, 0.0))
        else:
            for each in range(priority, len(self._paused)):
                self._paused[each] = max(until, self._paused[each])
        self.enter(queued)

    def withdraw(self, queued: QueuedCall) -> None:
        """Revoke the grant of a call that was not sent.

        If you pass the call to `enter` again, it gets its old position in the queue.
        """
        self._in_flight.discard(queued)
        queued.granted = False
        self._state.withdraw(queued.token)

    def dispatch(self, now: float) -> list[QueuedCall]:
        """Mark the calls that may be sent now as granted, and return them in order.

        If the rate limit of a call's operation is full, calls behind it in the queue may be sent
        first.
        """
        state = self._state
        if not self._waiting or now < state.blocked_until:
            return []
        granted: list[QueuedCall] = []
        full: set[int | str] = set()  # kinds and buckets without room
        for queued in self._waiting:
            if now < self._paused[queued.order[0]]:
                break  # the rest of the queue is not more urgent
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
        """Return the minimum time, in seconds, that a queued call still has to wait.

        The call may have to wait longer, even if the result is 0: only `dispatch` lets it pass.
        """
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
        """Remove a call that has ended, or that gives up waiting.

        You may call this method again for the same call, in case an interrupt ended the first
        attempt in the middle.

        Args:
            queued: the call.
            now: the current time.
            answered_in: seconds from sending to the response; None if there was no response.
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
        """Return the calls that still wait or hold a slot although their owner no longer exists.

        An interrupt can end a call between any two steps. Without this method, its slot would stay
        occupied forever.
        """
        return [
            each
            for each in (*self._waiting, *self._in_flight)
            if each.owner is not None and each.owner() is None
        ]

    def penalise(self, now: float, seconds: float | None) -> None:
        """Block all requests, because the gateway responded that there were too many.

        Args:
            now: the current time.
            seconds: length of the penalty in seconds; None for the length that IBKR documents.
        """
        self._state.penalise(now, seconds)

    def forgive(self) -> None:
        """End the penalty early."""
        self._state.blocked_until = 0.0
        self._held.clear()
        self._paused = [0.0] * len(self._paused)
