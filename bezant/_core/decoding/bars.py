"""Removes price bars that have no time.

IBKR sends such a bar, with the price 0, for a period without trades.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, TypeVar, cast

import msgspec

from ...errors import MissingValue
from ...models._base import Model, peek

T = TypeVar("T")

# Key: the name of a model with bars. Value: the model's field that holds the bars, and the bar's
# field that holds its time.
_PLACES: Final = {"History": ("data", "time"), "BarsUpdate": ("bars", "time")}
# Names of the models whose JSON has the time of a bar in the field "t".
_BARS: Final = ("Bar", "StreamBar")


def timed(rows: list[object], model: object) -> list[object]:
    """Return the rows except bars without a time; all rows if `model` is not a model of bars."""
    if getattr(model, "__name__", "") not in _BARS:
        return rows
    return [row for row in rows if not _has_no_time(row)]


def _has_no_time(row: object) -> bool:
    # A row that is not a JSON object stays in the list, so that the decoder reports it.
    return isinstance(row, dict) and cast("dict[str, object]", row).get("t") in (None, "", 0)


def with_times(found: T) -> T:
    """Return a decoded response without bars that have no time; return other values unchanged."""
    place = _PLACES.get(type(found).__name__)
    if place is None or not isinstance(found, Model):
        return found
    field, time = place
    bars: list[Any] = peek(found, field) or []
    when = attrgetter(time)
    try:
        if all(map(when, bars)):
            return found
    except MissingValue:
        pass
    return msgspec.structs.replace(found, **{field: [bar for bar in bars if _stays(bar, when)]})


def _stays(bar: object, when: Callable[[object], object]) -> bool:
    try:
        return bool(when(bar))
    # The bar has a time that cannot be read. The bar stays, and reading its time raises the error.
    except MissingValue:
        return True
