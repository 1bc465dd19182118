"""Bars without a time: IBKR sends one, with the price 0, for a window in which nothing traded."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec

from ...models._base import Model

T = TypeVar("T")

# By the model's name: where its bars are, and where a bar has its time.
_PLACES: Final = {"History": ("data", "time_ms"), "BarsUpdate": ("bars", "start_ms")}


def with_times(found: T) -> T:
    """Return an answer without the bars that have no time; anything else as it is."""
    place = _PLACES.get(type(found).__name__)
    if place is None or not isinstance(found, Model):
        return found
    field, time = place
    bars: list[Any] = getattr(found, field) or []
    when = attrgetter(time)
    if all(map(when, bars)):
        return found
    return msgspec.structs.replace(found, **{field: [each for each in bars if when(each)]})
