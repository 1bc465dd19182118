"""Example responses for operations that are not simulated, generated from their response models.

The names and types of a model's fields determine the values, so that the values are the same each
time.
"""

from __future__ import annotations

import functools
import re
import types
import typing
import zlib
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from ...operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...operations import OperationEntry

PDF = b"%PDF-1.4\n%simulated\n%%EOF\n"
_DEEPEST = 6
_MOMENT = 1_772_636_400  # Wednesday 2026-03-04, 15:00 UTC

# Example values for text fields. Each row has a part of a field's name and the value. The first
# row whose part occurs in the field's Python or JSON name applies.
_TEXTS: tuple[tuple[str, str], ...] = (
    ("conid", "265598"),
    ("email", "trader@example.com"),
    ("phone", "+1-555-0100"),
    ("timezone", "America/New_York"),
    ("time_zone", "America/New_York"),
    ("timestamp", "20260304-15:00:00"),
    ("time", "20260304-15:00:00"),
    ("period", "1D"),
    ("currency", "USD"),
    ("ccy", "USD"),
    ("cash_cur", "USD"),
    ("country", "US"),
    ("exchange", "NASDAQ"),
    ("ticker", "AAPL"),
    ("symbol", "AAPL"),
    ("sec_type", "STK"),
    ("asset_class", "STK"),
    ("side", "BUY"),
    ("order_type", "LMT"),
    ("time_in_force", "DAY"),
    ("company", "APPLE INC"),
    ("url", "https://example.com/"),
    ("link", "https://example.com/"),
    ("date", "20260304"),
    ("expiry", "20260319"),
    ("maturity", "20260319"),
    ("year", "2026"),
    ("month", "202603"),
    ("status", "ACTIVE"),
    ("state", "ACTIVE"),
    ("price", "100.00"),
    ("amount", "100.00"),
    ("margin", "100.00"),
    ("equity", "100.00"),
    ("value", "100.00"),
    ("color", "#000000"),
    ("name", "Simulated"),
    ("title", "Simulated"),
    ("desc", "Simulated"),
    ("message", "Simulated"),
    ("text", "Simulated"),
)
# Some model fields have a special class as their type, which tells the client's decoder how to
# read them. The class has the same name as the plain type that the decoder returns, such as `int`.
_BY_NAME = {"str": str, "int": int, "Decimal": Decimal, "datetime": datetime, "date": date}
# JSON names of fields that hold a number but are sent as text, such as "0.0".
_NUMBERS_AS_TEXT = {"lower_edge"}
_LEFT_OUT = re.compile(r"error|fail|reject|exception", re.IGNORECASE)


class Examples:
    """Generates example responses for any operation that bezant knows.

    Args:
        account_id: account id to put into the responses.
    """

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id

    def answer(self, method: str, path: str) -> tuple[bytes, str] | None:
        """Return the body and content type of an example response to a request.

        The result is None if no operation has this method and path.

        Args:
            method: the HTTP method.
            path: the request's path, without `/v1/api` if it begins with that.
        """
        entry = find(method, path)
        if entry is None:
            return None
        if entry.response == "None":
            return b"", "text/plain; charset=utf-8"
        if entry.response == "BinaryResponse":
            return PDF, "application/pdf"
        body = msgspec.json.encode(self.example(entry.response_type, ""))
        return body, "application/json; charset=utf-8"

    def example(self, kind: Any, name: str, depth: int = 0) -> Any:
        """Return an example value of a type, such as "sample" for `str`.

        Args:
            kind: the type.
            name: text with the Python name and the JSON name of the field that gets the value.
            depth: how deeply the value is nested in the response; 0 for the response itself.
        """
        kind = _plain(kind)
        kind = _BY_NAME.get(getattr(kind, "__name__", ""), kind)
        if typing.get_origin(kind) is typing.Literal:
            return typing.get_args(kind)[0]
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self._struct(kind, depth)
        if origin is list:
            return [self.example(arguments[0], name, depth + 1)] if depth < _DEEPEST else []
        if origin is dict:
            key = self._account_id if "acc" in name.lower() or not name else "sample"
            return {key: self.example(arguments[1], name, depth + 1)} if depth < _DEEPEST else {}
        if kind is bool:
            return True
        if kind is int:
            return self._whole(name)
        if kind in (Decimal, float):
            if name.rpartition(" ")[2] in _NUMBERS_AS_TEXT:
                return "0.0"
            return 1 + zlib.crc32(name.encode()) % 99_900 / 100
        if kind is str:
            return self._text(name)
        if kind is datetime:
            return _MOMENT * 1000
        if kind is date:
            return "20260304"
        # IBKR's document does not describe this type, so any object is a valid example.
        return {} if depth else {"message": "Simulated"}

    def _struct(self, kind: type[msgspec.Struct], depth: int) -> dict[str, Any]:
        if depth >= _DEEPEST:
            return {}
        hints = _hints(kind)
        return {
            field.encode_name: self.example(
                hints[field.name], f"{field.name} {field.encode_name}", depth + 1
            )
            for field in msgspec.structs.fields(kind)
            if not _LEFT_OUT.search(f"{field.name} {field.encode_name}")
        }

    def _whole(self, name: str) -> int:
        lower = name.lower()
        if "conid" in lower or "con_id" in lower:
            return 265598
        if lower.partition(" ")[0].endswith("_ms"):
            return _MOMENT * 1000
        if any(part in lower for part in ("time", "opening", "closing")):
            return _MOMENT
        if any(part in lower for part in ("date", "day", "cutoff")):
            return 20260304
        return zlib.crc32(name.encode()) % 90 + 10

    def _text(self, name: str) -> str:
        lower = name.lower()
        if "account" in lower or "acct" in lower:
            return self._account_id
        if lower.rpartition(" ")[2].isdigit():
            return "100.00"
        return next((text for part, text in _TEXTS if part in lower), "sample")


def _plain(kind: Any) -> Any:
    """Return the type `X` for `X | None`; return a type that is no union unchanged."""
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return kind
    return next(each for each in typing.get_args(kind) if each is not type(None))


@functools.cache
def _hints(kind: type[msgspec.Struct]) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


@functools.cache
def _table() -> list[tuple[str, re.Pattern[str], OperationEntry]]:
    def order(entry: OperationEntry) -> int:
        return entry.path.count("{")

    return [
        (entry.method, re.compile(re.sub(r"\{[^}]*\}", "[^/]+", entry.path)), entry)
        for entry in sorted(OPERATIONS.values(), key=order)
    ]


def find(method: str, path: str) -> OperationEntry | None:
    """Return the operation that has the HTTP method and the path; None without one.

    If several operations match, the one with the fewest path parameters is returned.
    """
    for wanted, pattern, entry in _table():
        if wanted == method and pattern.fullmatch(path):
            return entry
    return None
