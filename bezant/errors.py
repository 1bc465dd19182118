"""All errors that bezant raises.

All errors derive from `BezantError`, so ``except BezantError`` catches them all::

    BezantError
    ├── InvalidBaseUrl            the base URL does not parse (also a ValueError)
    ├── InvalidRequest            refused before anything was sent (also a ValueError)
    │   └── OAuthRequired         the operation needs OAuth, but the client uses a gateway
    ├── ClientClosed              the client was used after it was closed
    ├── WrongContext              the client was used from another event loop or a forked process
    ├── CredentialsUnavailable    the function passed as ``auth`` raised an error; nothing was sent
    ├── PacingError               IBKR's rate limits do not allow the call within max_wait
    ├── HttpError                 no response: DNS, TLS, connection, timeout
    │   ├── ConnectFailed         no connection was made, nothing was sent
    │   │   └── TlsFailed         the certificate or the handshake was refused
    │   ├── HttpTimeout           no complete response before the deadline (also a TimeoutError)
    │   ├── ConnectionLost        the connection broke before the response was complete
    │   └── OutcomeUnknown        a call with side effects may or may not have been carried out
    │       └── ChildrenUnproven  IBKR has the entry of a bracket, but not provably its exits
    ├── AccountBusy               another order of the account has an open question
    ├── NeverArrived              a call was lost, and the account shows that it had no effect
    ├── OrderDeclined             your program declined IBKR's question, so nothing was placed
    ├── PartlyPlaced              IBKR refused some of the orders that belong together
    ├── OpenQuestion              IBKR asks a question about an order, and no answer was prepared
    │   ├── OrderQuestion         the same, raised by a Client: confirm() or decline() it
    │   └── AsyncOrderQuestion    the same, raised by an AsyncClient
    ├── PrerequisiteFailed        nothing was placed: a prerequisite call failed
    ├── ApiError                  the gateway responded with an error
    │   ├── BadRequest            400: the gateway does not accept the parameters
    │   ├── PermissionDenied      403, or this machine's address is not allowed
    │   ├── NotFound              404: the path is unknown, or nothing exists there
    │   ├── RateLimited           429: too many requests
    │   ├── UpstreamError         5xx: the gateway or a server behind it failed
    │   ├── Refused               an error inside a response with status 200
    │   │   └── PreviewRefused    an order preview says that IBKR would refuse the order
    │   └── UnexpectedRedirect    a redirect that does not lead to the login page
    ├── SessionError              the session cannot be used for this call
    │   ├── NotAuthenticated      not logged in: 401, or the login page
    │   ├── NotEstablished        authenticated, but the brokerage session is not set up yet
    │   │   └── NoAccounts        the gateway lists no account: the session is not ready
    │   └── NoSession             logged in, but the brokerage session is closed
    │       └── CompetingSession  the user name is in use somewhere else
    ├── DecodeError               the response could not be read
    │   └── ResponseTooLarge      the response is longer than the limit
    ├── MissingValue              your program read a required field that has no value
    ├── NoQuoteValue              a quote has no value of a field that your program requires
    ├── TooManyLines              more contracts than IBKR sends market data for at a time
    ├── IncompleteList            a list lacks rows the client knows of, or may be empty in error
    ├── IncompleteHoldings        the total would leave out a position or cash without a value
    ├── SymbolError               a symbol does not identify one contract
    │   ├── SymbolNotFound        no contract has the symbol
    │   └── AmbiguousSymbol       several contracts have the symbol
    └── WsError                   WebSocket error
        ├── WsConnectFailed       the handshake did not succeed
        ├── WsTimeout             no message arrived in time (also a TimeoutError)
        ├── WsClosed              the WebSocket is closed
        ├── WsProtocolError       the peer broke the protocol
        ├── OrdersUnknown         the stream has no current list of orders; wait for it
        └── StaleData             live values may be outdated; the error says why and since when

If `BezantError.retryable` is true, the same call may succeed later. It is never true for a call
with an unknown outcome.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._core.marketdata.liveness import StaleReason
    from ._core.marketdata.quote_row import MissingReason
    from .models import AuthStatus, Contract, Listing
    from .models.holdings import Holding
    from .models.orders import OrderPreview

__all__ = [
    "AccountBusy",
    "AmbiguousSymbol",
    "ApiError",
    "BadRequest",
    "BezantError",
    "ChildrenUnproven",
    "ClientClosed",
    "CompetingSession",
    "ConnectFailed",
    "ConnectionLost",
    "CredentialsUnavailable",
    "DecodeError",
    "DriftWarning",
    "HttpError",
    "HttpTimeout",
    "IncompleteHoldings",
    "IncompleteList",
    "InvalidBaseUrl",
    "InvalidRequest",
    "MissingValue",
    "NeverArrived",
    "NoAccounts",
    "NoQuoteValue",
    "NoSession",
    "NotAuthenticated",
    "NotEstablished",
    "NotFound",
    "OAuthRequired",
    "OpenQuestion",
    "OrderDeclined",
    "OrdersUnknown",
    "OutcomeUnknown",
    "PacingError",
    "PartlyPlaced",
    "PermissionDenied",
    "PrerequisiteFailed",
    "PreviewRefused",
    "RateLimited",
    "Refused",
    "ResponseTooLarge",
    "SessionError",
    "StaleData",
    "SymbolError",
    "SymbolNotFound",
    "TlsFailed",
    "TooManyLines",
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
    """Base class of all errors of this package.

    Attributes:
        message: text that says what happened and what to do.
        operation: the call that failed, such as ``GET /iserver/accounts``; None if the error does
            not belong to a call.
        retryable: whether the same call may succeed later.
        attempts: number of attempts at the call, retries included.
        unknown_outcomes: calls with side effects, such as orders, that ``client.map`` or
            ``client.gather`` cut off because of this error. IBKR may have carried out each of these
            calls.
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
    """Return a note that says how many calls with side effects bulk work has cut off."""
    calls = "1 call" if count == 1 else f"{count} calls"
    return f"{calls} with side effects cut off, outcome unknown: see unknown_outcomes"


