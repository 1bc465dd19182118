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
    │   └── AnswerTooLarge        the answer is longer than the limit
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

from ._errors.base import (
    BezantError,
    ClientClosed,
    DriftWarning,
    InvalidBaseUrl,
    InvalidRequest,
    PacingError,
    WrongContext,
)
from ._errors.calls import (
    AccountBusy,
    AnswerTooLarge,
    ApiError,
    BadRequest,
    ConnectFailed,
    ConnectionLost,
    DecodeError,
    HttpError,
    HttpTimeout,
    IncompleteList,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    PrerequisiteFailed,
    PreviewRefused,
    RateLimited,
    Refused,
    TlsFailed,
    UnexpectedRedirect,
    UpstreamError,
)
from ._errors.session import (
    CompetingSession,
    NoAccounts,
    NoSession,
    NotAuthenticated,
    NotEstablished,
    SessionError,
)
from ._errors.stream import (
    OrdersUnknown,
    WsClosed,
    WsConnectFailed,
    WsError,
    WsProtocolError,
    WsTimeout,
)
from ._errors.symbols import (
    AmbiguousSymbol,
    SymbolError,
    SymbolNotFound,
)

__all__ = [
    "AccountBusy",
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

# Under the name that users catch them by, also in tracebacks.
for _name in __all__:
    globals()[_name].__module__ = __name__
