"""When a lost connection is made again."""

from __future__ import annotations

from collections.abc import Callable

from .phases import Timing


class Backoff:
    """The pauses between attempts to connect: twice as long each time, until one has held.

    Attributes:
        attempts: how many were made since the stream was open last.
    """

    def __init__(self, timing: Timing, random: Callable[[], float], now: float) -> None:
        self.attempts = 0
        self._timing = timing
        self._random = random
        self._failures = 0
        self._due = now

    def opened(self) -> None:
        """Note that the stream was open."""
        self.attempts = 0

    def held(self) -> None:
        """Note that the connection held for long enough: the next pause is a short one again."""
        self._failures = 0

    def lost(self, now: float) -> None:
        """Note that the connection was lost, or could not be made."""
        base = self._timing.backoff_from * 2.0 ** min(self._failures, 30)
        self._failures += 1
        self._due = now + min(base * (0.75 + self._random() / 2), self._timing.backoff_to)

    def left(self, now: float) -> float:
        """Return the seconds until the next attempt; 0 where it is due."""
        return max(self._due - now, 0.0)

    def attempt(self) -> None:
        """Note that an attempt is made."""
        self.attempts += 1
