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
    ├── AccountBusy               another order of the account has an open question
    ├── PrerequisiteFailed        nothing was placed: a call that IBKR wants first failed
    ├── ApiError                  the gateway answered with an error
    │   ├── BadRequest            400
    │   ├── PermissionDenied      403, or the gateway's list of allowed addresses
    │   ├── NotFound              404, or an unknown service
    │   ├── RateLimited           429
    │   ├── UpstreamError         5xx
    │   ├── Refused               an error inside an answer with status 200
    │   │   └── PreviewRefused    an order's preview says that it would be refused; ``preview``
    │   └── UnexpectedRedirect    a redirect to somewhere that is not the login page
    ├── SessionError              the session cannot be used for this call
    │   ├── NotAuthenticated      the login is gone: 401, or the login page
    │   ├── NotEstablished        authenticated, but the brokerage session is not set up yet
    │   │   └── NoAccounts        the gateway names no account: the session is not ready
    │   └── NoSession             logged in, but the brokerage session is closed
    │       └── CompetingSession  the user name is in use somewhere else
    ├── DecodeError               the answer could not be read
    │   └── ResponseTooLarge      the answer is longer than the limit
    ├── IncompleteList            a list lacks orders or executions that this client knows of
    ├── SymbolError               a symbol did not lead to one contract
    │   ├── SymbolNotFound        to none
    │   └── AmbiguousSymbol       to several; ``candidates`` lists them
    └── WsError                   WebSocket
        ├── WsConnectFailed       the handshake did not succeed
        ├── WsTimeout             nothing came in time (also a TimeoutError)
        ├── WsClosed              the socket is closed
        ├── WsProtocolError       the peer broke the protocol
        └── OrdersUnknown         ``ws.orders`` is not known just now; wait for it

`BezantError.retryable` says whether the same call may succeed later. It is never true for a call
whose effect is unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .models import AuthStatus, Listing
    from .models.orders import OrderPreview

