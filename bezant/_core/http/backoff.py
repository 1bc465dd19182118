"""Exponential backoff: the pauses between attempts, for retries, polls and reconnection."""

from __future__ import annotations

from ..._wire.record import Record

# More failures than this do not lengthen the pause, because every backoff has reached its maximum
# by then, and a larger power could overflow.
_MOST_FAILURES = 64


class Backoff(Record, frozen=True):
    """Pauses that grow with each failure, up to a maximum.

    Attributes:
        first: pause after the first failure, in seconds.
        maximum: longest pause, in seconds; longer pauses are cut to it.
        factor: how many times longer each pause is than the pause before.
        jitter: range of the random factor by which each pause is multiplied, as lowest and highest;
            a pause never exceeds ``maximum``.
    """

    first: float
    maximum: float
    factor: float = 2.0
    jitter: tuple[float, float] = (1.0, 1.0)

    def delay(self, failures: int, chance: float = 0.5) -> float:
        """Return the seconds to wait before the next attempt.

        Args:
            failures: number of failed attempts in a row, at least 1.
            chance: random number from 0 to 1, which selects a factor within the range of
                ``jitter``.
        """
        power = min(failures - 1, _MOST_FAILURES)
        pause = min(self.first * self.factor**power, self.maximum)
        low, high = self.jitter
        return min(pause * (low + (high - low) * chance), self.maximum)
