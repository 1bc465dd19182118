"""Random numbers over time; the number of any moment is computed without earlier ones."""

from __future__ import annotations

from typing import NamedTuple

_HALF = float(1 << 63)
_FINEST = 0.5
_RATIO = 8
_OCTAVES = 9
_FINEST_SWING = 0.0003
_GROWTH = 1.93
# This margin covers rounding: the sums are computed in another order here, so their last digits
# differ.
_ROUNDING = 1e-9


class _Wave(NamedTuple):
    number: int
    length: float
    swing: float
    shorter: float
    """The largest sum of all shorter waves."""


class _Line(NamedTuple):
    """Straight line: the sum of some long waves, between two corners of the shortest of them."""

    begin: float
    length: float
    one: float
    two: float


_NOTHING = _Line(0.0, 1.0, 0.0, 0.0)


class Noise:
    """A random number for every moment: a sum of waves of many lengths.

    The number depends on the seed and the moment alone, so a bar of last year needs no history.

    Args:
        seed: seed of the random numbers.
        interval: seconds between two changes.
    """

    __slots__ = ("_cells", "_key", "_nested", "_waves")

    def __init__(self, seed: int, interval: float) -> None:
        self._key = seed
        lengths = [_FINEST * _RATIO**number for number in range(_OCTAVES)]
        swings = [_FINEST_SWING * _GROWTH**number for number in range(_OCTAVES)]
        if interval < _FINEST:
            # A stream with a shorter interval needs a shorter wave, so that the price changes in
            # each interval.
            lengths.insert(0, interval)
            swings.insert(0, _FINEST_SWING)
        self._waves = tuple(
            (wave, length, swing)
            for wave, (length, swing) in enumerate(zip(lengths, swings, strict=True))
        )
        self._cells: list[tuple[int, float, float]] = [(-1, 0.0, 0.0)] * len(self._waves)
        # The waves are sorted from long to short, because the corners of one wave are also corners
        # of the next shorter one.
        self._nested = tuple(
            _Wave(wave, length, swing, sum(swings[:wave]) + _ROUNDING)
            for wave, length, swing in reversed(self._waves)
            if length > _FINEST
        )

    def at(self, when: float) -> float:
        """Return the random number of a time: 0 on average, a few hundredths at most."""
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
        """Add the next shorter wave to a line, between two of its corners."""
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
        """Return a time until which the number is between `low` and `high`; `when` if unknown."""
        line = _NOTHING
        for wave in self._nested:
            line = self._with(line, wave, when // wave.length)
            least, most = sorted((line.one, line.two))
            if low < least - wave.shorter and most + wave.shorter < high:
                return line.begin + line.length
        return when

    def whole(self, name: int, step: int, low: int, high: int) -> int:
        """Return the random whole number from `low` to `high` for a step of the market."""
        return low + hash((step, self._key, 32 + name)) % (high - low + 1)
