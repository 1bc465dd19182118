"""What an answer means: its status, then an error inside it, then its body."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, get_args

import msgspec

from ..._wire.redaction import excerpt, shown
from ...errors import BezantError, DecodeError, InvalidRequest, NotFound, Refused
from ..decoding.bars import with_times
from ..decoding.decoder import decode, decoder
from ..decoding.inspection import Reentered, inspect
from . import error_body
from .error_mapping import (
    asking,
    is_login_page,
    raise_known,
    raise_redirect,
    raise_status,
    refuse_html,
)
from .files import BinaryResponse, binary
from .messages import Response
from .operation import Operation
from .unknown_outcome import check_told, unreadable

if TYPE_CHECKING:
    from ..decoding.drift import Drift, Report

T = TypeVar("T")

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def read(response: Response, operation: Operation, type_: type[T], report: Report) -> T:
    """Read an answer into what was asked for, or raise what it means.

    ``bytes`` gives the body as it came, ``str`` its text, `BinaryResponse` a file, ``None``
    nothing, ``Any`` plain Python values (None for an empty body), anything else a typed value.

    Raises:
        OutcomeUnknown: the call has an effect, and its answer cannot be read.
        BezantError: the kind that fits the answer.
    """
    if response.body.startswith(_BYTE_ORDER_MARK) and cast("object", type_) is not bytes:
        response = msgspec.structs.replace(response, body=response.body[len(_BYTE_ORDER_MARK) :])
    try:
        return with_times(_read(response, operation, type_, report))
    except DecodeError as error:
        if operation.idempotent:
            raise
        raise unreadable(error, operation, response.status) from error
    except BezantError:
        raise
    except Exception as error:
        # A type of the user's own may raise anything, and the memory may end.
        failed = DecodeError(
            f"the answer cannot be read into {shown(type_)}: {shown(error)}",
            operation=operation.name,
            body=excerpt(response.body),
        )
        if operation.idempotent:
            raise failed from error
        raise unreadable(failed, operation, response.status) from error


def _read(response: Response, operation: Operation, type_: type[T], report: Report) -> T:
    check_status(response, operation)
    long = len(response.body) > error_body.LONG
    watch = error_body.watch(cast("Hashable", type_)) if long else None
    if watch is not None and response.body[:1] == b"{":
        try:
            found = _value(response, operation, watch.type, report)
        except DecodeError:
            pass  # it may be an error all the same
        else:
            if words := watch.words(found):
                raise _refused(words, response, operation, type_)
            return cast("T", watch.without(found))
    if words := error_body.find(response.body, operation):
        raise _refused(words, response, operation, type_)
    return _value(response, operation, type_, report)


def check_type(type_: object, operation: Operation) -> None:
    """Refuse a type that no answer can be read into, before anything is sent.

    Raises:
        InvalidRequest: it is none.
    """
    if type_ is None or type_ is Any:
        return
    try:
        fits = _can_be_read(type_)
    except Reentered:
        return
    except _NO_TYPE as error:
        raise InvalidRequest(
            f"type cannot be {shown(type_)}: {error}", operation=operation.name
        ) from None
    if not fits:
        raise InvalidRequest(
            f"type cannot be {shown(type_)}: no JSON can be read into it", operation=operation.name
        )


@lru_cache(maxsize=256)
def _can_be_read(type_: Hashable) -> bool:
    if type_ is BinaryResponse:
        return True
    decoder(type_)
    return _is_known(type_)


def _is_known(type_: object) -> bool:
    if isinstance(type_, type) and not issubclass(type_, msgspec.Struct) and not get_args(type_):
        # msgspec takes classes that it does not know for something that a hook will make.
        import msgspec.inspect as look  # few need it

        return not isinstance(inspect(lambda: look.type_info(type_)), look.CustomType)
    return all(map(_is_known, get_args(type_)))


# What msgspec raises for what is no type, or names one that is not there.
_NO_TYPE = (TypeError, ValueError, NameError, AttributeError, RecursionError)


def check_status(response: Response, operation: Operation) -> None:
    """Raise what an answer's status means; return for a success.

    Raises:
        BezantError: the kind that fits the status.
    """
    status = response.status
    if not 200 <= status < 300:
        if 300 <= status < 400:
            raise_redirect(response, operation)
        raise_status(response, operation)
    if response.body.startswith(b"Unknown service"):
        # The gateway answers so to a path that it has no service for.
        raise NotFound(
            "the gateway knows no such service",
            operation=operation.name,
            status=status,
            body=excerpt(response.body),
        )


def _value(response: Response, operation: Operation, type_: type[T], report: Report) -> T:
    """Make what was asked for of a success."""
    body = response.body
    wanted = cast("object", type_)
    if wanted is bytes:
        return cast("T", body)
    if wanted is str:
        return cast("T", body.decode("utf-8", "replace"))
    if wanted is BinaryResponse:
        if "html" in response.headers.get("content-type", "").lower() and is_login_page(response):
            refuse_html(response, operation)
        return cast("T", binary(response, operation))
    if wanted is Any and not body.strip() and (response.status == 204 or operation.order is None):
        return cast("T", None)
    refuse_html(response, operation)
    if wanted is None or wanted is type(None):
        return cast("T", None)
    if operation.wrap_as:
        body = _as_expected(body, operation.wrap_as)
    found = decode(body, type_, operation=operation.name, report=report)
    if operation.order is not None:
        check_told(found, body, operation)
    return found


def _as_expected(body: bytes, wrap_as: str) -> bytes:
    """Wrap an answer of the other outer shape, as the operation says."""
    start = body.lstrip()[:1]
    if wrap_as == "[]":
        return b"[" + body + b"]" if start == b"{" else body
    return b'{"' + wrap_as.encode() + b'":' + body + b"}" if start == b"[" else body


def _refused(words: str, response: Response, operation: Operation, type_: Any) -> BezantError:
    """Return the error for a refusal, with all that the answer holds.

    Raises:
        SessionError: the words are about the session.
    """
    raise_known(words, operation)
    kind = operation.refusal
    try:
        found: Any = _value(response, operation, type_, _ignore)
    except BezantError:  # the error is all that it holds, in a shape of its own
        found = None
        kind = Refused
    error = kind(
        words,
        operation=operation.name,
        status=response.status,
        body=excerpt(response.body),
        response=found,
    )
    return asking(error, response, operation)


def _ignore(_: Drift) -> None:
    """An error has no types."""
