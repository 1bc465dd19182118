"""Rewrites responses in which a field has several names, or a text contains several values.

Few responses need this: the state of an order, the results of new orders, order previews, and the
figures of an account's segments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from functools import cache, lru_cache, partial
from typing import Any, Final, cast, get_args, get_origin

import msgspec

from ..._wire.bounds import LONGEST
from .inspection import UNREADABLE

Row = dict[str, Any]

# These fields of an order preview are objects whose figures are text, such as "1,978.60 USD".
_FIGURES: Final = ("amount", "equity", "initial", "maintenance", "position")
# Models with the figures of one segment of an account. The response is an object: its keys are the
# names of the segments.
_SEGMENTS: Final = frozenset({"SegmentBalances", "SegmentFunds", "SegmentMargins"})
_NOTHING: Final = frozenset({"", "NA", "N/A"})
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


@lru_cache(maxsize=1024)
def rewrites_of(type_: Hashable) -> Callable[[Row], None] | None:
    """Return the function that rewrites the objects of a response of a type; None for most types.

    Args:
        type_: the type of the response: a model, or a list or mapping of a model.
    """
    inner = get_args(type_)
    if get_origin(type_) is dict:
        return _split_segments if getattr(inner[1], "__name__", "") in _SEGMENTS else None
    model: Any = inner[0] if inner else type_
    if aliases := getattr(model, "__aliases__", None):
        return partial(_rename, aliases)
    return _split_figures if getattr(model, "__name__", "") == "OrderPreview" else None


def rewritten(body: bytes, rewrite: Callable[[Row], None], loads: Callable[[bytes], Any]) -> bytes:
    """Return JSON text with its object, or each object of its list, rewritten.

    Args:
        body: JSON text; other text is returned unchanged.
        rewrite: function that changes one object in place.
        loads: function that decodes JSON into plain values without rounding.
    """
    try:
        value = loads(body)
        for row in cast("list[object]", value) if isinstance(value, list) else [value]:
            if isinstance(row, dict):
                rewrite(cast("Row", row))
        return _encode(value)
    except UNREADABLE:
        return body


def _rename(aliases: Mapping[str, str], row: Row) -> None:
    for alias, key in aliases.items():
        if alias in row:
            value = row.pop(alias)
            if row.get(key) in (None, ""):
                row[key] = value


def _split_figures(row: Row) -> None:
    """Extract the numbers from a preview's figures, such as ``~ 1,978.60 USD (10 Shares)``."""
    for name in _FIGURES:
        part = row.get(name)
        if isinstance(part, dict):
            _split(cast("Row", part))


def _split_segments(row: Row) -> None:
    """Extract the numbers from the figures of each segment, such as ``994,831 USD``."""
    for part in row.values():
        if isinstance(part, dict):
            _split(cast("Row", part))


def _split(part: Row) -> None:
    for key, text in tuple(part.items()):
        if not isinstance(text, str) or len(text) > LONGEST:
            continue
        if text in _NOTHING:
            part[key] = None
        elif found := _figure().fullmatch(text):
            part[key] = found["value"].replace(",", "")
            if least := found["least"]:
                part[f"{key}_least"] = least.replace(",", "")
            if currency := found["currency"]:
                part["currency"] = currency


@cache
def _figure() -> re.Pattern[str]:
    number = r"[+-]?[0-9][0-9,]*(?:\.[0-9]+)?"
    return re.compile(
        rf"""
        ~?\s*                                    # the total of an uncertain commission
        (?:(?P<least>{number})\s*\.\.\.\s*)?     # a range
        (?P<value>{number})
        \s*(?P<currency>[A-Z]{{3}})?
        \s*(?:\([^()]*\))?                       # the quantity
        "*                                       # a slip in IBKR's own example
        """,
        re.VERBOSE,
    )
