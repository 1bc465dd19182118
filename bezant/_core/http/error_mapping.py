"""Maps HTTP errors and transport failures to exceptions."""

from __future__ import annotations

import re
from typing import Final, NoReturn, cast

from ..._wire.redaction import excerpt, redact
from ...errors import (
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
    ResponseTooLarge,
    TlsFailed,
    UnexpectedRedirect,
    UpstreamError,
)
from .error_body import reason
from .messages import Response, TransportError, Trouble
from .operation import Operation
from .unknown_outcome import ASK_FIRST, advice, unreadable

# Advice for error messages: how to open the brokerage session, and how to log in.
OPEN_IT: Final = "client.session.initialize() opens it, no browser is needed"
LOG_IN: Final = "log in at the gateway's page in a browser, then try again"
_LOGIN_PATHS: Final = ("/sso/login", "/sso/dispatcher")
# Matches parts of login pages that error pages do not have.
_LOGIN_PAGE = rb"(?i)/sso/|type=[\"']?password|client portal|log ?in\b"
# Only this many bytes at the start of a page are searched.
_HEAD: Final = 20_000
_NO_SESSION: Final = ("no bridge", "init session first")
# The error texts, in full, with which the gateway demands that the session requests its list of
# accounts before other calls. Both spellings were recorded.
_ASKING: Final = ("Please query /accounts first", "Bad Request: Please query /accounts first")
_ASKING_STATUS: Final = (200, 400, 500)
# Longest response with one of these error texts, in bytes; the recorded ones are shorter.
_ASKING_LONGEST: Final = 300
# The HTTP library's error contains one of these texts if a request without TLS reached a server
# that expects TLS.
_NOT_HTTP: Final = ("server disconnected", "illegal status line")


def raise_known(text: str, operation: Operation) -> None:
    """Raise a session error if IBKR's error text is known to mean one; otherwise return None.

    Raises:
        SessionError: the text says that nobody is logged in or that no brokerage session is open.
    """
    lower = text.lower()
    if any(mark in lower for mark in _NO_SESSION):
        raise NoSession(
            f"the gateway has no brokerage session ({text}); {OPEN_IT}", operation=operation.name
        )
    if lower in ("not logged in", "not authenticated"):
        raise _unauthorized(text, operation)


def _unauthorized(text: str, operation: Operation) -> NotAuthenticated:
    """Return the error for a 401: nobody is logged in, or the gateway refuses only this call."""
    if operation.about_session:
        return NotAuthenticated(f"{text}; {LOG_IN}", operation=operation.name)
    name = operation.name
    hint = ""
    if operation.requires == "accounts" or "{accountid}" in name.lower():
        # The gateway responds with 401 for an account that it does not know, too.
        hint = "; else check the account id, because an account that you cannot see gets a 401, too"
    error = NotAuthenticated(
        f"{text}; if client.session.refresh() says that nobody is logged in, {LOG_IN}{hint}",
        operation=name,
    )
    error.needs_login = False
    return error


def raise_redirect(response: Response, operation: Operation) -> NoReturn:
    """Raise the error for a redirect.

    Raises:
        NotAuthenticated: the redirect leads to the login page.
        UnexpectedRedirect: the redirect leads to another page.
    """
    location = response.headers.get("location", "")
    if any(path in location.lower() for path in _LOGIN_PATHS):
        raise NotAuthenticated(
            f"the gateway redirects to its login page; {LOG_IN}", operation=operation.name
        )
    where = redact(location.split("?")[0][:200])
    # imported here because only errors need it
    from .responder import PROXY_ADVICE, proxy_of_location

    if proxy_of_location(location):
        raise UnexpectedRedirect(
            f"HTTP {response.status} to {where!r}: {PROXY_ADVICE}",
            operation=operation.name,
            status=response.status,
            body=excerpt(response.body),
        )
    raise UnexpectedRedirect(
        f"HTTP {response.status} to {where!r}: the gateway does not know this path; "
        "check its spelling",
        operation=operation.name,
        status=response.status,
        body=excerpt(response.body),
    )


