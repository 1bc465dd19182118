"""Types of model fields whose spellings msgspec cannot read by itself.

For a type checker and a reader, each of these types is a plain type. At run time, each is a marker
class: msgspec does not know the class, and gives the values to the hook `read`. A model without
such fields never calls the hook.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, cast

import msgspec

from . import converters
from .order_status import plain_spelling
from .terms import SPELLINGS, OrderStatusName, OrderType, Side, TimeInForce

# The gateway uses these spellings for "no value". For a stock, for example, `Position.strike` and
# `undConid` are 0.
_NO_TEXT: Final = frozenset(
    {"", "?", "???", "-", "--", "N/A", "n/a", "NA", "None", "none", "null", "nan", "NaN"}
)
_NO_NUMBER: Final = frozenset({"0", "0.0", 0.0, ""})
_NO_ID: Final = frozenset({0, -1, 2147483647})

# If a float has at most this many characters, no digit of the number in the JSON was lost.
_EXACT: Final = 16

_from_epoch: Final = datetime.fromtimestamp
# Epochs between these limits are in milliseconds (1973 to 2286); smaller epochs are in seconds.
_FIRST_MS: Final = 100_000_000_000
_LAST_MS: Final = 9_999_999_999_999


def _time(value: object) -> datetime | None:
    if isinstance(value, str):
        return _time_in(value)
    return None if _is_zero(value) else converters.to_time(value)


def _date(value: object) -> date | None:
    if isinstance(value, str):
        return _date_in(value)
    return None if _is_zero(value) else converters.to_date(value)


def _is_zero(value: object) -> bool:
    return value == 0 and not isinstance(value, bool)


# The results are cached, because many contracts expire on the same days.
@lru_cache(maxsize=1024)
def _time_in(text: str) -> datetime | None:
    return None if text == "0" else converters.to_time(text)


@lru_cache(maxsize=1024)
def _date_in(text: str) -> date | None:
    return None if text == "0" else converters.to_date(text)


def _known_text(value: object) -> str | None:
    text = converters.to_text(value)
    return None if text in _NO_TEXT else text


def _known_id(value: object) -> int | None:
    number = converters.to_int(value)
    return None if number in _NO_ID else number


def _non_zero(value: object) -> Decimal | None:
    return converters.to_decimal(value) or None


def _quantity(value: object) -> Decimal | None:
    number = converters.to_decimal(value)
    return None if number is None else converters.without_fraction(number)


class _Marker(type):
    """Metaclass of the marker types; `convert` returns None for a spelling of "no value"."""

    convert: Callable[[object], Any]
    is_optional: bool
    # msgspec checks the result of `read` with this method, which here is `type`. `type(value)` is
    # always true, so every result passes.
    __instancecheck__: Any = type


def _marker(name: str, convert: Callable[[Any], object], *, is_optional: bool = True) -> Any:
    return _Marker(name, (), {"convert": staticmethod(convert), "is_optional": is_optional})


_datetime: Final = _marker("datetime", _time, is_optional=False)
_day: Final = _marker("date", _date, is_optional=False)
_text: Final = _marker("str", _known_text)
_id: Final = _marker("int", _known_id)
_decimal: Final = _marker("Decimal", _non_zero)
_size: Final = _marker("Decimal", _quantity, is_optional=False)


def _term(name: str) -> Any:
    """Return a marker for a set of values, such as ``Side``.

    The marker converts other spellings of these values to the spellings in the set.
    """
    values = {plain_spelling(each): value for each, value in SPELLINGS[name].items()}

    def convert(value: object) -> str | None:
        text = converters.to_text(value)
        return values.get(plain_spelling(text), text) or None

    return _marker("str", convert, is_optional=False)


_side: Final = _term("Side")
_order_type: Final = _term("OrderType")
_time_in_force: Final = _term("TimeInForce")

if TYPE_CHECKING:
    Time: TypeAlias = datetime
    """Type of a time in UTC, read from any of the gateway's spellings."""
    Date: TypeAlias = date
    """Type of a day, read from any of the gateway's spellings."""
    KnownText: TypeAlias = str
    """Type of a text; None for a spelling of "no value", such as ``"???"``."""
    KnownId: TypeAlias = int
    """Type of an id; None for 0, -1 and 2147483647, by which the gateway means "none"."""
    NonZero: TypeAlias = Decimal
    """Type of a number; None for 0, by which the gateway means "none"."""
    Quantity: TypeAlias = Decimal
    """Type of a number of units; whole numbers have no decimals, so 183.0 prints as 183."""
    NonEmpty: TypeAlias = str
    """Type of a text; an empty text is no value."""
    AnySide: TypeAlias = Side | str
    """Type of a side in the spelling of requests, or of another text that IBKR may send."""
    AnyOrderType: TypeAlias = OrderType | str
    """Type of an order type in the spelling of requests, or of another text that IBKR may send."""
    AnyTimeInForce: TypeAlias = TimeInForce | str
    """Type of a time in force in the spelling of requests, or of another text."""
    AnyOrderStatusName: TypeAlias = OrderStatusName | str
    """Type of an order's status: a known name, or another text that IBKR may send."""
