"""State of rate limits that several processes share, and the functions that change it.

A store (a file or a Redis server) reads, changes and writes the state in one transaction. All
entries of a process expire. A process that died therefore blocks the others only for a while.
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

# In seconds. A process asks again for a slot after this time, because other processes do not tell
# it when a slot becomes free.
_LOOK_AGAIN: Final = 0.02
# In seconds. A process asks again after this time if its call waits because of an open order
# question.
_QUESTION_AGAIN: Final = 0.1
# In seconds. If an urgent call asks again later than this after its waiting time, its process
# counts as dead.
_OVERDUE: Final = 1.0
# Longest time, in seconds, for which reads let a waiting urgent call pass. Urgent calls wait only
# for the session's rate limit, which takes no longer.
_LONGEST_WAIT: Final = SESSION_LIMIT.seconds + MARGIN + _OVERDUE


class StoreError(Exception):
    """Raised if the store of the shared state cannot be used."""


class Shared(LimitState, omit_defaults=True):
    """Rate limit state that several processes share. Times are in seconds of the store's clock.

    Attributes:
        arrivals: for each rate limit, by name, a sorted list with the latest time when each
            past request can have arrived at IBKR; "" is the name of the session's limit.
        in_flight: requests without a response yet, by their unique names.
        blocked_until: time when the penalty for too many requests ends.
        urgent: waiting orders, cancels and tickles: the time until which each entry counts, by
            unique name. Reads of other processes let these calls pass first.
        turns: order turns that have begun, by their unique names.
    """

    urgent: dict[str, float] = {}  # noqa: RUF012 - msgspec copies it
    turns: dict[str, SharedTurn] = {}  # noqa: RUF012 - msgspec copies it


class Reservation(Record, frozen=True):
    """A process's demand for room in the shared rate limits, so that it may send one call.

    Attributes:
        token: unique name of the call among all processes.
        bucket: name of the rate limit against which the call counts in addition to the session's;
            empty for none.
        limits: the rate limits of this name, which may be several, such as one per second and one
            per minute.
        kind: kind of the call: tickle, cancel, order or read.
        lease: seconds after which the request counts as ended, unless its process reports the end
            earlier.
        forgive: whether the user has ended IBKR's penalty for too many requests early.
        hold: maximum time, in seconds, that the call will still wait because of open order
            questions of other processes; 0 if it does not wait for them.
        known: ids of the order questions that the call's own process knows. `reserve` does not make
            the call wait for these: its process decides that itself.
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
        """Return the reservation for a queued call."""
        return cls(token, queued.bucket, queued.limits, queued.kind, lease, forgive, hold, known)


class Denied(Record, frozen=True):
    """Denial of a reservation, with the reason and the time to wait.

    Attributes:
        seconds: minimum time, in seconds, that the call has to wait.
        bucket: name of the rate limit that is full; "" for the session's.
        penalty: whether the reason is IBKR's penalty for too many requests.
        priority: if ``bucket`` is empty, calls of this priority and all less urgent calls have to
            wait.
        noted: whether the denial has changed the shared state, so that the state has to be written.
            The removal of expired entries does not count as a change.
        question: whether the reason is an open order question. Only calls that wait for this
            question have to wait then; all others may be sent.
    """

    seconds: float
    bucket: str = ""
    penalty: bool = False
    priority: int = 0
    noted: bool = True
    question: bool = False


def reserve(shared: Shared, now: float, reservation: Reservation) -> Denied | None:
    """Grant a reservation and return None, or return a `Denied` that says why the call must wait.

    If an urgent call has to wait for the session's limit or a slot, the shared state records this
    for a moment, and reads of other processes let the urgent call pass first.
    """
    _sweep(shared, now)
    kind, forgive = reservation.kind, reservation.forgive
    if forgive:
        shared.blocked_until = 0.0
    if now < shared.blocked_until:
        return Denied(shared.blocked_until - now, penalty=True)
    if reservation.token in shared.in_flight:
        return None  # granted earlier, but the process did not learn of it
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
    """Record that an urgent call has to wait, so that reads of other processes let it pass first.

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
        return_time: time, in seconds, that certainly passed between the request's arrival at IBKR
            and the arrival of its response here; 0 if nothing is known about this time.
    """
    _sweep(shared, now)
    shared.urgent.pop(token, None)
    shared.land(token, now, return_time)


def penalise(shared: Shared, now: float, seconds: float | None) -> None:
    """Block all requests, because the gateway responded that there were too many.

    The penalty lasts `seconds`. If `seconds` is None, it lasts as long as IBKR documents.
    """
    shared.penalise(now, seconds)


def _sweep(shared: Shared, now: float) -> None:
    """Remove expired entries. Correct times in the future: the clock may have been set back."""
    for token, request in list(shared.in_flight.items()):
        request.sent_at = min(request.sent_at, now)
        expires = request.sent_at + request.lease
        if expires <= now:
            # The request may have arrived at any time until its lease expired.
            shared.land(token, expires)
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
    """Decode a stored state; return an empty state if there is none or it cannot be decoded."""
    if data:
        try:
            return _decoder.decode(data)
        except msgspec.DecodeError:
            pass
    return Shared()


def dump(shared: Shared) -> bytes:
    """Encode a shared state for the store."""
    return msgspec.json.encode(shared)
