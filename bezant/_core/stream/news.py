"""Decides whether a repeated row about an execution contains something new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..._wire import converters

# A repeated row is delivered only if one of these fields has a new value. The gateway sends an
# execution two or three times, with and without its commission. Other fields change without meaning
# anything new: ``position``, and ``conidEx``, which is sent with and without the exchange.
NEWS: Final = ("commission", "price", "size")


def has_news(known: Mapping[str, Any] | None, row: Mapping[str, Any]) -> bool:
    """Return whether a row about an execution has a new commission, price or size.

    Args:
        known: values of earlier rows about the execution; None if this is the first row.
        row: the new row.
    """
    if known is None:
        return True
    return any(
        (value := _number(row.get(name))) is not None and value != _number(known.get(name))
        for name in NEWS
    )


def _number(value: object) -> object:
    """Return a value as a number; None for an empty value; other values unchanged."""
    try:
        return None if value is None else converters.to_decimal(value)
    except ValueError:
        return value
