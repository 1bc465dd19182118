"""Every error that bezant raises.

All of them descend from `BezantError`, so one ``except`` is enough where the kind does not matter::

    BezantError
    ├── InvalidBaseUrl            the base URL does not parse (also a ValueError)
    ├── InvalidRequest            refused before anything was sent (also a ValueError)
    ├── ClientClosed              used after it was closed
    ├── WrongContext              used from another event loop or from a forked process
    ├── PacingError               IBKR's limits do not allow the call soon enough
    ├── HttpError                 no answer: DNS, TLS, connection, time-out
    │   ├── ConnectFailed         no connection was made, nothing was sent
    │   │   └── TlsFailed         the certificate or the handshake was refused
    │   ├── HttpTimeout           no complete answer before the deadline (also a TimeoutError)
    │   ├── ConnectionLost        the connection broke before the answer was complete
    │   └── OutcomeUnknown        a call with an effect may or may not have been carried out
    ├── ApiError                  the gateway answered with an error
    │   ├── BadRequest            400
    │   ├── PermissionDenied      403, or the gateway's list of allowed addresses
    │   ├── NotFound              404, or an unknown service
    │   ├── RateLimited           429
    │   ├── UpstreamError         5xx
    │   ├── Refused               an error inside an answer with status 200
    │   └── UnexpectedRedirect    a redirect to somewhere that is not the login page
    ├── SessionError              the session cannot be used for this call
    │   ├── NotAuthenticated      401, the login page, or ``authenticated: false``
    │   │   └── CompetingSession  the user name is in use somewhere else
    │   ├── NotEstablished        authenticated, but the brokerage session is not set up yet
    │   └── NoSession             the gateway is reachable, but not connected to the backend
    ├── DecodeError               the answer could not be read
    │   └── AnswerTooLarge        the answer is longer than the limit
    ├── SymbolError               a symbol did not lead to one contract
    │   ├── SymbolNotFound        to none
    │   └── AmbiguousSymbol       to several; ``candidates`` lists them
    └── WsError                   WebSocket
        ├── WsConnectFailed       the handshake did not succeed
        ├── WsTimeout             nothing came in time (also a TimeoutError)
        ├── WsClosed              the socket is closed
        └── WsProtocolError       the peer broke the protocol

`BezantError.retryable` says whether the same call may succeed later. It is never true for a call
whose effect is unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .models import AuthStatus, Listing

__all__ = [
    "AmbiguousSymbol",
    "AnswerTooLarge",
    "ApiError",
    "BadRequest",
    "BezantError",
    "ClientClosed",
    "CompetingSession",
    "ConnectFailed",
    "ConnectionLost",
    "DecodeError",
    "DriftWarning",
    "HttpError",
    "HttpTimeout",
    "InvalidBaseUrl",
    "InvalidRequest",
    "NoSession",
    "NotAuthenticated",
    "NotEstablished",
    "NotFound",
    "OutcomeUnknown",
    "PacingError",
    "PermissionDenied",
    "RateLimited",
    "Refused",
    "SessionError",
    "SymbolError",
    "SymbolNotFound",
    "TlsFailed",
    "UnexpectedRedirect",
    "UpstreamError",
    "WrongContext",
    "WsClosed",
    "WsConnectFailed",
    "WsError",
    "WsProtocolError",
    "WsTimeout",
]


class BezantError(Exception):
    """The root of all errors of this package.

    Attributes:
        message: what happened and what to do about it.
        operation: the call that failed, such as ``GET /iserver/accounts``, or None.
        retryable: whether the same call may succeed later.
        attempts: how often the call was made.
    """

    retryable: bool = False
    attempts: int = 1

    def __init__(self, message: str, *, operation: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation

    def __str__(self) -> str:
        return f"{self.operation}: {self.message}" if self.operation else self.message


class InvalidBaseUrl(BezantError, ValueError):
    """The base URL does not parse, or is not one that a gateway can have."""


class InvalidRequest(BezantError, ValueError):
    """The call was refused before anything was sent: a bad path, parameter or body."""


class ClientClosed(BezantError):
    """The client was used after it had been closed."""


class WrongContext(BezantError):
    """The client was used from another event loop, or in a process forked from its own.

    One client belongs to one process, and an asynchronous one to one event loop.
    """


class PacingError(BezantError):
    """IBKR's limits do not allow the call within ``max_wait``; nothing was sent.

    Attributes:
        retry_after: seconds after which it may be made.
    """

    retryable = True

    def __init__(
        self, message: str, *, operation: str | None = None, retry_after: float = 0.0
    ) -> None:
        super().__init__(message, operation=operation)
        self.retry_after = retry_after


class HttpError(BezantError):
    """No complete answer came back."""


class ConnectFailed(HttpError):
    """No connection was made, so nothing was sent: refused, unreachable, or an unknown host."""

    retryable = True


class TlsFailed(ConnectFailed):
    """The TLS handshake failed, most often because the certificate could not be verified."""

    retryable = False


class HttpTimeout(HttpError, TimeoutError):
    """No complete answer came before the deadline."""

    retryable = True


class ConnectionLost(HttpError):
    """The connection broke, or the bytes were not HTTP, before the answer was complete."""

    retryable = True


class OutcomeUnknown(HttpError):
    """A call with an effect failed after it may have been sent: it may have been carried out.

    Never send it again blindly. For an order, look for its ``order_ref`` in the live orders and
    the trades first: it is the client order id that the order was given.

    Attributes:
        status: the HTTP status, where an answer came (502, 503, 504), else None.
        target: what was called, with the ids in its path.
        client_order_ids: those of the orders in the call (``cOID``); empty where it had none.
    """

    def __init__(
        self, message: str, *, operation: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, operation=operation)
        self.status = status
        self.target: str = ""
        self.client_order_ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        ids = ", ".join(self.client_order_ids)
        return f"{super().__str__()} (client order id {ids})" if ids else super().__str__()


class ApiError(BezantError):
    """The gateway answered with an error.

    Attributes:
        status: the HTTP status. 200 for `Refused`.
        body: the beginning of the answer's text, without secrets.
    """

    def __init__(
        self, message: str, *, operation: str | None = None, status: int = 0, body: str = ""
    ) -> None:
        super().__init__(message, operation=operation)
        self.status = status
        self.body = body


class BadRequest(ApiError):
    """400: the gateway does not accept the parameters."""


class PermissionDenied(ApiError):
    """403, or this address is not on the gateway's list of allowed addresses."""


