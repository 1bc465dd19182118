"""Helper functions of the topics' parsers: they read rows and values of frames."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar, cast

import msgspec
from msgspec.structs import force_setattr

from ..._wire import converters
from ...models._base import peek
from ...models.stream import LedgerUpdate, Message, Other, SummaryUpdate
from ..decoding.decoder import convert_row
from ..decoding.drift import Report
from .topic import Frame

T = TypeVar("T", bound=msgspec.Struct)


def read_model(row: Frame, type_: type[T], topic: str, report: Report) -> T:
    """Convert a row to a message of a class, and keep the row in the message's ``raw``.

    `report` is called with a `Drift` for each field that has another type than declared. `topic` is
    the name of the topic in these reports.
    """
    found = convert_row(row, type_, operation=topic, report=report)
    force_setattr(found, "raw", row)  # changed before anyone else sees it
    return found


def model_rows(
    key: str, type_: type[Message], topic: str
) -> Callable[[str, Frame, bytes, Report], list[Message]]:
    """Return a parser for frames whose rows, in the field `key`, become messages of one class."""
    return rows_in(key, lambda _, row, report: read_model(row, type_, topic, report))


def rows_in(
    key: str, read: Callable[[str, Frame, Report], Message]
) -> Callable[[str, Frame, bytes, Report], list[Message]]:
    """Return a parser for frames that have one row, or a list of rows, in a field.

    For some topics, IBKR documents one object but sends a list.

    Args:
        key: name of the field with the rows.
        read: function that converts a row to a message. Its arguments are the frame's topic, the
            row, and the function that reports drift.
    """

    def parse(topic: str, frame: Frame, _: bytes, report: Report) -> list[Message]:
        rows: object = frame.get(key)
        if isinstance(rows, dict):
            rows = [cast("Frame", rows)]
        if not isinstance(rows, list):
            return []
        return [
            read(topic, cast("Frame", row), report)
            if isinstance(row, dict)
            else Other(topic=topic, payload=row)
            for row in cast("list[object]", rows)
        ]

    return parse


def target_of(topic: str) -> str:
    """Return the part of a topic after the first "+", such as ``DU1`` in ``ssd+DU1``."""
    return topic.partition("+")[2]


def account_and_key(message: SummaryUpdate | LedgerUpdate) -> tuple[str, str] | None:
    """Return the account id and the key of a message; None if the message has no key."""
    key = peek(message, "key")
    return None if key is None else (message.account_id, key)


def number_or_none(value: Any) -> int | None:
    """Convert a value to a whole number; None if it is not a whole number."""
    try:
        return converters.to_int(value)
    except (ValueError, ArithmeticError):
        return None


def time_or_none(value: Any) -> datetime | None:
    """Convert a value to a time; None if it is missing or is not a time."""
    try:
        return None if value is None else converters.to_time(value)
    except (ValueError, ArithmeticError):
        return None
