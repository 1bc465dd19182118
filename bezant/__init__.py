"""A typed client for Interactive Brokers' Client Portal Web API.

The same names for blocking programs (``Client``) and for asyncio (``AsyncClient``)::

    import bezant

    with bezant.Client() as client:
        print(client.health())

Heavy parts load on first use.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from ._async.bulk import AsyncBulk
    from ._async.client import AsyncClient
    from ._async.events import AsyncSessionEvents
    from ._async.keepalive import AsyncKeepalive
    from ._async.live import AsyncOrders, AsyncQuote, AsyncSubscription
    from ._async.session import AsyncSession
    from ._async.stream import AsyncWsClient
    from ._async.symbols import AsyncSymbolCache
    from ._core.decoding.drift import Drift
    from ._core.http.files import BinaryAnswer
    from ._core.marketdata.fields import MarketDataFields
    from ._core.session.state import BrokerageState, LoginState, SessionChange, SessionState
    from ._sync.bulk import Bulk
    from ._sync.client import Client
    from ._sync.events import SessionEvents
    from ._sync.keepalive import Keepalive
    from ._sync.live import Orders, Quote, Subscription
    from ._sync.session import Session
    from ._sync.stream import WsClient
    from ._sync.symbols import SymbolCache
    from .errors import (
        AccountBusy,
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
        IncompleteList,
        InvalidBaseUrl,
        InvalidRequest,
        NoAccounts,
        NoSession,
        NotAuthenticated,
        NotEstablished,
        NotFound,
        OrdersUnknown,
        OutcomeUnknown,
        PacingError,
        PermissionDenied,
        PrerequisiteFailed,
        PreviewRefused,
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
        AccountUpdate,
        AuthStatus,
        BarsUpdate,
        Bulletin,
        ErrorMessage,
        Gap,
        Heartbeat,
        LadderRow,
        LadderUpdate,
        LedgerUpdate,
        Listing,
        Malformed,
        MarketData,
        Message,
        Notice,
        OrderUpdate,
        Other,
        Pnl,
        Position,
        Prompt,
        Reconnected,
        SessionLost,
        SessionStatus,
        StreamBar,
        StreamStats,
        SummaryUpdate,
        System,
        Tickle,
        TradeUpdate,
        UnsetType,
    )
    from .models.bulk import Outcome, Progress

_HOMES = {
    "_async.bulk": ("AsyncBulk",),
    "_async.client": ("AsyncClient",),
    "_async.events": ("AsyncSessionEvents",),
    "_async.keepalive": ("AsyncKeepalive",),
    "_async.live": (
        "AsyncOrders",
        "AsyncQuote",
        "AsyncSubscription",
    ),
    "_async.session": ("AsyncSession",),
    "_async.stream": ("AsyncWsClient",),
    "_async.symbols": ("AsyncSymbolCache",),
    "_core.decoding.drift": ("Drift",),
    "_core.http.files": ("BinaryAnswer",),
    "_core.marketdata.fields": ("MarketDataFields",),
    "_core.session.state": (
        "BrokerageState",
        "LoginState",
        "SessionChange",
        "SessionState",
    ),
    "_sync.bulk": ("Bulk",),
    "_sync.client": ("Client",),
    "_sync.events": ("SessionEvents",),
    "_sync.keepalive": ("Keepalive",),
    "_sync.live": (
        "Orders",
        "Quote",
        "Subscription",
    ),
    "_sync.session": ("Session",),
    "_sync.stream": ("WsClient",),
    "_sync.symbols": ("SymbolCache",),
    "errors": (
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
    ),
    "models": (
        "UNSET",
        "Account",
        "AccountUpdate",
        "AuthStatus",
        "BarsUpdate",
        "Bulletin",
        "ErrorMessage",
        "Gap",
        "Heartbeat",
        "LadderRow",
        "LadderUpdate",
        "LedgerUpdate",
        "Listing",
        "Malformed",
        "MarketData",
        "Message",
        "Notice",
        "OrderUpdate",
        "Other",
        "Pnl",
        "Position",
        "Prompt",
        "Reconnected",
        "SessionLost",
        "SessionStatus",
        "StreamBar",
        "StreamStats",
        "SummaryUpdate",
        "System",
        "Tickle",
        "TradeUpdate",
        "UnsetType",
    ),
    "models.bulk": (
        "Outcome",
        "Progress",
    ),
}

__all__ = [
    "UNSET",
    "Account",
    "AccountBusy",
    "AccountUpdate",
    "AmbiguousSymbol",
    "AnswerTooLarge",
    "ApiError",
    "AsyncBulk",
    "AsyncClient",
    "AsyncKeepalive",
    "AsyncOrders",
    "AsyncQuote",
    "AsyncSession",
    "AsyncSessionEvents",
    "AsyncSubscription",
    "AsyncSymbolCache",
    "AsyncWsClient",
    "AuthStatus",
    "BadRequest",
    "BarsUpdate",
    "BezantError",
    "BinaryAnswer",
    "BrokerageState",
    "Bulk",
    "Bulletin",
    "Client",
    "ClientClosed",
    "CompetingSession",
    "ConnectFailed",
    "ConnectionLost",
    "DecodeError",
    "Drift",
    "DriftWarning",
    "ErrorMessage",
    "Gap",
    "Heartbeat",
    "HttpError",
    "HttpTimeout",
    "IncompleteList",
    "InvalidBaseUrl",
    "InvalidRequest",
    "Keepalive",
    "LadderRow",
    "LadderUpdate",
    "LedgerUpdate",
    "Listing",
    "LoginState",
    "Malformed",
    "MarketData",
    "MarketDataFields",
    "Message",
    "NoAccounts",
    "NoSession",
    "NotAuthenticated",
    "NotEstablished",
    "NotFound",
    "Notice",
    "OrderUpdate",
    "Orders",
    "OrdersUnknown",
    "Other",
    "Outcome",
    "OutcomeUnknown",
    "PacingError",
    "PermissionDenied",
    "Pnl",
    "Position",
    "PrerequisiteFailed",
    "PreviewRefused",
    "Progress",
    "Prompt",
    "Quote",
    "RateLimited",
    "Reconnected",
    "Refused",
    "Session",
    "SessionChange",
    "SessionError",
    "SessionEvents",
    "SessionLost",
    "SessionState",
    "SessionStatus",
    "StreamBar",
    "StreamStats",
    "Subscription",
    "SummaryUpdate",
    "SymbolCache",
    "SymbolError",
    "SymbolNotFound",
    "System",
    "Tickle",
    "TlsFailed",
    "TradeUpdate",
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


def _load(package: str, homes: Mapping[str, tuple[str, ...]], name: str) -> object:
    """Return what a name of a package means, from the module that it stands in, and keep it."""
    for home, names in homes.items():
        if name in names:
            value: object = getattr(importlib.import_module(f".{home}", package), name)
            setattr(sys.modules[package], name, value)
            return value
    msg = f"module {package!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __getattr__(name: str) -> object:
    return _load(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