class InvalidBaseUrl(BezantError, ValueError):
    """The base URL does not parse, or is not the URL of a gateway."""


class InvalidRequest(BezantError, ValueError):
    """A path, parameter, body or other argument is invalid; nothing was sent."""


class OAuthRequired(InvalidRequest):
    """The operation needs OAuth, but the client is connected to a gateway; nothing was sent.

    A gateway does not forward operations that need OAuth. These operations are in
    ``client.oauth_api``.
    """


class ClientClosed(BezantError):
    """The client was used after it had been closed."""


class WrongContext(BezantError):
    """The client was used from another event loop than before, or from a forked process.

    A client belongs to one process, and an asynchronous client also to one event loop.
    """


class CredentialsUnavailable(BezantError):
    """The function passed as ``auth`` raised an error; nothing was sent.

    ``__cause__`` is the error that the function raised.
    """

    retryable = True


class PacingError(BezantError):
    """IBKR's rate limits do not allow the call within ``max_wait``; nothing was sent.

    Attributes:
        retry_after: seconds until the rate limits allow the call.
    """

    retryable = True

    def __init__(
        self, message: str, *, operation: str | None = None, retry_after: float = 0.0
    ) -> None:
        super().__init__(message, operation=operation)
        self.retry_after = retry_after


class DriftWarning(UserWarning):
    """Warning: a response field is missing or unreadable, so the model has no value for it."""


class HttpError(BezantError):
    """No complete response arrived."""


class ConnectFailed(HttpError):
    """No connection could be made: it was refused, or the host is unreachable or unknown.

    Nothing was sent.
    """

    retryable = True


class TlsFailed(ConnectFailed):
    """The TLS handshake failed, usually because the certificate could not be verified."""

    retryable = False


class HttpTimeout(HttpError, TimeoutError):
    """No complete response arrived before the deadline."""

    retryable = True


class ConnectionLost(HttpError):
    """The connection broke, or sent bytes that are not HTTP, before the response was complete."""

    retryable = True


