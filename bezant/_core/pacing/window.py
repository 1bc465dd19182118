"""One rate limit's window: what was sent, and when the next request can go."""

from __future__ import annotations

from bisect import insort
from typing import Final

from ..._wire.record import Record

# Requests arrive closer together than they were sent.
MARGIN: Final = 0.05


class Limit(Record, frozen=True):
    """At most ``count`` requests in any ``seconds``."""

    count: int
    seconds: float


class Window:
    """When the requests of one bucket were let go, as far as it still matters.

    IBKR counts them when they arrive, which may be long after they were let go: a connection had to
    be made first, or the gateway was busy. The answer says that one has arrived, so its place opens
    a window's length after that at the earliest; or after the latest moment at which it can have
    arrived to be answered by then.
    """

    __slots__ = ("_flying", "_limit", "_times")

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._times: list[float] = []
        self._flying: dict[object, float] = {}

    def free(self, now: float) -> int:
        """Return how many may go now."""
        while self._times and self._times[0] + self._limit.seconds + MARGIN <= now:
            del self._times[0]
        return self._limit.count - len(self._times) - len(self._flying)

    def add(self, request: object, now: float) -> None:
        """Count one that goes now."""
        self._flying[request] = now

    def land(self, request: object, arrived: float) -> None:
        """Note that one was answered, or given up, and as of when it counts.

        Like `forget` it may be called again: an interrupt can come in the middle of it.
        """
        if request in self._flying:
            insort(self._times, arrived)
            del self._flying[request]

    def forget(self, request: object) -> None:
        """Count one no more: it did not go."""
        self._flying.pop(request, None)

    def opens_for(self, ahead: int, now: float) -> float:
        """Return the seconds until one can go that has so many ahead of it, at least."""
        waiting = ahead - self.free(now)
        if waiting < 0:
            return 0.0
        times = sorted([*self._times, *(latest(went, now) for went in self._flying.values())])
        rounds, place = divmod(waiting, self._limit.count)
        length = self._limit.seconds + MARGIN
        # Those that go now and later open their places a window's length after they went.
        opened = times[place] if place < len(times) else now
        return opened + length * (rounds + 1) - now


def latest(went: float, now: float, return_time: float = 0.0) -> float:
    """Return as of when a request counts that was let go once and is answered now.

    Args:
        went: when it was let go.
        now: when it was answered; or the present, while it is on its way.
        return_time: the seconds that an answer takes at least after its request has arrived.
    """
    return max(went, now - MARGIN - return_time)  # the margin is in a window's length already
