"""Measuring in turn, and the statistics of it."""

from __future__ import annotations

import gc
import math
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Measure = Callable[[], float]
"""Does the work and returns what it cost for one unit of it, in seconds or in whatever else."""


@dataclass(frozen=True)
class Spread:
    """A median and its quartiles."""

    middle: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the quartiles; of one value, three times itself."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(middle, low, high)


def take_turns(measures: Mapping[str, Measure], rounds: int) -> dict[str, list[float]]:
    """Measure all of them in each round, in an order that changes.

    What slows the machine down for longer than a round slows all of them down, so ratios within a
    round say more than the times do. The garbage collector works as ever, but begins anew with each
    measure and leaves alone what was there before: one must not pay for what the others imported.
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
    """Return how our cost relates to theirs, round by round."""
    return spread([one / other for one, other in zip(ours, theirs, strict=True)])


def differences(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return what ours costs more, round by round."""
    return spread([one - other for one, other in zip(ours, theirs, strict=True)])


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the power of the size with which the cost grows: 1 is proportional."""
    return statistics.linear_regression(
        [math.log(each) for each in sizes], [math.log(each) for each in costs]
    ).slope


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def repeated(work: Callable[[], object], number: int) -> Measure:
    """Return a measure of doing something so many times: the seconds for each."""

    def measure() -> float:
        times = range(number)
        begin = time.perf_counter()
        for _ in times:
            work()
        return (time.perf_counter() - begin) / number

    return measure