class OutcomeUnknown(HttpError):
    """A call with side effects failed after it may have been sent; IBKR may have executed it.

    Either no response arrived, or the response does not say whether the call was executed. If the
    response could not be read, ``__cause__`` is a `DecodeError`.

    Never simply send the call again. For an order, first look for its client order id in
    ``client.orders()`` and ``client.trades()``: compare the field ``client_order_id`` of each row.

    Attributes:
        status: the HTTP status of the response; None if no response arrived.
        target: path of the request with its ids, such as ``/v1/api/iserver/account/DU1/orders``.
        client_order_ids: the client order ids (``cOID``) of the orders in the call; if the call was
            the reply to a confirmation question, of the orders that the question was about. Empty
            if the orders had none.
        item: if ``client.map`` or ``client.gather`` cut the call off, the item for which the call
            was made; otherwise None.
        trade: the `Trade` or `AsyncTrade` of the order, whose ``resolve()`` looks for the order
            again; None if the call was not made through ``client.trading()``.
    """

    def __init__(
        self, message: str, *, operation: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, operation=operation)
        self.status = status
        self.target: str = ""
        self.client_order_ids: tuple[str, ...] = ()
        self.item: object = None
        self.trade: Any = None

    def __str__(self) -> str:
        ids = ", ".join(self.client_order_ids)
        return f"{super().__str__()} (client order id {ids})" if ids else super().__str__()


class ChildrenUnproven(OutcomeUnknown):
    """IBKR has the entry of a bracket, but it is not proven that IBKR has all its exits.

    The entry can fill, and the position may then have no stop. Look at your orders at once: cancel
    the entry (``error.trade.cancel()``), or look again (``error.trade.resolve()``).
    """


class NeverArrived(BezantError):
    """A call was lost, and the account shows that it had no effect.

    Two lists of the account's orders, made some seconds apart after the loss, and the account's
    executions lack the order; or the order still has its old terms. So you may make the call again.
    ``__cause__`` is the error with which the call was lost.
    """

    retryable = True


class OrderDeclined(BezantError):
    """Your program declined IBKR's question about an order, so IBKR discarded the order.

    Attributes:
        message_ids: kinds of the declined question, such as ``o163``.
    """

    def __init__(self, message: str, *, operation: str | None = None) -> None:
        super().__init__(message, operation=operation)
        self.message_ids: tuple[str, ...] = ()


class PartlyPlaced(BezantError):
    """IBKR refused some of the orders that belong together, such as an exit of a bracket.

    The client has cancelled the orders that IBKR had placed already. Such an order may have been
    filled before: look at ``trades``.

    Attributes:
        trades: the trades of the orders that IBKR had placed.
        reasons: IBKR's reasons for the refusals.
    """

    def __init__(self, message: str, *, operation: str | None = None) -> None:
        super().__init__(message, operation=operation)
        self.trades: tuple[Any, ...] = ()
        self.reasons: tuple[str, ...] = ()


class OpenQuestion(BezantError):
    """IBKR asks a question about an order, and the program has prepared no answer to it.

    IBKR places the order only after you confirm the question. A `Client` raises the subclass
    `OrderQuestion`, an `AsyncClient` the subclass `AsyncOrderQuestion`, which have the methods
    ``confirm()`` and ``decline()``.

    Attributes:
        question_id: id of the question.
        message_ids: kinds of the question, such as ``o163``.
        text: text of the question, without HTML.
    """

    def __init__(self, message: str, *, operation: str | None = None) -> None:
        super().__init__(message, operation=operation)
        self.question_id: str = ""
        self.message_ids: tuple[str, ...] = ()
        self.text: str = ""


class PrerequisiteFailed(BezantError):
    """A prerequisite call failed, so an order, a cancel or a reply was not sent.

    Nothing was placed, changed or cancelled, so you may make the call again. ``__cause__`` is the
    error of the prerequisite call.
    """

    retryable = True


class AccountBusy(BezantError):
    """Another order of the same account is still in progress; nothing was sent.

    The client handles only one order of an account at a time, from its placement to the last reply
    to IBKR's questions about it. The reason is that IBKR invalidates an open question when another
    order arrives.

    Attributes:
        question_ids: ids of the other order's open questions; the error's message contains the
            first id.
        client_order_ids: the client order ids (``cOID``) of the other order; empty if the other
            order had none.
        retry_after: seconds until the other order no longer blocks the account. None means that
            this is not known, because a request about the other order has no response yet: pause
            for a second or more before you send your order again.
    """

    retryable = True

    def __init__(self, message: str, *, operation: str | None = None) -> None:
        super().__init__(message, operation=operation)
        self.question_ids: tuple[str, ...] = ()
        self.client_order_ids: tuple[str, ...] = ()
        self.retry_after: float | None = None


