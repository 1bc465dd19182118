"""Pacing over several processes: what they share about one gateway, and the arithmetic on it.

It is a value that is read, changed and written in one step, wherever it is kept. Nothing in it
belongs to a process for ever: the place of one that died is free again when its call's time is up.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ..._wire.record import Record
from .limiter import READ, QueuedCall, has_slot, priority_of
from .limits import LIMITS, PENALTY, SESSION_LIMIT, Limit
from .shared_order_turns import SharedTurn, hold_back
from .window import MARGIN, latest

# Nobody tells another process that a place has become free.
_LOOK_AGAIN: Final = 0.02
# Nor that a question was answered.
_QUESTION_AGAIN: Final = 0.1
# An urgent call that was refused tries again by then; if not, its process has died.
_OVERDUE: Final = 1.0
# Urgent calls wait for the session's limit only: nobody is waited for any longer.
_LONGEST_WAIT: Final = SESSION_LIMIT.seconds + MARGIN + _OVERDUE


class StoreError(Exception):
    """Where the shared state is kept cannot be used: what the runtime tells the core."""


class InFlight(msgspec.Struct, array_like=True):
    """A request on its way.

    Attributes:
        since: when it was let go.
        lease: seconds after which it is over at the latest.
        bucket: what it is counted in besides the session's limit.
        counted: as of when it is counted there.
        kind: what it is.
    """

    since: float
    lease: float
    bucket: str = ""
    counted: float = 0.0
    kind: int = READ


class Shared(msgspec.Struct, omit_defaults=True):
    """What all processes know of one gateway; times are seconds of the store's clock.

    Attributes:
        went: when requests were let go, by what limits them; "" is the session.
        flights: requests on their way.
        blocked_until: when the penalty is over.
        turns: order turns, by token.
        urgent: orders, cancels and tickles that wait, by token, and until when they count as
            waiting. Reads leave them the next slots of the session's limit.
    """

    went: dict[str, list[float]] = {}
    flights: dict[str, InFlight] = {}
    blocked_until: float = 0.0
    urgent: dict[str, float] = {}
    turns: dict[str, SharedTurn] = {}


class Reservation(Record, frozen=True):
    """A request that wants to go.

    Attributes:
        token: names it among all processes.
        bucket: what it is counted in besides the session's limit.
        limits: the limits of that.
        kind: what it is.
        lease: seconds after which it is over at the latest.
        forgive: whether the user ended the penalty.
        hold: seconds for which it may still be held back for questions of other processes.
        known: the ids of the questions that its own process knows of.
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
        """Return what a call claims."""
        limits = LIMITS.get(queued.bucket, ())
        return cls(token, queued.bucket, limits, queued.kind, lease, forgive, hold, known)


class Denied(Record, frozen=True):
    """A request may not go yet.

    Attributes:
        seconds: how long it has to wait at least.
        bucket: whose limit is full; "" for everybody's.
        penalty: whether it is the gateway's penalty.
        priority: without a bucket, the most urgent priority that has to wait.
        noted: whether the shared state has to be written: not where only the time has passed.
        question: whether it waits for an open question. That keeps no other call back.
    """

    seconds: float
    bucket: str = ""
    penalty: bool = False
    priority: int = 0
    noted: bool = True
    question: bool = False


def reserve(shared: Shared, now: float, claim: Reservation) -> Denied | None:
    """Let a request go now, or say how long it has to wait.

    An urgent one that has to wait is remembered for a moment, so that reads of other processes
    do not take what it waits for.
    """
    _tidy(shared, now)
    if claim.forgive:
        shared.blocked_until = 0.0
    if now < shared.blocked_until:
        return Denied(shared.blocked_until - now, penalty=True)
    if claim.token in shared.flights:
        return None  # it was let go, and whoever asked did not hear of it
    held = min(hold_back(shared, now, claim.known), claim.hold)
    if held > 0:
        return Denied(min(held, _QUESTION_AGAIN), noted=claim.forgive, question=True)
    refusal = _refusal(shared, now, claim)
    if refusal is not None:
        if claim.kind != READ and not refusal.bucket:
            announce(shared, now, claim.token, refusal.seconds)
        return refusal
    for bucket in {claim.bucket, ""}:
        shared.went.setdefault(bucket, []).append(now)
    shared.flights[claim.token] = InFlight(now, claim.lease, claim.bucket, now, claim.kind)
    shared.urgent.pop(claim.token, None)
    return None


