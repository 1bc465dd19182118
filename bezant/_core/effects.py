"""Calls with an effect: what to say of it where their answer does not, and of which orders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, cast
from urllib.parse import unquote

import msgspec
from msgspec import UNSET

from ..errors import DecodeError, OutcomeUnknown
from .decode import loads
from .requests import client_order_ids
from .wire import Operation, Request

_ORDER: Final = re.compile(r"/iserver/(?:account/[^/]+/orders?(?:/|$)|reply/)")
_REPLY: Final = re.compile(r"/iserver/reply/([^/?]+)")
# More questions than anyone leaves open within the minute for which the gateway remembers them.
_REMEMBERED: Final = 256


def is_order(operation: Operation) -> bool:
    """Say whether a call places, changes, confirms or cancels an order."""
    return not operation.idempotent and _ORDER.match(operation.path) is not None


def advice(operation: Operation) -> str:
    """Return what to do about a call with an effect that may have been carried out."""
    what = "look for the order" if is_order(operation) else "look"
    return f"it may have been carried out: {what} before you send it again"


def unreadable(error: DecodeError, operation: Operation, status: int | None) -> OutcomeUnknown:
    """Return the error for an answer that cannot be read, of a call with an effect."""
    unknown = OutcomeUnknown(
        f"{error.message}; {advice(operation)}", operation=operation.name, status=status
    )
    unknown.__cause__ = error
    return unknown


def broken_off(operation: Operation, names: tuple[str, ...]) -> str:
    """Return what to say of a call with an effect that somebody broke off."""
    ids = f" (client order id {', '.join(names)})" if names else ""
    return f"{operation.name} was broken off; {advice(operation)}{ids}"


def check_told(found: object, body: bytes, operation: Operation) -> None:
    """See to it that a list of orders that were placed says something about each of them.

    Raises:
        DecodeError: it is empty, or a row of it could not be read: which order that was is lost.
    """
    if not isinstance(found, list):
        return
    rows = cast("list[object]", found)
    if not rows or len(rows) != _count(body) or any(map(_is_blank, rows)):
        raise DecodeError(
            "the answer does not say what became of each order", operation=operation.name
        )


_raw_rows = msgspec.json.Decoder(list[msgspec.Raw])


def _count(body: bytes) -> int:
    """Return how many rows there are; 0 if the bytes cannot be read."""
    try:
        return len(_raw_rows.decode(body))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass  # a part that nobody needs may be no JSON
    try:
        return len(loads(body))
    except (ValueError, TypeError, RecursionError):
        return 0


def _is_blank(row: object) -> bool:
    if not isinstance(row, msgspec.Struct) or not row.__struct_fields__:
        return False
    return all(getattr(row, name) is UNSET for name in row.__struct_fields__)


class Questions:
    """The names of the orders that the gateway asked something about, by the question's id."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[str, ...]] = {}

    def names(self, request: Request) -> tuple[str, ...]:
        """Return the client order ids of the orders that a call is about."""
        names = client_order_ids(request)
        if not names and (reply := _REPLY.search(request.target)):
            names = self._names.get(unquote(reply[1]), ())
        return names

    def answered(self, request: Request, answer: object) -> None:
        """Remember the questions in an answer: those that answer them do not name the orders."""
        names = self.names(request)
        rows = cast("list[object]", answer) if isinstance(answer, list) else [answer]
        for row in rows if names else ():
            if isinstance(row, Mapping):
                question = cast("Mapping[str, object]", row).get("id")
            else:
                question = getattr(row, "id", None)
            if not isinstance(question, str) or not question:
                continue
            self._names[question] = names
            if len(self._names) > _REMEMBERED:
                del self._names[next(iter(self._names))]
