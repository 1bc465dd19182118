"""Converters for the spellings in which the gateway sends numbers, booleans, texts and times.

A converter returns the value, or None if the gateway's spelling means "no value". It raises
ValueError if it does not know the spelling.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache

from .bounds import LONGEST, is_fit, is_number
from .record import Record

NOTHING = frozenset({"", "-", "--", "n/a", "na", "none", "null", "nan"})

_SCALE = {"": 0, "K": 3, "M": 6, "B": 9}


# The pattern is compiled when the first value needs it, because most programs start without one.
@cache
def _number() -> re.Pattern[str]:
    return re.compile(
        r"""
        (?P<prefix>[CH]{0,2})\s*               # C: prior close, H: halted
        (?P<sign>[+-]?)\s*
        (?P<digits>[0-9][0-9,]*(?:\.[0-9]*)?|\.[0-9]+)
        (?P<exponent>[eE][+-]?[0-9]{1,4})?
        \s*(?P<scale>[KMB]?)
        \s*(?P<tail>%|[A-Z]{3})?               # a per cent sign or a currency
        """,
        re.VERBOSE,
    )


class Quoted(Record, frozen=True):
    """Quoted price or number with its marks, such as ``C145.20``.

    Attributes:
        value: the number.
        is_close: whether the number has the mark C, which means the prior close.
        is_halted: whether the number has the mark H, which means that trading is halted.
    """

    value: Decimal
    is_close: bool
    is_halted: bool


def quoted(text: str) -> Quoted | None:
    """Parse a quoted number: ``C145.20``, ``H1.05``, ``1,234.5``, ``2.3M``, ``1.5%``, ``10 USD``.

    Raises:
        ValueError: the text is not a number.
    """
    text = _short(text, "not a number")
    if text.lower() in NOTHING:
        return None
    match = _number().fullmatch(text)
    if match is None:
        msg = "not a number"
        raise ValueError(msg)
    digits = match["sign"] + match["digits"].replace(",", "")
    exponent = int((match["exponent"] or "e0")[1:]) + _SCALE[match["scale"]]
    # The exponent is appended as text, because decimal arithmetic would round to the precision of
    # the decimal context.
    value = Decimal(f"{digits}e{exponent}" if exponent else digits)
    if match["scale"] and abs(exponent) < 20 and value == value.to_integral_value():
        value = Decimal(int(value))
    return Quoted(_bounded(value), "C" in match["prefix"], "H" in match["prefix"])


def _short(text: str, otherwise: str) -> str:
    """Return a text without surrounding blanks, if it is short enough for a number or a time.

    Raises:
        ValueError: the text is longer than any number or time, so that matching a pattern with it
            could take minutes; ``otherwise`` is the message.
    """
    text = text.strip()
    if len(text) > LONGEST:
        raise ValueError(otherwise)
    return text


def _bounded(number: Decimal) -> Decimal:
    if not is_number(number):
        msg = f"the number has more than {LONGEST} digits, too many for a price, size or id"
        raise ValueError(msg)
    return number


def _bounded_int(value: int) -> int:
    if not is_fit(value):
        msg = f"the number has more than {LONGEST} digits, too many for a price, size or id"
        raise ValueError(msg)
    return value


def to_decimal(value: object) -> Decimal | None:
    """Convert a number in any spelling to an exact decimal."""
    if isinstance(value, bool):
        msg = "a boolean is not a number"
        raise ValueError(msg)  # noqa: TRY004 - all unreadable values raise the same error
    if isinstance(value, Decimal):
        if not value.is_finite():
            return None
        return _bounded(value)
    if isinstance(value, int):
        return Decimal(_bounded_int(value))
    if isinstance(value, float):
        return to_decimal(Decimal(repr(value)))
    if isinstance(value, str):
        number = quoted(value)
        return None if number is None else number.value
    msg = "not a number"
    raise ValueError(msg)


def without_fraction(number: Decimal) -> Decimal:
    """Return an equal decimal that prints without a needless fraction: 183 instead of 183.0."""
    return Decimal(int(number)) if number == number.to_integral_value() else number


def to_int(value: object) -> int | None:
    """Convert a whole number in any spelling; a fraction raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _bounded_int(value)
    number = to_decimal(value)
    if number is None:
        return None
    if number.adjusted() > 60:
        msg = "the number has more than 60 digits, too many for an id or a count"
        raise ValueError(msg)
    whole = int(number)
    if whole != number:
        msg = "not a whole number"
        raise ValueError(msg)
    return whole


def to_float(value: object) -> float | None:
    """Convert a number in any spelling to a float."""
    number = to_decimal(value)
    return None if number is None else float(number)


_FLAGS = {
    **dict.fromkeys(("1", "true", "t", "y", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "f", "n", "no", "off"), False),
}


