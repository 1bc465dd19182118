"""What an answer means: its status, then an error inside it, then its body."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from typing import Any, NoReturn, TypeVar, cast

import msgspec
from msgspec import UNSET

from ..errors import (
    AnswerTooLarge,
    ApiError,
    BadRequest,
    BezantError,
    ClientClosed,
    ConnectFailed,
    ConnectionLost,
    DecodeError,
    HttpTimeout,
    NoSession,
    NotAuthenticated,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Refused,
    TlsFailed,
    UnexpectedRedirect,
    UpstreamError,
)
from .decode import Report, decode
from .redact import excerpt, redact
from .values import NOTHING
from .wire import Answer, Operation, TransportTrouble, Trouble

T = TypeVar("T")

_LOG_IN = "log in at the gateway's page in a browser, then try again"
_LOGIN_PATHS = ("/sso/login", "/sso/dispatcher")
# What login pages have and error pages do not.
_LOGIN_PAGE = re.compile(rb"/sso/|type=[\"']?password|client portal|log ?in\b", re.IGNORECASE)
_NO_SESSION = ("no bridge", "init session first")
_AFTER_ANOTHER = ("please query /accounts first",)

# How much of a long answer is searched for an error, at both of its ends.
_END = 16 * 1024

# A compressed file may not grow beyond this: the answer's own limit does not see into it.
_LONGEST_FILE = 256 * 1024 * 1024


class BinaryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A file: a statement, a tax document, a voucher.

    Attributes:
        content: its bytes.
        content_type: what it is, such as ``application/pdf``.
    """

    content: bytes
    content_type: str

    def __repr__(self) -> str:
        return f"<BinaryAnswer {self.content_type}, {len(self.content)} bytes>"


class _File(msgspec.Struct):
    value: str
    mime_type: str | None = msgspec.field(default=None, name="mimeType")
    gzip: bool | None = None


class _FileEnvelope(msgspec.Struct):
    data: _File


class _Envelope(msgspec.Struct):
    error: msgspec.Raw | msgspec.UnsetType = UNSET
    success: msgspec.Raw | msgspec.UnsetType = UNSET
    message: msgspec.Raw | msgspec.UnsetType = UNSET
    status_code: msgspec.Raw | msgspec.UnsetType = msgspec.field(default=UNSET, name="statusCode")


_envelope = msgspec.json.Decoder(_Envelope)
_envelopes = msgspec.json.Decoder(list[_Envelope])
_file = msgspec.json.Decoder(_FileEnvelope)


def read(answer: Answer, operation: Operation, type_: type[T], report: Report) -> T:
    """Read an answer into what was asked for, or raise what it means.

    ``bytes`` gives the body as it came, ``str`` its text, `BinaryAnswer` a file, ``None`` nothing,
    ``Any`` plain Python values (None for an empty body), anything else a typed value.

    Raises:
        BezantError: the kind that fits the answer.
    """
    check(answer, operation)
    body = answer.body
    wanted = cast("object", type_)
    if wanted is bytes:
        return cast("T", body)
    if wanted is str:
        return cast("T", body.decode("utf-8", "replace"))
    if wanted is BinaryAnswer:
        return cast("T", _binary(answer, operation))
    if wanted is Any and not body.strip():
        return cast("T", None)
    refuse_html(answer, operation)
    if wanted is None or wanted is type(None):
        return cast("T", None)
    if operation.otherwise:
        body = _as_expected(body, operation.otherwise)
    return decode(body, type_, operation=operation.name, report=report)


def _as_expected(body: bytes, otherwise: str) -> bytes:
    """Wrap an answer of the other outer shape, as the operation says."""
    start = body.lstrip()[:1]
    if otherwise == "[]":
        return b"[" + body + b"]" if start == b"{" else body
    return b'{"' + otherwise.encode() + b'":' + body + b"}" if start == b"[" else body


def _binary(answer: Answer, operation: Operation) -> BinaryAnswer:
    content_type = answer.headers.get("content-type", "")
    if answer.body[:1] == b"{" and "json" in content_type.lower():
        try:
            file = _file.decode(answer.body).data
        except msgspec.MsgspecError:
            pass  # no file in an envelope: it is JSON that was asked for
        else:
            return BinaryAnswer(
                content=_unpacked(file, operation), content_type=file.mime_type or ""
            )
    elif "html" in content_type.lower() and _LOGIN_PAGE.search(answer.body[:20_000]):
        refuse_html(answer, operation)
    return BinaryAnswer(content=answer.body, content_type=content_type)