def raise_status(response: Response, operation: Operation) -> NoReturn:
    """Raise the error for a status that is neither a success nor a redirect.

    Raises:
        BezantError: the error class for the status.
    """
    status = response.status
    name = operation.name
    body = excerpt(response.body)
    said, text = _reason(response)
    message = f"HTTP {status}: {text or 'without a reason'}"
    if (known := known_error(said, message, response, operation)) is not None:
        raise known
    from .responder import responder_of  # imported here because only errors need it

    if responder := responder_of(response):
        message = f"{message}; {responder}"
    if status == 401 and responder:
        raise PermissionDenied(message, operation=name, status=status, body=body)
    if status == 401:
        raise _unauthorized(f"HTTP 401: {text}" if text else "HTTP 401", operation)
    raise_known(text, operation)
    if status == 429:
        raise _limited(message, response, operation)
    kind: type[ApiError]
    if status == 403 or (status == 404 and response.body.strip() == b"Access Denied"):
        kind = PermissionDenied
        if status == 404:
            message = (
                f"HTTP {status}: Access Denied; the gateway does not accept this machine's "
                "address, add it to ips.allow in its conf.yaml"
            )
    elif status == 400:
        kind = BadRequest
    elif status in (404, 410):
        kind = NotFound
    elif status >= 500:
        if not operation.idempotent and (
            status in (502, 503, 504) or ASK_FIRST not in text.lower()
        ):
            raise OutcomeUnknown(f"{message}; {advice(operation)}", operation=name, status=status)
        kind = UpstreamError
    else:
        kind = ApiError
    error = kind(message, operation=name, status=status, body=body)
    error.retryable = status in (502, 503, 504)
    raise asking(error, response, operation)


def known_error(
    said: str | None, message: str, response: Response, operation: Operation
) -> ApiError | None:
    """Return the exception for one of IBKR's known error texts; None for an unknown text.

    Args:
        said: the error text of the response; None if the response is an HTML page.
        message: message for the returned error.
        response: the response.
        operation: the call.
    """
    if said is None or ASK_FIRST in said.lower():
        return None
    from .known_texts import Meaning, known_text  # imported here because only errors need it

    row = known_text(said, response.status, operation)
    if row is None:
        return None
    if row.advice:
        message = f"{message}; {row.advice}"
    if row.meaning is Meaning.LIMIT:
        return _limited(message, response, operation)
    kinds: dict[Meaning, type[ApiError]] = {
        Meaning.NOT_FOUND: NotFound,
        Meaning.BAD_REQUEST: BadRequest,
        Meaning.REFUSED: Refused,
        Meaning.FORBIDDEN: PermissionDenied,
    }
    error = kinds.get(row.meaning, UpstreamError)(
        message, operation=operation.name, status=response.status, body=excerpt(response.body)
    )
    error.retryable = row.meaning is Meaning.LATER
    return error


def _limited(message: str, response: Response, operation: Operation) -> RateLimited:
    return RateLimited(
        f"{message}; too many requests: stop now, the penalty is 10 to 15 minutes for the whole IP "
        "address",
        operation=operation.name,
        status=response.status,
        body=excerpt(response.body),
        retry_after=_retry_after(response),
    )


def asking(error: ApiError, response: Response, operation: Operation) -> BezantError:
    """Return `error`; mark it as retryable if IBKR refused the call as too early.

    Such an error says that the session has to request its list of accounts before this call.

    The error of a call with side effects is marked only if the response says nothing else. If that
    response may belong to another request, the result is `OutcomeUnknown` instead.
    """
    if ASK_FIRST not in error.message.lower():
        return error
    if operation.idempotent:
        error.retryable = True
    elif _asks(response):
        if response.clean:
            error.retryable = True
            return error
        unknown = OutcomeUnknown(
            f"{error.message}, but this may be the response to another request; "
            f"{advice(operation)}",
            operation=operation.name,
            status=response.status,
        )
        unknown.__cause__ = error
        return unknown
    return error


def did_nothing(response: Response) -> bool:
    """Return whether a response proves that the gateway did nothing, because a call came too early.

    The gateway demands that the session requests its list of accounts before some calls. The
    response is a proof if its whole error is one of the recorded texts of this demand, if it states
    its length, and if the connection has no other bytes. The call may then be sent once more.
    """
    headers = response.headers
    length, coding = headers.get("content-length"), headers.get("transfer-encoding")
    if length is None:
        framed = coding is not None and coding.strip().lower() == "chunked"
    else:
        framed = coding is None and length.strip() == str(len(response.body))
    return framed and response.clean and "content-encoding" not in headers and _asks(response)


