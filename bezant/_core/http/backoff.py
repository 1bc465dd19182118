"""Exponential backoff: the pauses between attempts, for retries, polls and reconnection."""

from __future__ import annotations

from ..._wire.record import Record

# With more failures every backoff has reached its maximum, and a larger power could overflow.
_MOST_FAILURES = 64


class Backoff(Record, frozen=True):
    """Pauses that grow with each failure, up to a maximum.

    Attributes:
        first: seconds after the first failure.
        maximum: longest pause in seconds.
        factor: how many times longer each pause is than the pause before.
        jitter: lowest and highest random factor by which each pause is multiplied.
    """

    first: float
    maximum: float
    factor: float = 2.0
    jitter: tuple[float, float] = (1.0, 1.0)

    def delay(self, failures: int, chance: float = 0.5) -> float:
        """Return the seconds to wait before the next attempt.

        Args:
            failures: failed attempts in a row, from 1.
            chance: random number from 0 to 1, which selects the jitter.
        """
        power = min(failures - 1, _MOST_FAILURES)
        pause = min(self.first * self.factor**power, self.maximum)
        low, high = self.jitter
        return min(pause * (low + (high - low) * chance), self.maximum)
