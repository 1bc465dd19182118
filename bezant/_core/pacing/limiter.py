"""The queue in front of one gateway: which call may be sent, and when.

IBKR counts requests for each session and punishes the whole IP address for 10 to 15 minutes when
there are too many, so they are held back here, before they are sent.
"""

from __future__ import annotations

import itertools
from bisect import insort
from collections.abc import Callable, Collection
from typing import Final, Self

import msgspec

from ..http.operation import Operation
from .limits import (
    KEPT_FOR_ORDERS,
    KEPT_FOR_TICKLE,
    LIMITS,
    MAX_IN_FLIGHT,
    PENALTY,
    SESSION_LIMIT,
    Limit,
)
from .window import Window, latest

# Answers to an operation that must have been seen before they tell how quick one can be.
_ENOUGH: Final = 10
# Operations whose answers' times are remembered: a raw call's path is an operation of its own.
_REMEMBERED: Final = 500

# What a call is. The more urgent one goes first; an order and a cancel are equally urgent.
TICKLE, CANCEL, ORDER, READ = range(4)
_PRIORITIES: Final = {TICKLE: 0, CANCEL: 1, ORDER: 1, READ: 2}
LEAST_URGENT: Final = _PRIORITIES[READ]
_KINDS: Final = {"tickle": TICKLE, "cancel": CANCEL, "order": ORDER, "read": READ}


def kind_of(operation: Operation) -> int:
    """Return whether a call is a tickle, a cancel, an order (or a reply), or anything else."""
    return _KINDS[operation.priority]


def priority_of(kind: int) -> int:
    """Return whose turn comes first: the tickle's, then an order's or a cancel's, then a read's."""
    return _PRIORITIES[kind]


# So many calls of any kind leave the slots that are kept for others free.
_READS_IN_FLIGHT: Final = MAX_IN_FLIGHT - KEPT_FOR_TICKLE - KEPT_FOR_ORDERS


def has_slot(kind: int, in_flight: Collection[int], urgent: int = 0) -> bool:
    """Return whether the gateway has a slot for one more call.

    Args:
        kind: what the call is.
        in_flight: what the calls in flight are.
        urgent: how many urgent calls are waiting elsewhere: a read leaves them their slots.
    """
    if len(in_flight) + urgent < _READS_IN_FLIGHT:
        return True
    if len(in_flight) >= MAX_IN_FLIGHT:
        return False
    if kind < ORDER:
        return True
    # A tickle has a slot of its own.
    others = sum(each != TICKLE for each in in_flight)
    if kind == ORDER:
        return others < MAX_IN_FLIGHT - KEPT_FOR_TICKLE
    reads = sum(each == READ for each in in_flight)
    return others + urgent < MAX_IN_FLIGHT - KEPT_FOR_TICKLE and reads < _READS_IN_FLIGHT


class ResponseTimes:
    """How long the answers to each operation take at least."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, int]] = {}

    def learn(self, operation: Operation, seconds: float) -> float:
        """Learn of an answer; return how long one takes at least after its request has arrived.

        Half of the quickest one: what is left when nothing was done, and both ways are as long. The
        first requests after a start wait for connections all the way to IBKR, and tell nothing.

        Args:
            operation: the call.
            seconds: after how many it was answered.
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
    """One call's place in the queue.

    Attributes:
        operation: the call.
        bucket: what it is counted in besides the session's limit.
        kind: what it is.
        order: where it stands: priority, then arrival.
        granted: whether it may go.
        went: when it was let go.
        return_time: once it was answered, the seconds that an answer takes at least after its
            request has arrived.
        owner: returns what makes the call, or None where that was forgotten.
    """

    operation: Operation
    bucket: str
    kind: int
    order: tuple[int, int]
    granted: bool = False
    went: float = 0.0
    return_time: float = 0.0
    owner: Callable[[], object] | None = None

    @classmethod
    def of(cls, operation: Operation) -> Self:
        """Return a ticket for a call; `RateLimiter.enter` queues it."""
        kind = kind_of(operation)
        return cls(operation, operation.limit, kind, (priority_of(kind), next(_numbers)))

    @property
    def is_tickle(self) -> bool:
        """Whether it renews the session."""
        return self.kind == TICKLE

    @property
    def is_urgent(self) -> bool:
        """Whether reads have to let it pass."""
        return self.kind != READ


