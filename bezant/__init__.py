"""A typed client for Interactive Brokers' Client Portal Web API.

The same names for blocking programs (``Client``) and for asyncio (``AsyncClient``)::

    import bezant

    with bezant.Client() as client:
        print(client.health())

Heavy parts load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from ._async.client import AsyncClient
    from ._async.keepalive import AsyncKeepalive
    from ._async.stream import AsyncSubscription, AsyncWsClient
    from ._async.symbols import AsyncSymbolCache
    from ._core.decode import Drift
    from ._core.stream.fields import MarketDataFields
    from ._sync.client import Client
    from ._sync.keepalive import Keepalive
    from ._sync.stream import Subscription, WsClient
    from ._sync.symbols import SymbolCache
    from .errors import (
        AmbiguousSymbol,
        AnswerTooLarge,
        ApiError,
        BadRequest,
        BezantError,
        ClientClosed,
        CompetingSession,
        ConnectFailed,
        ConnectionLost,
        DecodeError,
        DriftWarning,
        HttpError,
        HttpTimeout,
        InvalidBaseUrl,
        InvalidRequest,
        NoSession,
        NotAuthenticated,
        NotEstablished,
        NotFound,
        OutcomeUnknown,
        PacingError,
        PermissionDenied,
        RateLimited,
        Refused,
        SessionError,
        SymbolError,
        SymbolNotFound,
        TlsFailed,
        UnexpectedRedirect,
        UpstreamError,
        WrongContext,
        WsClosed,
        WsConnectFailed,
        WsError,
        WsProtocolError,
        WsTimeout,
    )
    from .models import (
        UNSET,
        Account,
        AuthStatus,
        Heartbeat,
        Listing,
        Malformed,
        MarketData,
        Message,
        OrderUpdate,
        Other,
        Pnl,
        Position,
        System,
        Tickle,
        UnsetType,
    )

_HOMES = {
    "_async.client": ("AsyncClient",),
    "_async.keepalive": ("AsyncKeepalive",),
    "_async.stream": ("AsyncSubscription", "AsyncWsClient"),
    "_async.symbols": ("AsyncSymbolCache",),
    "_core.decode": ("Drift",),
    "_core.stream.fields": ("MarketDataFields",),
    "_sync.client": ("Client",),
    "_sync.keepalive": ("Keepalive",),
    "_sync.stream": ("Subscription", "WsClient"),
    "_sync.symbols": ("SymbolCache",),
    "errors": (
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
    ),
    "models": (
        "UNSET",
        "Account",
        "AuthStatus",
        "Heartbeat",
        "Listing",
        "Malformed",
        "MarketData",
        "Message",
        "OrderUpdate",
        "Other",
        "Pnl",
        "Position",
        "System",
        "Tickle",
        "UnsetType",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "UNSET",
    "Account",
    "AmbiguousSymbol",
    "AnswerTooLarge",
    "ApiError",
    "AsyncClient",
    "AsyncKeepalive",
    "AsyncSubscription",
    "AsyncSymbolCache",
    "AsyncWsClient",
    "AuthStatus",
    "BadRequest",
    "BezantError",
    "Client",
    "ClientClosed",
    "CompetingSession",
    "ConnectFailed",
    "ConnectionLost",
    "DecodeError",
    "Drift",
    "DriftWarning",
    "Heartbeat",
    "HttpError",
    "HttpTimeout",
    "InvalidBaseUrl",
    "InvalidRequest",
    "Keepalive",
    "Listing",
    "Malformed",
    "MarketData",
    "MarketDataFields",
    "Message",
    "NoSession",
    "NotAuthenticated",
    "NotEstablished",
    "NotFound",
    "OrderUpdate",
    "Other",
    "OutcomeUnknown",
    "PacingError",
    "PermissionDenied",
    "Pnl",
    "Position",
    "RateLimited",
    "Refused",
    "SessionError",
    "Subscription",
    "SymbolCache",
    "SymbolError",
    "SymbolNotFound",
    "System",
    "Tickle",
    "TlsFailed",
    "UnexpectedRedirect",
    "UnsetType",
    "UpstreamError",
    "WrongContext",
    "WsClient",
    "WsClosed",
    "WsConnectFailed",
    "WsError",
    "WsProtocolError",
    "WsTimeout",
    "__version__",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value: object = getattr(importlib.import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