def _unpacked(file: _File, operation: Operation) -> bytes:
    unreadable = DecodeError("the file in the answer cannot be read", operation=operation.name)
    try:
        content = base64.b64decode("".join(file.value.split()), validate=True)
        if not content.startswith(b"\x1f\x8b") or file.gzip is False:
            return content
        packer = zlib.decompressobj(16 + zlib.MAX_WBITS)
        unpacked = packer.decompress(content, _LONGEST_FILE)
    except (binascii.Error, ValueError, zlib.error):
        raise unreadable from None
    if packer.unconsumed_tail:
        raise AnswerTooLarge("the file is too long unpacked", operation=operation.name)
    if not packer.eof:
        raise unreadable
    return unpacked


def check(answer: Answer, operation: Operation) -> None:
    """Raise what an answer's status or envelope means; return for a success.

    Raises:
        BezantError: the kind that fits the answer.
    """
    status = answer.status
    if 200 <= status < 300:
        _check_envelope(answer, operation)
    elif 300 <= status < 400:
        _raise_redirect(answer, operation)
    else:
        _raise_status(answer, operation)


def _check_envelope(answer: Answer, operation: Operation) -> None:
    body = answer.body
    start = body[:1]
    if start not in (b"{", b"["):
        start = body.lstrip()[:1]
    if start == b"{":
        # So long an answer is data: an error beside it stands at one of its ends.
        ends = body if len(body) <= 4 * _END else body[:_END] + body[-_END:]
        if b'"error"' not in ends and b'"success"' not in ends:
            return
        try:
            envelope = _envelope.decode(body)
        except RecursionError:
            raise _too_deep(operation) from None
        except ValueError:
            return  # not JSON: reading it says so better
    elif start == b"[" and b'"error"' in body[:100]:
        try:
            envelopes = _envelopes.decode(body)
        except RecursionError:
            raise _too_deep(operation) from None
        except ValueError:
            return
        # A list of one error is a refusal; one row among others is the caller's to see.
        if len(envelopes) != 1:
            return
        envelope = envelopes[0]
    else:
        if body.startswith(b"Unknown service"):
            # The gateway answers so to a path that it has no service for.
            raise NotFound(
                "the gateway knows no such service",
                operation=operation.name,
                status=answer.status,
                body=excerpt(body),
            )
        return
    error = _plain(envelope.error)
    if isinstance(error, str) and error.strip().lower() in NOTHING:
        error = None
    if error:
        _raise_refused(_text(error), answer, operation)
    success = _plain(envelope.success)
    if success is False or success in ("false", "False"):
        reason = _plain(envelope.message)
        _raise_refused(_text(reason) if reason else "success: false", answer, operation)


def _too_deep(operation: Operation) -> DecodeError:
    # It may be an error: taking it for a success because it cannot be looked into would be wrong.
    return DecodeError("the answer is nested too deeply", operation=operation.name)


def _plain(raw: msgspec.Raw | msgspec.UnsetType) -> object:
    if isinstance(raw, msgspec.UnsetType):
        return None
    try:
        return cast("object", msgspec.json.decode(raw))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return "unreadable"


def _text(value: object) -> str:
    text = redact(value if isinstance(value, str) else msgspec.json.encode(value).decode())
    return text if len(text) <= 500 else text[:499] + "…"


def _raise_refused(text: str, answer: Answer, operation: Operation) -> NoReturn:
    _raise_known(text, operation)
    raise Refused(text, operation=operation.name, status=answer.status, body=excerpt(answer.body))


def _raise_known(text: str, operation: Operation) -> None:
    lower = text.lower()
    if any(mark in lower for mark in _NO_SESSION):
        raise NoSession(
            f"the gateway has no brokerage session ({text}); {_LOG_IN}", operation=operation.name
        )
    if lower in ("not logged in", "not authenticated"):
        raise NotAuthenticated(f"{text}; {_LOG_IN}", operation=operation.name)


def _raise_redirect(answer: Answer, operation: Operation) -> NoReturn:
    location = answer.headers.get("location", "")
    if any(path in location.lower() for path in _LOGIN_PATHS):
        raise NotAuthenticated(
            f"the gateway redirects to its login page; {_LOG_IN}", operation=operation.name
        )
    where = redact(location.split("?")[0][:200])
    raise UnexpectedRedirect(
        f"HTTP {answer.status} to {where!r}: the gateway does not know this path",
        operation=operation.name,
        status=answer.status,
        body=excerpt(answer.body),
    )