def to_bool(value: object) -> bool | None:
    """Convert a boolean: true, 1, ``"1"``, ``"Y"``, ``"true"`` and their opposites."""
    if isinstance(value, bool):
        return value
    if isinstance(value, Decimal) and not value.is_finite():
        return None
    if isinstance(value, int | float | Decimal) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        text = _short(value, "not a boolean").lower()
        if text in _FLAGS:
            return _FLAGS[text]
        if text in NOTHING:
            return None
    msg = "not a boolean"
    raise ValueError(msg)


def to_text(value: object) -> str:
    """Return a text as it is, and a number or boolean as text in its JSON spelling."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    msg = "not text"
    raise ValueError(msg)


# Key: an abbreviation of a time zone that IBKR sends. Value: its hours from UTC.
_ZONES = {
    "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6,
    "PST": -8, "PDT": -7, "CET": 1, "CEST": 2, "HKT": 8, "JST": 9,
}  # fmt: skip
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Numbers from here on are milliseconds since 1970 (in milliseconds, this is March 1973); smaller
# numbers are seconds.
_MILLISECONDS_FROM = 100_000_000_000
_LARGEST_EPOCH = 1_000_000_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def _digits() -> re.Pattern[str]:
    return re.compile(
        r"""
        (?P<year>[0-9]{4})-?(?P<month>[0-9]{2})-?(?P<day>[0-9]{2})
        (?:(?:-|\ +)(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2}))?
        |
        (?P<clock>[0-9]{12})                   # YYMMDDhhmmss
        """,
        re.VERBOSE,
    )


@cache
def _java() -> re.Pattern[str]:
    return re.compile(
        r"[A-Z][a-z]{2} (?P<month>[A-Z][a-z]{2}) (?P<day>[0-9]{1,2}) "
        r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2}) "
        r"(?P<zone>[A-Z]{3,4}) (?P<year>[0-9]{4})"
    )


def to_time(value: object) -> datetime | None:
    """Convert a time in any of the gateway's spellings to an aware datetime in UTC.

    The spellings are epoch seconds and epoch milliseconds (numbers or text),
    ``20260908-17:33:08``, ``260908173308``, ``2026-09-08 17:33:08``, ``20260908``, ISO 8601 and
    ``Wed Nov 05 00:00:00 EST 2025``. A time without a zone is in UTC, as IBKR's times are.
    """
    if isinstance(value, bool):
        msg = "a boolean is not a time"
        raise ValueError(msg)  # noqa: TRY004 - all unreadable values raise the same error
    try:
        if isinstance(value, int | float | Decimal):
            return _from_epoch(Decimal(str(value)))
        if isinstance(value, str):
            return _from_text(_short(value, "not a time"))
    except (OverflowError, InvalidOperation) as error:
        msg = "the time is not within the years 1 to 9999"
        raise ValueError(msg) from error
    msg = "not a time"
    raise ValueError(msg)


def _utc(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0
) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def _from_epoch(units: Decimal) -> datetime:
    # `not <` is also true if `units` is NaN, whereas `>=` is not
    if not abs(units) < _LARGEST_EPOCH:
        msg = "the time is not within the years 1 to 9999"
        raise ValueError(msg)
    milliseconds = units if abs(units) >= _MILLISECONDS_FROM else units * 1000
    return _EPOCH + timedelta(microseconds=int(milliseconds * 1000))


def _from_text(text: str) -> datetime | None:
    if text.lower() in NOTHING:
        return None
    if digits := _digits().fullmatch(text):
        if clock := digits["clock"]:
            year, *rest = (int(clock[at : at + 2]) for at in range(0, 12, 2))
            return _utc(2000 + year, *rest)
        return _utc(*(int(part or 0) for part in digits.groups()[:6]))
    if re.fullmatch(r"[0-9]{9,16}(\.[0-9]{1,6})?", text):
        return _from_epoch(Decimal(text))
    if java := _java().fullmatch(text):
        zone = _ZONES.get(java["zone"])
        if zone is None or java["month"] not in _MONTHS:
            msg = "not a time"
            raise ValueError(msg)
        clock_parts = (int(java[part]) for part in ("day", "hour", "minute", "second"))
        moment = _utc(int(java["year"]), _MONTHS.index(java["month"]) + 1, *clock_parts)
        return moment - timedelta(hours=zone)
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def to_date(value: object) -> date | None:
    """Convert a date: ``20260908``, 20260908, ``2026-09-08``, or the day of any time.

    The result for a time is its day in UTC, with one exception: for the form ``Wed Nov 05 00:00:00
    EST 2025``, the result is the day in the text.
    """
    if isinstance(value, str) and (java := _java().fullmatch(_short(value, "not a date"))):
        if java["month"] not in _MONTHS:
            msg = "not a date"
            raise ValueError(msg)
        return date(int(java["year"]), _MONTHS.index(java["month"]) + 1, int(java["day"]))
    if isinstance(value, int) and not isinstance(value, bool) and 19000101 <= value <= 29991231:
        value = str(value)
    moment = to_time(value)
    return None if moment is None else moment.date()