def _refusal(shared: Shared, now: float, claim: Reservation) -> Denied | None:
    is_read = claim.kind == READ
    noted = claim.forgive or not is_read
    priority = priority_of(claim.kind)
    again = Denied(_LOOK_AGAIN, priority=priority, noted=noted)
    urgent = len(shared.urgent) if is_read else 0
    if not has_slot(claim.kind, [each.kind for each in shared.flights.values()], urgent):
        return again
    for bucket, limits in ((claim.bucket, claim.limits), ("", (SESSION_LIMIT,))):
        went = shared.went.get(bucket, [])
        wait = max((_until_free(went, limit, now) for limit in limits), default=0.0)
        if wait > 0:
            return Denied(wait, bucket, noted=noted)
    if urgent and len(shared.went.get("", [])) + urgent >= SESSION_LIMIT.count:
        return again
    return None


def announce(shared: Shared, now: float, token: str, seconds: float) -> None:
    """Note that an urgent call has to wait, so that reads let it pass.

    Args:
        shared: what all processes know.
        now: the time.
        token: names the call.
        seconds: how long it waits before it tries again.
    """
    shared.urgent[token] = now + min(seconds + _OVERDUE, _LONGEST_WAIT)


def release(shared: Shared, now: float, token: str, return_time: float = 0.0) -> None:
    """Note that a request is over.

    Args:
        shared: what all processes know.
        now: the time.
        token: names the request.
        return_time: the seconds that an answer takes at least after its request has arrived.
    """
    _tidy(shared, now)
    shared.urgent.pop(token, None)
    flight = shared.flights.pop(token, None)
    if flight is not None:
        _count_again(shared, flight, latest(flight.since, now, return_time))


def penalise(shared: Shared, now: float, seconds: float | None) -> None:
    """Hold everything back: the gateway has said that there were too many requests."""
    until = now + (PENALTY if seconds is None else max(seconds, 1.0))
    shared.blocked_until = max(shared.blocked_until, until)


def _until_free(went: list[float], limit: Limit, now: float) -> float:
    if len(went) < limit.count:
        return 0.0
    return max(went[-limit.count] + limit.seconds + MARGIN - now, 0.0)


def _tidy(shared: Shared, now: float) -> None:
    """Forget what is over, and mend what a clock that was set back has left in the future."""
    for token, flight in list(shared.flights.items()):
        flight.since = min(flight.since, now)
        if flight.since + flight.lease <= now:
            del shared.flights[token]
        else:
            # It may have arrived just now: its answer has not come yet.
            _count_again(shared, flight, min(latest(flight.counted, now), now))
    for token, until in list(shared.urgent.items()):
        if not now < until <= now + _LONGEST_WAIT:
            del shared.urgent[token]
    for bucket in list(shared.went):
        limits = _limits_in(bucket)
        longest = max((limit.seconds for limit in limits), default=0.0) + MARGIN
        most = max((limit.count for limit in limits), default=0)
        times = [min(at, now) for at in shared.went[bucket][-most:] if at + longest > now]
        if times:
            shared.went[bucket] = times
        else:
            del shared.went[bucket]


def _count_again(shared: Shared, flight: InFlight, when: float) -> None:
    """Count a request as of another moment than before."""
    for bucket in {flight.bucket, ""}:
        times = shared.went.get(bucket, [])
        shared.went[bucket] = sorted(when if at == flight.counted else at for at in times)
    flight.counted = when


def _limits_in(bucket: str) -> tuple[Limit, ...]:
    return LIMITS.get(bucket, ()) if bucket else (SESSION_LIMIT,)


_decoder = msgspec.json.Decoder(Shared)


def load(data: bytes | None) -> Shared:
    """Read what is shared; what cannot be read is as nothing."""
    if data:
        try:
            return _decoder.decode(data)
        except msgspec.DecodeError:
            pass
    return Shared()


def dump(shared: Shared) -> bytes:
    """Turn what is shared into bytes."""
    return msgspec.json.encode(shared)