class NotFound(ApiError):
    """404: no such path, or nothing there."""


class RateLimited(ApiError):
    """429: too many requests. Going on risks a block of the whole IP address.

    Attributes:
        retry_after: seconds to wait, where the gateway said so, else None.
    """

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        status: int = 429,
        body: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, operation=operation, status=status, body=body)
        self.retry_after = retry_after


class UpstreamError(ApiError):
    """5xx: the gateway or IBKR's servers behind it failed.

    ``retryable`` is true for 502, 503 and 504 and for answers that ask for another call first.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        status: int = 500,
        body: str = "",
        retryable: bool = False,
    ) -> None:
        super().__init__(message, operation=operation, status=status, body=body)
        self.retryable = retryable


class Refused(ApiError):
    """The answer had status 200 and an error inside."""


class UnexpectedRedirect(ApiError):
    """The gateway sent a redirect that does not lead to its login page: the path is unknown."""


class SessionError(BezantError):
    """The session cannot be used for this call.

    Attributes:
        status: the session's flags, where the gateway gave them, else None.
        login_url: the gateway's page, where a browser logs in; None where it is not known.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        status: AuthStatus | None = None,
        login_url: str | None = None,
    ) -> None:
        super().__init__(message, operation=operation)
        self.status = status
        self.login_url = login_url

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} ({self.login_url})" if self.login_url else text


class NotAuthenticated(SessionError):
    """Nobody is logged in. Only a login in the browser helps."""


class CompetingSession(NotAuthenticated):
    """The user name trades somewhere else: in TWS, on the phone, or through another gateway."""


class NotEstablished(SessionError):
    """Authenticated, but the brokerage session is not set up yet. Ask again in a few seconds."""

    retryable = True


class NoSession(SessionError):
    """The gateway is reachable, but has no brokerage session: not connected, or no bridge."""

    retryable = True


class DecodeError(BezantError):
    """The answer could not be read.

    Attributes:
        body: the beginning of the answer's text, without secrets.
    """

    def __init__(self, message: str, *, operation: str | None = None, body: str = "") -> None:
        super().__init__(message, operation=operation)
        self.body = body


class AnswerTooLarge(DecodeError):
    """The answer is longer than the client's limit, ``max_answer_bytes``."""


class SymbolError(BezantError):
    """A symbol did not lead to exactly one contract.

    Attributes:
        symbol: the symbol in its normal form, such as ``BRK B``.
        candidates: the listings that were found, whether or not they fit.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        symbol: str = "",
        candidates: Sequence[Listing] = (),
    ) -> None:
        super().__init__(message, operation=operation)
        self.symbol = symbol
        self.candidates: tuple[Listing, ...] = tuple(candidates)


class SymbolNotFound(SymbolError):
    """No stock or fund with that symbol (and exchange and currency) is known."""


class AmbiguousSymbol(SymbolError):
    """Several listings fit; ``candidates`` lists them. Name the exchange or the currency."""


class WsError(BezantError):
    """Something about a WebSocket."""


class WsConnectFailed(WsError):
    """The WebSocket could not be opened.

    Attributes:
        status: the HTTP status of the refused handshake, else None.
    """

    retryable = True

    def __init__(
        self, message: str, *, operation: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, operation=operation)
        self.status = status


class WsTimeout(WsError, TimeoutError):
    """Nothing came in time."""

    retryable = True


class WsClosed(WsError):
    """The WebSocket is closed.

    Attributes:
        code: the close code. Through the gateway it is 1000 or 1006 whatever the cause.
        reason: the peer's reason, most often empty.
    """

    retryable = True

    def __init__(
        self, message: str, *, operation: str | None = None, code: int = 1006, reason: str = ""
    ) -> None:
        super().__init__(message, operation=operation)
        self.code = code
        self.reason = reason


class WsProtocolError(WsError):
    """The peer sent bytes that are not WebSocket frames."""


class DriftWarning(UserWarning):
    """A field of an answer had another type than the model says; the field was left ``UNSET``."""
