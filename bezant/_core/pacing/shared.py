"""Rate limits that several processes share: their common state and its changes.

A store reads, changes and writes the state in one transaction. The entries of a process that died
expire, so that nothing in the state belongs to a process for good.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ..._wire.record import Record
from .limiter import QueuedCall, priority_of
from .limits import LIMITS, SESSION_LIMIT, Limit
from .shared_order_turns import SharedTurn, hold_back
from .slots import READ
from .state import MARGIN, InFlight, LimitState

# A process asks again for a slot after this many seconds, because other processes send no wake-up.
_LOOK_AGAIN: Final = 0.02
# A process asks again after this many seconds if an open order question holds a call back.
_QUESTION_AGAIN: Final = 0.1
# An urgent call tries again within this many seconds, unless its process has died.
_OVERDUE: Final = 1.0
# Urgent calls wait for the session's limit only, which takes no longer than this.
_LONGEST_WAIT: Final = SESSION_LIMIT.seconds + MARGIN + _OVERDUE


class StoreError(Exception):
    """Error: the store of the shared state cannot be used."""


class Shared(LimitState, omit_defaults=True):
    """Rate limit state that several processes share; times are seconds of the store's clock.

    Attributes:
        arrivals: latest possible arrivals of requests, by bucket, sorted; "" is the session's.
        in_flight: requests in flight, by token.
        blocked_until: time at which the penalty for too many requests ends.
        urgent: waiting orders, cancels and tickles, by token, each with the time until which the
            entry counts. Reads leave these calls the next places in the session's window.
        turns: order turns, by token.
    """

    urgent: dict[str, float] = {}  # noqa: RUF012 - msgspec copies it
    turns: dict[str, SharedTurn] = {}  # noqa: RUF012 - msgspec copies it


class Reservation(Record, frozen=True):
    """Request of a process for a slot in the shared rate limits.

    Attributes:
        token: unique name of the call among all processes.
        bucket: rate limit against which the call counts in addition to the session's; empty for
            none.
        limits: limits of the bucket.
        kind: kind of the call.
        lease: seconds after `sent_at` for which the request counts, unless its process reports the
            end earlier.
        forgive: whether the user ended the penalty.
        hold: seconds for which order questions of other processes may still hold it back.
        known: ids of the questions that the call's own process knows.
    """

    token: str
    bucket: str
    limits: tuple[Limit, ...]
    kind: int
    lease: float
    forgive: bool = False
    hold: float = 0.0
    known: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        queued: QueuedCall,
        token: str,
        lease: float,
        *,
        forgive: bool,
        hold: float = 0.0,
        known: frozenset[str] = frozenset(),
    ) -> Reservation:
        """Return the reservation that a queued call needs."""
        return cls(token, queued.bucket, queued.limits, queued.kind, lease, forgive, hold, known)


class Denied(Record, frozen=True):
    """Denial of a reservation, with the reason and the time to wait.

    Attributes:
        seconds: how long the call has to wait at least.
        bucket: bucket whose limit is full; "" for the session's.
        penalty: whether the gateway's penalty is the reason.
        priority: without a bucket, the most urgent priority that has to wait.
        noted: whether the state has to be written, because more has changed than the time.
        question: whether an open order question is the reason. Such a denial holds back no other
            call.
    """

    seconds: float
    bucket: str = ""
    penalty: bool = False
    priority: int = 0
    noted: bool = True
    question: bool = False


def reserve(shared: Shared, now: float, reservation: Reservation) -> Denied | None:
    """Grant a reservation (return None), or return why its call has to wait.

    An urgent call that has to wait is recorded for a moment, so that reads of other processes leave
    the next place to it.
    """
    _sweep(shared, now)
    kind, forgive = reservation.kind, reservation.forgive
    if forgive:
        shared.blocked_until = 0.0
    if now < shared.blocked_until:
        return Denied(shared.blocked_until - now, penalty=True)
    if reservation.token in shared.in_flight:
        return None  # the call was granted before, but its process did not learn of it
    held = min(hold_back(shared, now, reservation.known), reservation.hold)
    if held > 0:
        return Denied(min(held, _QUESTION_AGAIN), noted=forgive, question=True)
    is_read = kind == READ
    full = shared.full(
        kind,
        reservation.bucket,
        reservation.limits,
        SESSION_LIMIT,
        now,
        urgent=len(shared.urgent) if is_read else 0,
    )
    if full is None:
        request = InFlight(now, reservation.lease, reservation.bucket, kind)
        shared.admit(reservation.token, request)
        shared.urgent.pop(reservation.token, None)
        return None
    noted = forgive or not is_read
    if full.bucket is None:
        denied = Denied(_LOOK_AGAIN, priority=priority_of(kind), noted=noted)
    else:
        denied = Denied(full.seconds, full.bucket, noted=noted)
    if not is_read and not full.bucket:
        announce(shared, now, reservation.token, denied.seconds)
    return denied


def announce(shared: Shared, now: float, token: str, seconds: float) -> None:
    """Record that an urgent call has to wait, so that reads of other processes let it pass.

    Args:
        shared: the shared state.
        now: the current time.
        token: unique name of the call.
        seconds: how long the call waits before it tries again.
    """
    shared.urgent[token] = now + min(seconds + _OVERDUE, _LONGEST_WAIT)


def release(shared: Shared, now: float, token: str, return_time: float = 0.0) -> None:
    """Record the end of a request.

    Args:
        shared: the shared state.
        now: the current time.
        token: unique name of the request.
        return_time: seconds that a response takes at least after the request has arrived.
    """
    _sweep(shared, now)
    shared.urgent.pop(token, None)
    shared.land(token, now, return_time)


def penalise(shared: Shared, now: float, seconds: float | None) -> None:
    """Block all requests, because the gateway reported too many."""
    shared.penalise(now, seconds)


def _sweep(shared: Shared, now: float) -> None:
    """Remove expired entries, and correct times that lie in the future after a clock change."""
    for token, request in list(shared.in_flight.items()):
        request.sent_at = min(request.sent_at, now)
        expires = request.sent_at + request.lease
        if expires <= now:
            shared.land(token, expires)  # the request may have arrived as late as this
    for token, until in list(shared.urgent.items()):
        if not now < until <= now + _LONGEST_WAIT:
            del shared.urgent[token]
    for bucket, arrivals in list(shared.arrivals.items()):
        shared.arrivals[bucket] = [min(at, now) for at in arrivals]
        seconds = [limit.seconds for limit in _limits_in(bucket)]
        shared.prune(bucket, max(seconds, default=0.0), now)
        if not shared.arrivals[bucket]:
            del shared.arrivals[bucket]


def _limits_in(bucket: str) -> tuple[Limit, ...]:
    return LIMITS.get(bucket, ()) if bucket else (SESSION_LIMIT,)


_decoder = msgspec.json.Decoder(Shared)


def load(data: bytes | None) -> Shared:
    """Read a stored state; return an empty state if it cannot be read."""
    if data:
        try:
            return _decoder.decode(data)
        except msgspec.DecodeError:
            pass
    return Shared()


def dump(shared: Shared) -> bytes:
    """Return a shared state as bytes for the store."""
    return msgspec.json.encode(shared)
