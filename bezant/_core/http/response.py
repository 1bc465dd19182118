"""Reads responses: checks the status, looks for an error in the body, then decodes the body."""

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
    known_error,
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
    """Read a response into a type, or raise the error that it contains.

    The type ``bytes`` returns the body undecoded, ``str`` returns its text, `BinaryResponse` a
    file, ``None`` returns None, ``Any`` returns plain Python values (None for an empty body), and
    any other type returns a value of this type.

    Raises:
        OutcomeUnknown: the response to a call with side effects cannot be read.
        BezantError: the response is an error, or its body cannot be read into the type.
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
        # Every error is caught here: a type from user code may raise any exception, and memory may
        # run out.
        failed = DecodeError(
            f"the response cannot be read into {shown(type_)} ({shown(error)}); pass another type",
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
            pass  # the body may contain an error, which is searched below
        else:
            if words := watch.words(found):
                raise _refused(words, response, operation, type_)
            return cast("T", watch.without(found))
    if words := error_body.find(response.body, operation):
        raise _refused(words, response, operation, type_)
    return _value(response, operation, type_, report)


def check_type(type_: object, operation: Operation) -> None:
    """Check, before anything is sent, that a response can be read into a type.

    Raises:
        InvalidRequest: no response can be read into the type.
    """
    if type_ is None or type_ is Any:
        return
    try:
        fits = _can_be_read(type_)
    except Reentered:
        return
    except _NO_TYPE as error:
        raise InvalidRequest(
            f"type must be {_ALLOWED_TYPES}, not {shown(type_)}: {error}", operation=operation.name
        ) from None
    if not fits:
        raise InvalidRequest(
            f"type must be {_ALLOWED_TYPES}, not {shown(type_)}", operation=operation.name
        )


@lru_cache(maxsize=256)
def _can_be_read(type_: Hashable) -> bool:
    if type_ is BinaryResponse:
        return True
    decoder(type_)
    return _is_known(type_)


def _is_known(type_: object) -> bool:
    if isinstance(type_, type) and not issubclass(type_, msgspec.Struct) and not get_args(type_):
        # msgspec would accept a class that it does not know, and would need a hook to build its
        # values. bezant has no such hook.
        import msgspec.inspect as look  # imported here: rarely needed

        return not isinstance(inspect(lambda: look.type_info(type_)), look.CustomType)
    return all(map(_is_known, get_args(type_)))


_ALLOWED_TYPES: Final = (
    "a model, a list or mapping of models, plain types such as dict, or bytes, str or None"
)
# msgspec raises these errors for a value that is not a type, or for the name of a type that does
# not exist.
_NO_TYPE = (TypeError, ValueError, NameError, AttributeError, RecursionError)


def check_status(response: Response, operation: Operation) -> None:
    """Raise the error that a response's status means; return if the status is a success.

    Raises:
        BezantError: the error class for the status.
    """
    status = response.status
    if not 200 <= status < 300:
        if 300 <= status < 400:
            raise_redirect(response, operation)
        raise_status(response, operation)
    if response.body.startswith(b"Unknown service"):
        # For a path that it does not know, the gateway sends this text with status 200.
        raise NotFound(
            "the gateway does not know this path; check its spelling",
            operation=operation.name,
            status=status,
            body=excerpt(response.body),
        )


def _value(response: Response, operation: Operation, type_: type[T], report: Report) -> T:
    """Return the body of a successful response as the type."""
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
    """Adapt a response whose outermost value varies, as `Operation.wrap_as` describes."""
    start = body.lstrip()[:1]
    if wrap_as == "[]":
        return b"[" + body + b"]" if start == b"{" else body
    return b'{"' + wrap_as.encode() + b'":' + body + b"}" if start == b"[" else body


def _refused(words: str, response: Response, operation: Operation, type_: Any) -> BezantError:
    """Return the exception for a call that IBKR refused; it contains the decoded response.

    Raises:
        SessionError: the refusal is about the session.
    """
    raise_known(words, operation)
    if operation.refusal is Refused:
        known = known_error(words, words, response, operation)
        if known is not None:
            return known
    kind = operation.refusal
    try:
        found: Any = _value(response, operation, type_, _ignore)
    except BezantError:  # the response lacks required fields of the type
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
    """Ignore drift in an error response, because the type does not declare an error's fields."""