class ApiError(BezantError):
    """The gateway responded with an error.

    Attributes:
        status: the HTTP status of the response; usually 200 for a `Refused`.
        body: the beginning of the response body, without secrets.
    """

    def __init__(
        self, message: str, *, operation: str | None = None, status: int = 0, body: str = ""
    ) -> None:
        super().__init__(message, operation=operation)
        self.status = status
        self.body = body


class BadRequest(ApiError):
    """The gateway does not accept the parameters: status 400, or a text that means the same."""


class PermissionDenied(ApiError):
    """Access was denied: by IBKR or the gateway (status 403), or by a server in front of it.

    The gateway also denies access to machines whose address its configuration does not allow. A
    server in front of it, such as a proxy, may require a login of its own.
    """


class NotFound(ApiError):
    """The path is unknown, or nothing exists there: status 404, or a text that means the same."""


class RateLimited(ApiError):
    """Too many requests: status 429. If you continue, IBKR may block your whole IP address.

    Attributes:
        retry_after: seconds to wait, from the response's header Retry-After; None without this
            header.
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
    """The gateway or IBKR's servers behind it failed or are not ready yet: status 5xx.

    ``retryable`` is true for the statuses 502, 503 and 504. It is also true if the response says
    that another call has to come first. Such a response raises this error even if its status is 200
    or 400.
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
    """Wrapper that hides a value, which may contain secrets, from tools that print attributes."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Refused(ApiError):
    """IBKR refused the call: the response contains an error that means a refusal.

    The status of the response is 200, or 5xx if the error text is known to mean a refusal. Other
    responses with 5xx usually raise `UpstreamError`.
    """

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
        """The whole response, in the type that the call returns if it succeeds.

        Some errors come with data, which you can read here. None if the error came without data.
        """
        return self._response.value


class PreviewRefused(Refused):
    """An order preview says that IBKR would refuse the order.

    The attribute ``preview`` has the amounts and margins that came with the refusal.
    """

    @property
    def preview(self) -> OrderPreview:
        """The preview, with amount, margins, warning and ``error``; a part without data is None."""
        preview: OrderPreview = self.response
        return preview


class UnexpectedRedirect(ApiError):
    """The gateway sent a redirect that does not lead to its login page.

    Either the path is unknown, or a proxy in front of the gateway requires a login.
    """


class DecodeError(BezantError):
    """The response could not be read.

    Attributes:
        body: the beginning of the response body, without secrets.
    """

    def __init__(self, message: str, *, operation: str | None = None, body: str = "") -> None:
        super().__init__(message, operation=operation)
        self.body = body


class MissingValue(BezantError):
    """Your program read a required field that has no value in this response.

    IBKR normally sends a required field in every response. Here the field is missing from the
    response, or its value is unreadable. You can read all other fields of the model.
    ``model.has("name")`` returns whether a field has a value, and raises no error.

    Attributes:
        field: name of the field in Python.
        model: name of the model.
    """

    def __init__(
        self, message: str, *, operation: str | None = None, field: str = "", model: str = ""
    ) -> None:
        super().__init__(message, operation=operation)
        self.field = field
        self.model = model


class NoQuoteValue(BezantError):
    """A quote has no usable value of a field that your program requires.

    Attributes:
        field: name of the field, such as ``last``.
        reason: why there is no usable value.
        contract: the contract of the quote, as text.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        field: str = "",
        reason: MissingReason = "no value",
        contract: str = "",
    ) -> None:
        super().__init__(message, operation=operation)
        self.field = field
        self.reason = reason
        self.contract = contract


class TooManyLines(BezantError):
    """IBKR does not send market data of so many contracts at a time; nothing was requested.

    IBKR gives a user 100 market data lines by default. Each contract with market data uses a line,
    over all streams and snapshots of the process.

    Attributes:
        needed: number of further lines that the call needs.
        free: number of lines that are free, or that only old snapshots use.
        limit: number of lines that you have: the client's ``max_market_data_lines``.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        needed: int = 0,
        free: int = 0,
        limit: int = 0,
    ) -> None:
        super().__init__(message, operation=operation)
        self.needed = needed
        self.free = free
        self.limit = limit


class IncompleteList(BezantError):
    """A list lacks orders or executions that this client knows of, or may be wrongly empty.

    The list is not reliable. For example, lists of strikes are empty until the session has searched
    for the symbol, whether or not there are strikes.

    Attributes:
        order_ids: ids of the orders that are missing from the list, or whose executions are
            missing.
        execution_ids: ids of the executions that are missing from the list.
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