__all__ = [
    "AccountBusy",
    "AmbiguousSymbol",
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
    "IncompleteList",
    "InvalidBaseUrl",
    "InvalidRequest",
    "NoAccounts",
    "NoSession",
    "NotAuthenticated",
    "NotEstablished",
    "NotFound",
    "OrdersUnknown",
    "OutcomeUnknown",
    "PacingError",
    "PermissionDenied",
    "PrerequisiteFailed",
    "PreviewRefused",
    "RateLimited",
    "Refused",
    "ResponseTooLarge",
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
        unknown_outcomes: the calls with side effects, such as orders, that were cut off in
            ``client.map`` or ``client.gather`` because of this error: each may have been carried
            out.
    """

    retryable: bool = False
    attempts: int = 1
    unknown_outcomes: tuple[OutcomeUnknown, ...] = ()

    def __init__(self, message: str, *, operation: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation

    def __str__(self) -> str:
        text = f"{self.operation}: {self.message}" if self.operation else self.message
        count = len(self.unknown_outcomes)
        return f"{text} ({cut_off(count)})" if count else text


def cut_off(count: int) -> str:
    """Return what to say of calls with side effects that were cut off in bulk work."""
    calls = "1 call" if count == 1 else f"{count} calls"
    return f"{calls} with side effects cut off, outcome unknown: see unknown_outcomes"


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


class DriftWarning(UserWarning):
    """A field of an answer had another type than the model says; the field was left ``UNSET``."""


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

    No answer came, or one that does not say what became of it; ``__cause__`` is a `DecodeError`
    where it could not be read.

    Never send it again blindly. For an order, look for its ``order_ref`` in ``client.orders()`` and
    ``client.trades()`` first: it is the client order id that the order was given.

    Attributes:
        status: the HTTP status, where an answer came, else None.
        target: what was called, with the ids in its path.
        client_order_ids: those of the orders in the call (``cOID``), or of those that the question
            was about; empty where they had none.
        item: the item of ``client.map`` or ``client.gather`` in whose function the call was made,
            where that was cut off; else None.
    """

    def __init__(
        self, message: str, *, operation: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, operation=operation)
        self.status = status
        self.target: str = ""
        self.client_order_ids: tuple[str, ...] = ()
        self.item: object = None

    def __str__(self) -> str:
        ids = ", ".join(self.client_order_ids)
        return f"{super().__str__()} (client order id {ids})" if ids else super().__str__()


class PrerequisiteFailed(BezantError):
    """A call that IBKR wants first failed, so an order, a cancel or a reply did nothing.

    Nothing was placed, changed or cancelled: it may be sent again. ``__cause__`` is the error of
    the call that failed.
    """

    retryable = True


class AccountBusy(BezantError):
    """Another order of the account comes first; nothing was sent.

    One order of an account at a time goes from its placement to the last answer, because IBKR
    invalidates an open question when another order arrives.

    Attributes:
        question_ids: the open questions of the other order; the first is in the text.
        client_order_ids: those of the other order (``cOID``); empty where it had none.
        retry_after: seconds after which the other order no longer holds the account; 0 where it has
            no response yet.
    """

    retryable = True

    def __init__(self, message: str, *, operation: str | None = None) -> None:
        super().__init__(message, operation=operation)
        self.question_ids: tuple[str, ...] = ()
        self.client_order_ids: tuple[str, ...] = ()
        self.retry_after: float = 0.0


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
    Errors with status 400 and 200 that ask for one have it too.
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


class _Unshown:
    """Keeps a value out of what shows an error's attributes: there may be secrets in it."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Refused(ApiError):
    """The answer had status 200 and an error inside."""

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        status: int = 200,
        body: str = "",
        response: Any = None,
    ) -> None:
        super().__init__(message, operation=operation, status=status, body=body)
        self._response = _Unshown(response)

    @property
    def response(self) -> Any:
        """The whole response, as the call would have returned it.

        What stood beside the error is in there. None where it holds nothing of what the call
        returns.
        """
        return self._response.value


class PreviewRefused(Refused):
    """The preview of an order says that the order would be refused.

    The figures that the gateway gave all the same are in ``preview``.
    """

    @property
    def preview(self) -> OrderPreview:
        """The preview: amount, margins, warning, and the ``error``; UNSET what did not come."""
        preview: OrderPreview = self.response
        return preview


class UnexpectedRedirect(ApiError):
    """The gateway sent a redirect that does not lead to its login page: the path is unknown."""


class DecodeError(BezantError):
    """The answer could not be read.

    Attributes:
        body: the beginning of the answer's text, without secrets.
    """

    def __init__(self, message: str, *, operation: str | None = None, body: str = "") -> None:
        super().__init__(message, operation=operation)
        self.body = body


class IncompleteList(BezantError):
    """A list lacks orders or executions that this client knows of, so that it cannot be believed.

    Attributes:
        order_ids: the orders that it lacks, or whose executions it lacks.
        execution_ids: the executions that it lacks.
    """

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        order_ids: tuple[int, ...] = (),
        execution_ids: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, operation=operation)
        self.order_ids = order_ids
        self.execution_ids = execution_ids


class ResponseTooLarge(DecodeError):
    """The answer is longer than the client's limit, ``max_response_bytes``."""


class SessionError(BezantError):
    """The session cannot be used for this call.

    Attributes:
        status: the session's flags, where the gateway gave them, else None.
        login_url: the gateway's page, where a browser logs in; None where it is not known.
        needs_login: whether only a login in the browser helps.
    """

    needs_login: bool = False

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
        shown = self.login_url and isinstance(self, NotAuthenticated)
        return f"{text} ({self.login_url})" if shown else text


class NotAuthenticated(SessionError):
    """The login is gone: a 401, a redirect to the login page, or the login page itself.

    Also raised where ``client.session.initialize()`` could not open the brokerage session. Only a
    login in the browser helps, unless ``needs_login`` is False: the gateway also answers 401 to
    calls that the user name may not make, such as one about an account that it cannot see.
    """

    needs_login = True


class NotEstablished(SessionError):
    """Authenticated, but the brokerage session is not set up yet. Ask again in a few seconds."""

    retryable = True


class NoAccounts(NotEstablished):
    """The gateway names no account: the session is not ready. Ask again in a few seconds."""


class NoSession(SessionError):
    """Logged in, but the brokerage session is closed; ``client.session.initialize()`` opens it.

    Calls about orders and market data fail; the gateway still serves the portfolio.
    """

    retryable = True


class CompetingSession(NoSession):
    """The user name trades somewhere else: in TWS, on the phone, or through another gateway.

    ``client.session.initialize(compete=True)`` ends the other session.
    """

    retryable = False


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


class OrdersUnknown(WsError):
    """``ws.orders`` was read while the orders are not known: wait with ``ws.orders.wait()``.

    They are not known until the first list of them has come, and again after each interruption.
    """

    retryable = True


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
