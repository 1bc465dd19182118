"""Runs measurements in turn, in several rounds, and computes statistics of the results."""

from __future__ import annotations

import gc
import math
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Measure = Callable[[], float]
"""Function that does some work and returns the cost of one unit of it, usually in seconds."""


@dataclass(frozen=True)
class Spread:
    """A median and its quartiles."""

    middle: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the quartiles of some values; for one value, all three are equal."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(middle, low, high)


def take_turns(measures: Mapping[str, Measure], rounds: int) -> dict[str, list[float]]:
    """Run all measures once per round, in random order; return the costs of each by its name.

    If the machine is slow for longer than a round, this affects all measures of the round.
    Therefore ratios within a round are more reliable than times.

    The garbage collector stays on. At the start, all existing objects are excluded from it, and it
    runs before each measurement. So no measure's time includes the collection of another measure's
    objects.
    """
    order = list(measures)
    found: dict[str, list[float]] = {name: [] for name in order}
    shuffle = random.Random(1).shuffle
    gc.collect()
    gc.freeze()
    try:
        for _ in range(rounds):
            shuffle(order)
            for name in order:
                gc.collect()
                found[name].append(measures[name]())
    finally:
        gc.unfreeze()
    return found


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return median and quartiles of the ratio: our cost divided by theirs, round by round."""
    return spread([one / other for one, other in zip(ours, theirs, strict=True)])


def differences(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return median and quartiles of the difference: our cost minus theirs, round by round."""
    return spread([one - other for one, other in zip(ours, theirs, strict=True)])


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the exponent `e` for which the cost grows as `size ** e`; 1 means proportional."""
    return statistics.linear_regression(
        [math.log(each) for each in sizes], [math.log(each) for each in costs]
    ).slope


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the percentile: `percent` % of `values` are not above the result."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def repeated(work: Callable[[], object], number: int) -> Measure:
    """Return a measure that calls `work` `number` times and returns the seconds per call."""

    def measure() -> float:
        times = range(number)
        begin = time.perf_counter()
        for _ in times:
            work()
        return (time.perf_counter() - begin) / number

    return measure