else:
    Time, Date, KnownText, KnownId = _datetime, _day, _text, _id
    NonZero, Quantity = _decimal, _size
    AnySide, AnyOrderType, AnyTimeInForce = _side, _order_type, _time_in_force
    NonEmpty = AnyOrderStatusName = Annotated[str, msgspec.Meta(min_length=1)]


_UNKNOWN: Final = object()
_REMEMBERED: Final = 4096
# Key: a marker. Value: the results for some plain values, so that they need no conversion: values
# that mean None, usual spellings, and sizes that were read before.
_KNOWN: Final[dict[object, dict[Any, Any]]] = {
    _datetime: {},
    _day: {},
    _text: dict.fromkeys(_NO_TEXT),
    _id: dict.fromkeys(_NO_ID),
    _decimal: dict.fromkeys(_NO_NUMBER),
    _size: {},
    _side: dict(SPELLINGS["Side"]),
    _order_type: dict(SPELLINGS["OrderType"]),
    _time_in_force: dict(SPELLINGS["TimeInForce"]),
}


def is_marker(kind: object) -> bool:
    """Return whether a type is a marker of this module, such as `Time` at run time."""
    return isinstance(kind, _Marker)


def may_be_empty(kind: object) -> bool:
    """Return whether an empty text means None in a field of a marker's type."""
    return kind is not _text and is_marker(kind)


def _non_empty(value: object) -> str | None:
    return converters.to_text(value) or None


def converter_of(kind: Any) -> Callable[[object], object] | None:
    """Return the converter of a type of this module; the converter returns None for "no value".

    For other types, return None.
    """
    if is_marker(kind):
        return cast("Callable[[object], object]", kind.convert)
    return _non_empty if kind == NonEmpty else None


def read(kind: Any, value: Any) -> Any:
    """Convert a field's value; msgspec calls this hook for types that it does not know.

    Args:
        kind: the field's type.
        value: plain value from JSON.

    Raises:
        ValueError: the value does not have the type.
    """
    # The checks are ordered by speed: the first ones are fast and decide most values.
    if kind is _datetime and type(value) is int and _FIRST_MS <= value <= _LAST_MS:
        return _from_epoch(value / 1000, UTC)
    known = _KNOWN.get(kind)
    if known is None:
        return value  # the type is a class of the user, which msgspec checks itself
    found = known.get(value, _UNKNOWN)
    # a bool is excluded, because False equals 0 and would be found as 0
    if found is not _UNKNOWN and type(value) is not bool:
        return found
    if kind is _text and type(value) is str:
        return value
    if type(value) is int:
        if kind is _datetime and 0 < value < _FIRST_MS:
            return _from_epoch(value, UTC)
        if kind is _id:
            return value
    if type(value) is float and kind in (_size, _decimal) and len(repr(value)) > _EXACT:
        msg = "may have more digits than a float; the slow way reads all of them"
        raise ValueError(msg)
    found = kind.convert(value)
    if found is None and not kind.is_optional:
        msg = "no value"
        raise ValueError(msg)
    if kind is _size:
        if len(known) >= _REMEMBERED:
            known.clear()
        known[value] = found
    return found
