"""Errors for calls with side effects whose response does not tell the result."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, cast
from urllib.parse import unquote

import msgspec

from ...errors import (
    ApiError,
    BezantError,
    DecodeError,
    OutcomeUnknown,
    Refused,
    SessionError,
    cut_off,
)
from ..decoding.decoder import loads
from .messages import Request
from .operation import Operation, OrderCall
from .request import client_order_ids

_DECLINED: Final = "order not confirmed"
# Part of the gateway's error, in lower case, if the session has to request its list of accounts
# before this call.
ASK_FIRST: Final = "please query /accounts first"
LOOK_FIRST: Final = "look for the order before you send it again"
_REPLY: Final = r"/iserver/reply/([^/?]+)"
# Highest number of order questions to remember. The gateway keeps a question for a minute, and a
# user has far fewer open at a time.
_REMEMBERED: Final = 256


def advice(operation: Operation) -> str:
    """Return what the user should do after a call that may or may not have been carried out."""
    what = LOOK_FIRST if operation.effect == "order" else "look before you send it again"
    asks = operation.order in (OrderCall.PLACE, OrderCall.REPLY)
    also = ", and a question about it may be open" if asks else ""
    return f"the call may have been carried out{also}: {what}"


def unreadable(error: DecodeError, operation: Operation, status: int | None) -> OutcomeUnknown:
    """Return the error for a call with side effects whose response cannot be read."""
    unknown = OutcomeUnknown(
        f"{error.message}; {advice(operation)}", operation=operation.name, status=status
    )
    unknown.__cause__ = error
    return unknown


def failed_reply(error: BezantError, *, untouched: bool) -> OutcomeUnknown | None:
    """Return the error to raise instead of `error` after a failed reply to an order question.

    The result is None if `error` itself is to be raised.

    After a failed reply the order may still go live, for example when a later question of the
    account is confirmed. The result is None in two cases: an error with status 200 that is about
    the order itself proves that the order was refused, or `error` does not come from a response.

    Args:
        error: the error that the reply raised.
        untouched: whether the response proves that the gateway did not process the reply.
    """
    if isinstance(error, OutcomeUnknown) or not isinstance(error, ApiError | SessionError):
        return None
    if isinstance(error, Refused) and not (untouched or _leaves_it_open(error.message)):
        return None
    if untouched:
        what = (
            "the gateway did not take this reply, and its question may still be open: send the "
            "reply again within a minute of the question, or look for the order"
        )
    else:
        what = f"the order may still go live: {LOOK_FIRST}"
    status = error.status if isinstance(error, ApiError) else None
    unknown = OutcomeUnknown(f"{error.message}; {what}", operation=error.operation, status=status)
    unknown.__cause__ = error
    return unknown


def _leaves_it_open(text: str) -> bool:
    """Return whether an error text after a reply leaves open what happens to the order."""
    lower = text.lower().strip(" .!")
    return "reply id" in lower or ASK_FIRST in lower or is_vague(lower)


def is_decline(request: Request, error: Refused) -> bool:
    """Return whether an error only confirms that the caller declined IBKR's question."""
    if error.message.lower().strip(" .!") != _DECLINED:
        return False
    try:
        body: object = loads(request.body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(body, dict):
        return False
    confirmed = cast("dict[str, object]", body).get("confirmed")
    return str(confirmed).lower() == "false"


# Error texts that give no reason.
_VAGUE: Final = frozenset(
    {
        "error",
        "failed",
        "internal error",
        "internal server error",
        "server error",
        "service unavailable",
        "success: false",
        "unexpected error",
        "unknown",
        "unknown error",
        "unreadable",
    }
)
_TIMED_OUT: Final = ("timeout", "timed out", "time out")


def is_vague(text: str) -> bool:
    """Return whether an error text, which must be in lower case, gives no reason."""
    return not text or text in _VAGUE or any(mark in text for mark in _TIMED_OUT)


def broken_off(operation: Operation) -> OutcomeUnknown:
    """Return the error for a call with side effects that was interrupted or cancelled."""
    return OutcomeUnknown(
        f"the call was cancelled or interrupted; {advice(operation)}", operation=operation.name
    )


def note_unknown(error: BaseException, unknown: Sequence[OutcomeUnknown]) -> None:
    """Attach to an error the unknown outcomes of other calls that were cut off because of it."""
    if not unknown:
        return
    if isinstance(error, BezantError):
        error.unknown_outcomes = (*error.unknown_outcomes, *unknown)
        return
    # Exceptions of other packages have no such attribute, so it is added. Notes show the outcomes
    # in the traceback, because the text of these exceptions cannot be changed.
    before = getattr(error, "unknown_outcomes", ())
    with suppress(AttributeError):
        error.unknown_outcomes = (*before, *unknown)  # type: ignore[attr-defined]
    error.add_note(cut_off(len(unknown)))
    for each in unknown:
        error.add_note(str(each))


def left_unknown(unknown: Sequence[OutcomeUnknown]) -> OutcomeUnknown:
    """Return the error for bulk work that was left while calls were in progress."""
    error = OutcomeUnknown(
        "this bulk work was left before it was complete; look for each of its orders before you "
        "send it again"
    )
    error.client_order_ids = tuple(name for each in unknown for name in each.client_order_ids)
    error.unknown_outcomes = tuple(unknown)
    return error


def check_told(found: object, body: bytes, operation: Operation) -> None:
    """Check that all rows in the response to a call that places orders can be read.

    Raises:
        DecodeError: the response is empty, or a row cannot be read, so that the result of an order
            is not known.
    """
    if not isinstance(found, list):
        return
    rows = cast("list[object]", found)
    if not rows or len(rows) != _count(body) or any(map(_is_blank, rows)):
        raise DecodeError(
            "the response does not give the result of each order", operation=operation.name
        )


_raw_rows = msgspec.json.Decoder(list[msgspec.Raw])


def _count(body: bytes) -> int:
    """Return the number of rows in a response; 0 if the body cannot be read."""
    try:
        return len(_raw_rows.decode(body))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass  # the tolerant decoder below may still read the body
    try:
        return len(loads(body))
    except (ValueError, TypeError, RecursionError):
        return 0


def _is_blank(row: object) -> bool:
    if not isinstance(row, msgspec.Struct) or not row.__struct_fields__:
        return False
    return all(value is None for value in msgspec.structs.astuple(row))


class AskedOrders:
    """Remembers, for each of IBKR's order questions, the client order ids of its orders."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[str, ...]] = {}

    def names(self, request: Request) -> tuple[str, ...]:
        """Return the client order ids of the orders that a request places or replies about.

        A reply answers one of IBKR's questions about orders.
        """
        names = client_order_ids(request)
        if not names and (reply := re.search(_REPLY, request.target)):
            names = self._names.get(unquote(reply[1]), ())
        return names

    def answered(self, request: Request, answer: object) -> None:
        """Remember the questions in the response to a request.

        A later reply contains only the question's id. `names` then returns the client order ids
        that this method has stored for the question.
        """
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
