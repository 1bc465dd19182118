"""Rate limit state of one gateway, and the algorithm that decides whether a request may be sent.

The state is plain data. A single process keeps it in memory. Several processes share it in a SQLite
file or on a Redis server: each change reads, changes and writes the state in one transaction.
"""

from __future__ import annotations

import math
from bisect import insort
from typing import Final

import msgspec

from ..._wire.record import Record
from .limits import PENALTY, Limit
from .slots import READ, has_slot

# In seconds. Each rate limit's period is made this much longer than IBKR publishes, because
# requests can arrive closer together than they were sent.
MARGIN: Final = 0.05


def latest_arrival(sent_at: float, now: float, return_time: float = 0.0) -> float:
    """Return the latest time when a request can have arrived at IBKR, less `MARGIN`.

    The result is never before `sent_at`. The request counts against a rate limit until the result
    plus `MARGIN` plus the limit's period. Callers add these two.

    Args:
        sent_at: time when the request was sent.
        now: time of the response; the current time if there is no response yet.
        return_time: time, in seconds, that certainly passed between the request's arrival at IBKR
            and the arrival of its response here; 0 if nothing is known about this time.
    """
    return max(sent_at, now - MARGIN - return_time)


class InFlight(msgspec.Struct, array_like=True):
    """Request that was sent and has no response yet.

    Attributes:
        sent_at: time when the request was sent.
        lease: seconds after `sent_at` at which the request counts as ended, unless its process
            reports the end earlier.
        bucket: name of the rate limit against which the request counts in addition to the
            session's; empty for none.
        kind: kind of the call.
    """

    sent_at: float
    lease: float = math.inf
    bucket: str = ""
    kind: int = READ


class Full(Record, frozen=True):
    """Reason why a request may not be sent yet.

    Attributes:
        seconds: minimum time, in seconds, that the request has to wait; 0 if no such time is known,
            because the request waits for other requests (then ``bucket`` is None).
        bucket: name of the rate limit that is full, "" for the session's; None if the reason is not
            a full limit: too many requests are in flight, or more urgent requests have to be sent
            first.
    """

    seconds: float
    bucket: str | None


class LimitState(msgspec.Struct, omit_defaults=True):
    """The requests that still count against the rate limits of one gateway.

    IBKR counts a request when it arrives, which may be long after it was sent: a connection had to
    be made first, or the gateway was busy. A request in flight therefore counts against its rate
    limits until its response comes. The response shows the latest time when the request can have
    arrived; from this time on, the request counts for one more period of the limit.

    Attributes:
        arrivals: for each rate limit, by name, a sorted list with the latest time when each
            past request can have arrived at IBKR; "" is the name of the session's limit.
        in_flight: requests without a response yet, by their unique names.
        blocked_until: time when IBKR's penalty for too many requests ends.
    """

    arrivals: dict[str, list[float]] = {}
    in_flight: dict[str, InFlight] = {}
    blocked_until: float = 0.0

    def full(
        self,
        kind: int,
        bucket: str,
        limits: tuple[Limit, ...],
        session_limit: Limit,
        now: float,
        urgent: int = 0,
    ) -> Full | None:
        """Return why a request may not be sent now; None if it may be sent.

        Args:
            kind: kind of the call.
            bucket: name of the rate limit against which the request counts in addition to the
                session's; empty for none.
            limits: the rate limits of this name, which may be several, such as one per second and
                one per minute.
            session_limit: rate limit for all requests of the session together.
            now: the current time.
            urgent: number of urgent requests that wait in other processes, if this request is a
                read; otherwise 0. The read may not be sent if the urgent requests would then lack a
                slot or room in the session's limit.
        """
        if not has_slot(kind, [each.kind for each in self.in_flight.values()], urgent):
            return Full(0.0, None)
        wait = 0.0
        for limit in limits:
            wait = max(wait, self.seconds_until_free(bucket, limit, now))
        if wait > 0:
            return Full(wait, bucket)
        wait = self.seconds_until_free("", session_limit, now)
        if wait > 0:
            return Full(wait, "")
        if urgent and self.seconds_until_free("", session_limit, now, urgent) > 0:
            return Full(0.0, None)
        return None

    def seconds_until_free(self, bucket: str, limit: Limit, now: float, ahead: int = 0) -> float:
        """Return the minimum seconds until a limit has room for a request; 0 if it has room now.

        Args:
            bucket: name of the limit; "" for the session's.
            limit: the limit.
            now: the current time.
            ahead: number of waiting requests that will be sent before this one.
        """
        in_flight = self.in_flight.values()
        flying = [each.bucket for each in in_flight].count(bucket) if bucket else len(in_flight)
        arrivals = self.arrivals.get(bucket, ())
        length = limit.seconds + MARGIN
        left = limit.count - flying - ahead
        if left > 0 and (len(arrivals) < left or arrivals[-left] + length <= now):
            return 0.0
        counted = [at for at in arrivals if at + length > now]
        counted += [
            latest_arrival(each.sent_at, now)
            for each in in_flight
            if not bucket or each.bucket == bucket
        ]
        counted.sort()
        rounds, place = divmod(ahead + len(counted) - limit.count, limit.count)
        # Requests that have to be sent first occupy the limit for at least one period, too.
        opened = counted[place] if place < len(counted) else now
        return opened + length * (rounds + 1) - now

    def admit(self, token: str, request: InFlight) -> None:
        """Record a request that is about to be sent."""
        self.in_flight[token] = request

    def land(self, token: str, now: float, return_time: float = 0.0) -> None:
        """Record the end of a request: its response, an error or a cancellation.

        You may call this method again for the same request, in case an interrupt ended the first
        attempt in the middle.

        Args:
            token: unique name of the request.
            now: the current time.
            return_time: time, in seconds, that certainly passed between the request's arrival at
                IBKR and the arrival of its response here; 0 if nothing is known about this time.
        """
        request = self.in_flight.get(token)
        if request is not None:
            arrived = latest_arrival(request.sent_at, now, return_time)
            insort(self.arrivals.setdefault("", []), arrived)
            if request.bucket:
                insort(self.arrivals.setdefault(request.bucket, []), arrived)
            del self.in_flight[token]

    def withdraw(self, token: str) -> None:
        """Remove a request that was not sent."""
        self.in_flight.pop(token, None)

    def prune(self, bucket: str, seconds: float, now: float) -> None:
        """Remove the arrivals that no longer count against a rate limit.

        Args:
            bucket: name of the limit; "" for the session's.
            seconds: period of the limit in seconds; if several limits have this name, the longest
                of their periods.
            now: the current time.
        """
        arrivals = self.arrivals.get(bucket)
        while arrivals and arrivals[0] + seconds + MARGIN <= now:
            del arrivals[0]

    def penalise(self, now: float, seconds: float | None) -> None:
        """Block all requests, because the gateway responded that there were too many.

        Args:
            now: the current time.
            seconds: length of the penalty in seconds; None for the length that IBKR documents.
        """
        until = now + (PENALTY if seconds is None else max(seconds, 1.0))
        self.blocked_until = max(self.blocked_until, until)