class IncompleteHoldings(BezantError):
    """The total of the holdings would be wrong: a position or cash has no known value.

    Attributes:
        problems: the rows without a known value; each has a ``problem`` that says why.
    """

    def __init__(
        self, message: str, *, operation: str | None = None, problems: tuple[Holding, ...] = ()
    ) -> None:
        super().__init__(message, operation=operation)
        self.problems = problems


class ResponseTooLarge(DecodeError):
    """The response is longer than the client's limit, ``max_response_bytes``."""


class SessionError(BezantError):
    """The session cannot be used for this call.

    Attributes:
        status: the session's flags; None if the gateway did not send them.
        login_url: URL of the gateway's login page, for a browser; None if unknown.
        needs_login: whether you have to log in with a browser before calls can succeed.
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
    """Nobody is logged in: the gateway sent a 401, or its login page, or a redirect to that page.

    Also raised if ``client.session.initialize()`` could not open the brokerage session. You have to
    log in with a browser, unless ``needs_login`` is False: the gateway also responds with 401 to
    calls that the user name may not make, such as a call about an account that the user name cannot
    see.
    """

    needs_login = True


class NotEstablished(SessionError):
    """The brokerage session is authenticated, but not ready for use yet. Retry in a few seconds."""

    retryable = True


class NoAccounts(NotEstablished):
    """The gateway lists no account, so the session is not ready yet. Retry in a few seconds."""


class NoSession(SessionError):
    """The brokerage session is closed, but the login still exists.

    ``client.session.initialize()`` opens the brokerage session. Without it, calls about orders and
    market data fail, but calls about the portfolio still work.
    """

    retryable = True


class CompetingSession(NoSession):
    """The user name is in use somewhere else: in TWS, on the phone, or through another gateway.

    ``client.session.initialize(compete=True)`` ends the other session.
    """

    retryable = False


class WsError(BezantError):
    """Base class of the WebSocket errors."""


class WsConnectFailed(WsError):
    """The WebSocket could not be opened.

    Attributes:
        status: the HTTP status of the refused handshake; None if there was no HTTP response.
    """

    retryable = True

    def __init__(
        self, message: str, *, operation: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, operation=operation)
        self.status = status


class WsTimeout(WsError, TimeoutError):
    """No message arrived in time."""

    retryable = True


class WsClosed(WsError):
    """The WebSocket is closed.

    Attributes:
        code: the close code. With a gateway it is always 1000 or 1006, so it does not tell the
            cause.
        reason: the reason that the gateway gave; usually empty.
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
    """``ws.orders`` has no current list of orders; ``ws.orders.wait()`` waits for the list.

    The orders are unknown until the gateway has sent its list. After each interruption, they are
    unknown again until the gateway has sent a new list.
    """

    retryable = True


class StaleData(WsError):
    """Live values have become stale: they may be outdated, and must not be taken for current ones.

    A ``wait`` or ``changed`` of a live object raises this error once each time its values become
    stale, and again if the reason changes. If you call it again, it waits until the values are
    current again.

    Attributes:
        reason: why the values are stale.
        since: time of the last moment at which the values were known to be current, in UTC.
        contracts: the contracts whose market data is stale, as text; empty for other live objects.
    """

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        reason: StaleReason = "connection lost",
        since: datetime = datetime(1970, 1, 1, tzinfo=UTC),
        contracts: Sequence[str] = (),
    ) -> None:
        super().__init__(message, operation=operation)
        self.reason = reason
        self.since = since
        self.contracts: tuple[str, ...] = tuple(contracts)


class SymbolError(BezantError):
    """A symbol does not identify exactly one contract.

    Attributes:
        symbol: the symbol in IBKR's spelling, such as ``BRK B``.
        candidates: the listings or contracts that were found, whether or not they match.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        symbol: str = "",
        candidates: Sequence[Listing | Contract] = (),
    ) -> None:
        super().__init__(message, operation=operation)
        self.symbol = symbol
        self.candidates: tuple[Listing | Contract, ...] = tuple(candidates)


class SymbolNotFound(SymbolError):
    """IBKR knows no contract with that symbol and the other values that you passed."""


class AmbiguousSymbol(SymbolError):
    """Several contracts match the symbol. Pass an exchange or a currency to choose one.

    ``candidates`` has the listings or contracts.
    """