class RateLimiter:
    """The queue in front of one gateway.

    Attributes:
        blocked_until: when the penalty for too many requests is over.
    """

    def __init__(self, session_limit: Limit = SESSION_LIMIT) -> None:
        self.blocked_until = 0.0
        self._session = Window(session_limit)
        self._buckets: dict[str, list[Window]] = {}
        # Until when nothing of a bucket is let go, and nothing of a priority.
        self._held: dict[str, float] = {}
        self._paused = [0.0] * (LEAST_URGENT + 1)
        self._waiting: list[QueuedCall] = []
        self._in_flight: set[QueuedCall] = set()
        self._answers = ResponseTimes()

    def enter(self, queued: QueuedCall) -> None:
        """Queue a call."""
        bucket = queued.bucket
        if bucket and bucket not in self._buckets:
            self._buckets[bucket] = [Window(limit) for limit in LIMITS[bucket]]
        self._queue(queued)

    def _queue(self, queued: QueuedCall) -> None:
        if self._waiting:
            insort(self._waiting, queued, key=lambda each: each.order)
        else:
            self._waiting.append(queued)

    def postpone(self, queued: QueuedCall, bucket: str, until: float, priority: int = 0) -> None:
        """Queue a call again that was let go and did not go, because another process was first.

        Args:
            queued: the call.
            bucket: whose limit is full; "" for everybody's.
            until: when it may be tried again.
            priority: without a bucket, the most urgent priority that has to wait.
        """
        self.withdraw(queued)
        if bucket:
            self._held[bucket] = max(until, self._held.get(bucket, 0.0))
        else:
            for each in range(priority, len(self._paused)):
                self._paused[each] = max(until, self._paused[each])
        self._queue(queued)

    def withdraw(self, queued: QueuedCall) -> None:
        """Take out a call that was let go and did not go; `enter` queues it in its old place."""
        self._in_flight.discard(queued)
        queued.granted = False
        for window in (self._session, *self._buckets.get(queued.bucket, ())):
            window.forget(queued)

    def dispatch(self, now: float) -> list[QueuedCall]:
        """Let go whoever may go now, in order, and return them.

        One whose own bucket is full lets the others pass.
        """
        if not self._waiting or now < self.blocked_until:
            return []
        granted: list[QueuedCall] = []
        in_flight = [each.kind for each in self._in_flight]
        for queued in self._waiting:
            if self._session.free(now) <= 0:
                break
            if now < self._paused[queued.order[0]]:
                break  # and so are all that are less urgent
            if now < self._held.get(queued.bucket, 0.0) or not has_slot(queued.kind, in_flight):
                continue
            windows = self._buckets.get(queued.bucket, ())
            if all(window.free(now) > 0 for window in windows):
                queued.granted, queued.went = True, now
                self._in_flight.add(queued)
                in_flight.append(queued.kind)
                for window in (self._session, *windows):
                    window.add(queued, now)
                granted.append(queued)
        if granted:
            self._waiting = [each for each in self._waiting if not each.granted]
        return granted

    def seconds_until(self, queued: QueuedCall, now: float) -> float:
        """Return how long a waiting call has to wait at least."""
        ahead = [each for each in self._waiting if each.order < queued.order]
        held = max(self._paused[queued.order[0]], self._held.get(queued.bucket, 0.0))
        blocked = max(self.blocked_until, held) - now
        wait = max(blocked, self._session.opens_for(len(ahead), now))
        if queued.bucket:
            same = sum(each.bucket == queued.bucket for each in ahead)
            for window in self._buckets[queued.bucket]:
                wait = max(wait, window.opens_for(same, now))
        return max(wait, 0.0)

    def leave(self, queued: QueuedCall, now: float, answered_in: float | None = None) -> None:
        """Take a call out: it is done, or does not want to go any more.

        An interrupt can end this half done: taking the same call out again completes it.

        Args:
            queued: the call.
            now: the time.
            answered_in: after how many seconds it was answered as it should be; None if it was not.
        """
        if answered_in is not None:
            queued.return_time = self._answers.learn(queued.operation, answered_in)
        arrived = latest(queued.went, now, queued.return_time)
        for window in (self._session, *self._buckets.get(queued.bucket, ())):
            window.land(queued, arrived)
        self._in_flight.discard(queued)
        if queued in self._waiting:
            self._waiting.remove(queued)

    def forgotten(self) -> list[QueuedCall]:
        """Return the calls whose caller is gone and that still hold a slot.

        An interrupt can end a call between any two steps, and its slot would be lost.
        """
        return [
            each
            for each in (*self._waiting, *self._in_flight)
            if each.owner is not None and each.owner() is None
        ]

    def penalise(self, now: float, seconds: float | None) -> None:
        """Hold everything back: the gateway has said that there were too many requests."""
        until = now + (PENALTY if seconds is None else max(seconds, 1.0))
        self.blocked_until = max(self.blocked_until, until)

    def forgive(self) -> None:
        """End the penalty early."""
        self.blocked_until = 0.0
        self._held.clear()
        self._paused = [0.0] * len(self._paused)
