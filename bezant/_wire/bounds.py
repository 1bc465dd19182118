"""Bounds of numbers in responses: finite, and of a plausible size for a price, quantity or id.

``int()`` and ``format()`` of ``Decimal("1E+999999999")`` take gigabytes or never end, and user code
may call them on any number that bezant returns. In this module, a number within the bounds is
called fit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Final, cast

import msgspec

# A number may have this many characters. No real price, size or id has a longer text, or more
# digits before or after the decimal point.
LONGEST: Final = 100
_MAGNITUDE: Final = 2 * LONGEST
_BITS: Final = 333  # bits of an integer of LONGEST digits

_EXPONENT = 0x81
_DIGIT, _NAN = b"0n"
# Table for `bytes.translate` that replaces each byte by its class. The classes are digits (in any
# alphabet), the letters of "nan" and "inf", the exponent's letter, and the characters before an
# item of a list or before an object's value.
_CLASSES: Final = bytes(
    _DIGIT
    if byte >= 0x80 or chr(byte).isdigit()
    else _NAN
    if chr(byte) in "nafiNAFI"
    else _EXPONENT
    if chr(byte) in "eE"
    else ord(":")
    if chr(byte) in ",["
    else byte
    for byte in range(256)
)
# These characters are skipped, because `Decimal` allows them within a number, and JSON around a
# number; the s is for "sNaN".
_SKIPPED: Final = b"+-_. \t\r\nsS"
_NOT_FINITE: Final = b':"nnn'
_TOO_LARGE: Final = (bytes([_DIGIT, _EXPONENT]) + b"000", b"0" * (LONGEST + 1))

_LOWER: Final = bytes(
    ord('"') if byte >= 0x80 or chr(byte).isdigit() else ord(chr(byte).lower())
    for byte in range(256)
)
_NAMES: Final = (b'"nan"', b'"inf"', b'"infinity"')


def may_be_unfit(body: bytes) -> bool:
    """Return whether JSON text may contain an unfit number; a fast check.

    False is certain: the text has no such number. True may be wrong.

    The function searches for ``"NaN"`` and infinities, an exponent of three digits, and a number of
    more than 100 digits. Text with escapes counts as unfit, because an escape may stand for any of
    these characters.
    """
    if b"\\" in body or body[:1] not in (b"{", b"["):
        return True
    # `rfind` searches from the end, which takes half as long as `in` does.
    find = body.translate(_CLASSES, _SKIPPED).rfind
    if max(map(find, _TOO_LARGE)) >= 0:
        return True
    if find(_NOT_FINITE) < 0:
        return False
    # This slower check comes last. Most texts that get here have other words with the letters of
    # "nan" or "inf", such as "Financial".
    return max(map(body.translate(_LOWER, _SKIPPED).rfind, _NAMES)) >= 0


def may_vanish(body: bytes) -> bool:
    """Return whether JSON text may contain a number that becomes 0 as a float: ``1e-999``.

    Only numbers with a negative exponent of three or more digits are considered. True may be wrong:
    such a number need not become 0.
    """
    return _vanishing().search(body) is not None


@cache
def _vanishing() -> re.Pattern[bytes]:
    return re.compile(rb"[:\[,][ \t\r\n]*-?[0-9.]+[eE]-[0-9]{3}")


_NUMBER: Final = "0123456789.+-_ \t\r\nnaifetys"
_LARGEST: Final = 10**LONGEST


def row_may_be_unfit(row: Mapping[str, object]) -> bool:
    """Return whether plain values may contain an unfit number; True may be wrong, False is not."""
    for value in row.values():
        kind = type(value)
        if kind is str:
            text = cast("str", value)
            if len(text) > LONGEST or not text.isascii():
                return True
            lower = text.lower()
            # A text that has only characters of a number is checked for an exponent and for "nan".
            if not lower.strip(_NUMBER) and ("e" in lower or "n" in lower):
                return True
        elif kind is int:
            if not -_LARGEST < cast("int", value) < _LARGEST:
                return True
        elif kind is list or kind is dict:
            return True
    return False


def is_fit(value: object) -> bool:
    """Return whether all numbers within a value are finite and of a plausible size.

    Raises:
        RecursionError: the value is nested too deeply.
    """
    if value is None or isinstance(value, str | bool | bytes):
        return True
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Decimal):
        return is_number(value)
    if isinstance(value, int):
        return value.bit_length() <= _BITS
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return all(is_fit(key) and is_fit(each) for key, each in pairs)
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(is_fit, cast("Iterable[object]", value)))
    # handled separately because reading an attribute of a model may raise MissingValue
    if isinstance(value, msgspec.Struct):
        return all(map(is_fit, msgspec.structs.astuple(value)))
    return all(is_fit(getattr(value, name, None)) for name in _names(value))


def _names(value: object) -> Iterable[str]:
    """Return the field names of a dataclass or attrs class."""
    if is_dataclass(value):
        return [each.name for each in fields(value)]
    attributes: Any = getattr(type(value), "__attrs_attrs__", ())
    return [each.name for each in attributes]


def is_number(number: Decimal) -> bool:
    """Return whether a decimal is finite, and neither too large nor too long."""
    return (
        number.is_finite()
        and -_MAGNITUDE <= number.adjusted() <= _MAGNITUDE
        and len(str(number)) <= 2 * _MAGNITUDE
    )