def _raise_status(answer: Answer, operation: Operation) -> NoReturn:
    status = answer.status
    name = operation.name
    body = excerpt(answer.body)
    text = _reason(answer) or "without a reason"
    message = f"HTTP {status}: {text}"
    if status == 401:
        hint = ""
        if "{accountid}" in name.lower() or "/portfolio/" in name:
            # The gateway answers 401 for an account that it does not know, too.
            hint = "; it answers the same for an account id that the user name cannot see"
        raise NotAuthenticated(f"HTTP 401; {_LOG_IN}{hint}", operation=name)
    _raise_known(text, operation)
    if status == 429:
        raise RateLimited(
            f"{message}; too many requests: stop now, the penalty is 10 to 15 minutes for the "
            "whole IP address",
            operation=name,
            body=body,
            retry_after=_retry_after(answer),
        )
    kind: type[ApiError]
    if status == 403 or (status == 404 and answer.body.strip() == b"Access Denied"):
        kind = PermissionDenied
        if status == 404:
            message = (
                f"HTTP {status}: Access Denied; this address is not on the gateway's list "
                "(ips.allow in its conf.yaml)"
            )
    elif status == 400:
        kind = BadRequest
    elif status in (404, 410):
        kind = NotFound
    elif status >= 500:
        if status in (502, 503, 504) and not operation.idempotent:
            raise OutcomeUnknown(
                f"{message}; it may have been carried out: look before you send it again",
                operation=name,
                status=status,
            )
        retryable = status in (502, 503, 504) or any(
            mark in text.lower() for mark in _AFTER_ANOTHER
        )
        raise UpstreamError(message, operation=name, status=status, body=body, retryable=retryable)
    else:
        kind = ApiError
    raise kind(message, operation=name, status=status, body=body)


def _reason(answer: Answer) -> str:
    body = answer.body.strip()
    if body[:1] == b"{":
        try:
            envelope = _envelope.decode(body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return excerpt(body)
        value = _plain(envelope.error) or _plain(envelope.message)
        return _text(value) if value else excerpt(body)
    if _is_html(answer):
        title = re.search(rb"<title[^>]*>([^<]{1,200})", body, re.IGNORECASE)
        return excerpt(title[1]) if title else "an HTML page"
    return excerpt(body)


def _retry_after(answer: Answer) -> float | None:
    text = answer.headers.get("retry-after", "").strip()
    return float(text) if re.fullmatch(r"[0-9]{1,6}", text) else None


def _is_html(answer: Answer) -> bool:
    if "html" in answer.headers.get("content-type", "").lower():
        return True
    return answer.body.lstrip()[:9].lower().startswith((b"<!doctype", b"<html"))


def refuse_html(answer: Answer, operation: Operation) -> None:
    """Raise what a page means where JSON was expected.

    Raises:
        NotAuthenticated: it is the login page.
        DecodeError: it is another page.
    """
    if answer.body[:1] in (b"{", b"[") or not _is_html(answer):
        return
    if _LOGIN_PAGE.search(answer.body[:20_000]):
        raise NotAuthenticated(
            f"the gateway sent its login page; {_LOG_IN}", operation=operation.name
        )
    raise DecodeError(
        f"the gateway sent an HTML page where JSON was expected: {excerpt(answer.body)!r}",
        operation=operation.name,
        body=excerpt(answer.body),
    )


def transport_error(
    trouble: TransportTrouble, operation: Operation, *, where: str, timeout: float
) -> BezantError:
    """Turn "no answer came" into the error that says what it means for this call."""
    name = operation.name
    detail = redact(trouble.detail)
    if trouble.kind is Trouble.TOO_LARGE:
        return AnswerTooLarge(detail, operation=name)
    if trouble.sent and not operation.idempotent:
        return OutcomeUnknown(
            f"{detail or trouble.kind.value}; it may have been carried out: look before you send "
            "it again",
            operation=name,
        )
    if trouble.kind is Trouble.STOPPED:
        return ClientClosed("the client was closed in the middle of this call", operation=name)
    if trouble.kind is Trouble.TLS:
        return TlsFailed(
            f"TLS with {where} failed: {detail}; see the verify argument", operation=name
        )
    if trouble.kind is Trouble.CONNECT:
        return ConnectFailed(
            f"cannot connect to {where}: {detail}; is the gateway running?", operation=name
        )
    if trouble.kind is Trouble.TIMEOUT:
        return HttpTimeout(
            f"no complete answer from {where} within {timeout:g} s: {detail}", operation=name
        )
    return ConnectionLost(f"the connection to {where} broke: {detail}", operation=name)