def _asks(response: Response) -> bool:
    if response.status not in _ASKING_STATUS or len(response.body) > _ASKING_LONGEST:
        return False
    import json  # imported here, because it is rarely needed

    try:
        # The object is decoded as pairs, so that repeated keys are detected.
        found: object = json.loads(response.body, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return False
    if not isinstance(found, tuple):
        return False
    pairs = cast("tuple[tuple[str, object], ...]", found)
    fields = dict(pairs)
    if len(fields) != len(pairs) or not fields.keys() <= {"error", "statusCode"}:
        return False
    error, status = fields.get("error"), fields.get("statusCode", response.status)
    return isinstance(error, str) and error.strip() in _ASKING and status in _ASKING_STATUS


def _reason(response: Response) -> tuple[str | None, str]:
    """Return an error response's text (None for an HTML page), and a text for the exception."""
    body = response.body.strip()
    if body[:1] == b"{":
        said = reason(body)
        return said, said or excerpt(body)
    if _is_html(response):
        # The limits keep the search fast. Without them, in a page with many "<title", each of these
        # would start a search to the end of the page.
        head = body[:_HEAD]
        title = re.search(rb"<title[^>]{0,200}>([^<]{1,200})", head, re.IGNORECASE)
        return None, excerpt(title[1]) if title else "an HTML page"
    return (said := excerpt(body)), said


def _retry_after(response: Response) -> float | None:
    text = response.headers.get("retry-after", "").strip()
    return float(text) if re.fullmatch(r"[0-9]{1,6}", text) else None


def _is_html(response: Response) -> bool:
    if "html" in response.headers.get("content-type", "").lower():
        return True
    return response.body.lstrip()[:9].lower().startswith((b"<!doctype", b"<html"))


def is_login_page(response: Response) -> bool:
    """Return whether a response looks like the gateway's login page."""
    return re.search(_LOGIN_PAGE, response.body[:_HEAD]) is not None


def refuse_html(response: Response, operation: Operation) -> None:
    """Raise an error if a response that should be JSON is an HTML page.

    Raises:
        NotAuthenticated: the page is the gateway's login page.
        PermissionDenied: the page is the login page of a proxy in front of the gateway.
        DecodeError: the page is another page.
    """
    if response.body[:1] in (b"{", b"[") or not _is_html(response):
        return
    from .responder import PROXY_ADVICE, proxy_of_page  # imported here because only errors need it

    if proxy_of_page(response):
        raise PermissionDenied(
            f"the response is a login page that is not the gateway's: {PROXY_ADVICE}",
            operation=operation.name,
            status=response.status,
            body=excerpt(response.body),
        )
    if is_login_page(response):
        raise NotAuthenticated(
            f"the gateway sent its login page; {LOG_IN}", operation=operation.name
        )
    raise DecodeError(
        "the gateway sent an HTML page instead of JSON; check the path and the base URL: "
        f"{excerpt(response.body)!r}",
        operation=operation.name,
        body=excerpt(response.body),
    )


def transport_error(
    trouble: TransportError, operation: Operation, *, where: str, timeout: float
) -> BezantError:
    """Return the exception for a call that got no complete response."""
    name = operation.name
    detail = redact(trouble.detail)
    if where.startswith("http://") and any(mark in detail.lower() for mark in _NOT_HTTP):
        detail += " (does this gateway use https://?)"
    if trouble.kind is Trouble.TOO_LARGE:
        if operation.idempotent:
            return ResponseTooLarge(f"{detail}; raise that limit of the client", operation=name)
        return unreadable(ResponseTooLarge(detail, operation=name), operation, None)
    if trouble.sent and not operation.idempotent:
        return OutcomeUnknown(
            f"{detail or trouble.kind.value}; {advice(operation)}", operation=name
        )
    if trouble.kind is Trouble.STOPPED:
        return ClientClosed(
            "the client was closed in the middle of this call; make another client", operation=name
        )
    if trouble.kind is Trouble.TLS:
        from .responder import tls_advice

        return TlsFailed(f"TLS with {where} failed: {detail}; {tls_advice(detail)}", operation=name)
    if trouble.kind is Trouble.CONNECT:
        return ConnectFailed(
            f"cannot connect to {where}: {detail}; start the gateway or check base_url",
            operation=name,
        )
    if trouble.kind is Trouble.TIMEOUT:
        return HttpTimeout(
            f"no complete response from {where} within {timeout:g} s: {detail}; "
            "try again or raise timeout",
            operation=name,
        )
    return ConnectionLost(
        f"the connection to {where} was lost: {detail}; try again", operation=name
    )
