"""Random numbers over time, for prices. Any moment's number is computed directly from the seed."""

from __future__ import annotations

from typing import NamedTuple

_HALF = float(1 << 63)
_FINEST = 0.5
_RATIO = 8
_OCTAVES = 9
_FINEST_SWING = 0.0003
_GROWTH = 1.93
# `within` adds numbers in another order than `at`, so the last digits of their sums differ. This
# margin covers the difference.
_ROUNDING = 1e-9


class _Wave(NamedTuple):
    number: int
    length: float
    swing: float
    shorter: float
    """The largest sum of all shorter waves."""


class _Line(NamedTuple):
    """Sum of the longest waves during a period in which this sum is a straight line.

    The period begins at the time `begin` and takes `length` seconds. The sum is `one` at its begin
    and `two` at its end.
    """

    begin: float
    length: float
    one: float
    two: float


_NOTHING = _Line(0.0, 1.0, 0.0, 0.0)


class Noise:
    """A random number for every moment, as the sum of zigzag waves of many lengths.

    The number depends only on the seed and the moment. A price of last year can be computed without
    the prices before or after it.

    Args:
        seed: seed of the random numbers.
        interval: seconds between two changes of the price.
    """

    __slots__ = ("_cells", "_key", "_nested", "_waves")

    def __init__(self, seed: int, interval: float) -> None:
        self._key = seed
        lengths = [_FINEST * _RATIO**number for number in range(_OCTAVES)]
        swings = [_FINEST_SWING * _GROWTH**number for number in range(_OCTAVES)]
        if interval < _FINEST:
            # A shorter interval needs a shorter wave, so that the price changes in each interval.
            lengths.insert(0, interval)
            swings.insert(0, _FINEST_SWING)
        self._waves = tuple(
            (wave, length, swing)
            for wave, (length, swing) in enumerate(zip(lengths, swings, strict=True))
        )
        self._cells: list[tuple[int, float, float]] = [(-1, 0.0, 0.0)] * len(self._waves)
        # From long to short: `within` adds one wave after the other. At the corners of a wave, the
        # next shorter wave has corners, too.
        self._nested = tuple(
            _Wave(wave, length, swing, sum(swings[:wave]) + _ROUNDING)
            for wave, length, swing in reversed(self._waves)
            if length > _FINEST
        )

    def at(self, when: float) -> float:
        """Return the random number at a time: 0 on average, a few hundredths at most."""
        total = 0.0
        cells, key = self._cells, self._key
        for wave, length, swing in self._waves:
            position = when / length
            cell = int(position)
            known, begin, end = cells[wave]
            if known != cell:
                # The hash of a tuple of numbers is fast, and is the same in every process.
                begin = hash((cell, key, wave)) / _HALF
                end = hash((cell + 1, key, wave)) / _HALF
                cells[wave] = (cell, begin, end)
            total += swing * (begin + (end - begin) * (position - cell))
        return total

    def _with(self, line: _Line, wave: _Wave, cell: float) -> _Line:
        """Return a line plus the next shorter wave, between two corners of this wave.

        Args:
            line: the sum of all longer waves.
            wave: the wave to add.
            cell: number of the wave's corner at which the result begins.
        """
        begin = cell * wave.length
        rise = (line.two - line.one) / line.length
        long = line.one + rise * (begin - line.begin)
        one = hash((cell, self._key, wave.number)) / _HALF
        two = hash((cell + 1, self._key, wave.number)) / _HALF
        return _Line(
            begin,
            wave.length,
            long + wave.swing * one,
            long + rise * wave.length + wave.swing * two,
        )

    def within(self, when: float, low: float, high: float) -> float:
        """Return a time until which the random number is sure to stay between `low` and `high`.

        The result is `when` itself if the number may soon leave this range.
        """
        line = _NOTHING
        for wave in self._nested:
            line = self._with(line, wave, when // wave.length)
            least, most = sorted((line.one, line.two))
            if low < least - wave.shorter and most + wave.shorter < high:
                return line.begin + line.length
        return when

    def whole(self, name: int, step: int, low: int, high: int) -> int:
        """Return a random whole number from `low` to `high`.

        Args:
            name: number that identifies one of several random numbers of the same step.
            step: number of the market's step.
            low: the smallest possible result.
            high: the largest possible result.
        """
        return low + hash((step, self._key, 32 + name)) % (high - low + 1)
