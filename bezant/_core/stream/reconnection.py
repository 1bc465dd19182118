"""Counts and times the attempts of a stream to reconnect."""

from __future__ import annotations

from collections.abc import Callable

from ..http.backoff import Backoff
from .phases import Timing


class Reconnection:
    """Plans the attempts to reconnect. The pauses between them grow until a connection lasts.

    Attributes:
        attempts: number of attempts to reconnect since the stream was last open.
    """

    def __init__(self, timing: Timing, random: Callable[[], float], now: float) -> None:
        self.attempts = 0
        self._backoff = Backoff(timing.backoff_from, timing.backoff_to, jitter=(0.75, 1.25))
        self._random = random
        self._failures = 0
        self._due = now

    def opened(self) -> None:
        """Record that the stream is open again, and set the count of attempts to 0."""
        self.attempts = 0

    def held(self) -> None:
        """Make the next pause the shortest, because the connection has lasted long enough."""
        self._failures = 0

    def lost(self, now: float) -> None:
        """Record that the connection was lost or could not be opened, and plan the next attempt."""
        self._failures += 1
        self._due = now + self._backoff.delay(self._failures, self._random())

    def left(self, now: float) -> float:
        """Return the seconds until the next attempt; 0 if the attempt is due."""
        return max(self._due - now, 0.0)

    def attempt(self) -> None:
        """Count an attempt to reconnect."""
        self.attempts += 1
