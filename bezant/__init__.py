"""Typed client for Interactive Brokers' Client Portal Web API.

``Client`` is for blocking programs, ``AsyncClient`` for asyncio. Both have the same methods::

    import bezant

    with bezant.Client() as client:
        print(client.health())

Submodules are imported on first use, which keeps ``import bezant`` fast.
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
    from ._async.contracts.chains import AsyncOptionChain, AsyncOptionContracts, AsyncOptionExpiry
    from ._async.contracts.contracts import AsyncContracts
    from ._async.contracts.symbols import AsyncSymbolCache
    from ._async.session.events import AsyncSessionEvents
    from ._async.session.keepalive import AsyncKeepalive
    from ._async.session.session import AsyncSession
    from ._async.stream.client import AsyncWsClient
    from ._async.stream.handles import AsyncOrders, AsyncQuote, AsyncQuotes, AsyncSubscription
    from ._async.stream.readers import AsyncMessageCallback, AsyncMessages
    from ._async.trading.asking import AsyncOrderQuestion
    from ._async.trading.trade import AsyncBracketTrade, AsyncTrade
    from ._async.trading.trading import AsyncTrading
    from ._core.contracts.hours import MarketHours, OpenHours
    from ._core.contracts.increments import PriceIncrements
    from ._core.contracts.rules import TradingRules
    from ._core.decoding.drift import Drift
    from ._core.http.captured import CapturedResponses, RawResponse
    from ._core.http.files import BinaryResponse
    from ._core.marketdata.contract import HasConid
    from ._core.marketdata.fields import (
        BONDS,
        DAY,
        DIVIDENDS,
        FUNDAMENTALS,
        GREEKS,
        L1,
        SHORTING,
        VOLATILITY,
        MarketDataFields,
    )
    from ._core.marketdata.liveness import StaleReason
    from ._core.marketdata.quote_row import MissingReason, QuoteRow
    from ._core.session.state import BrokerageState, LoginState, SessionChange, SessionState
    from ._core.trading.combos import Combo, combo
    from ._core.trading.orders import (
        Bracket,
        Buy,
        OneCancelsAll,
        Order,
        OrderTerms,
        Sell,
        bracket,
        one_cancels_all,
    )
    from ._core.trading.preview import Figure, Margin, Preview, PreviewWarning
    from ._core.trading.questions import Question, QuestionKind
    from ._sync.bulk import Bulk
    from ._sync.client import Client
    from ._sync.contracts.chains import OptionChain, OptionContracts, OptionExpiry
    from ._sync.contracts.contracts import Contracts
    from ._sync.contracts.symbols import SymbolCache
    from ._sync.session.events import SessionEvents
    from ._sync.session.keepalive import Keepalive
    from ._sync.session.session import Session
    from ._sync.stream.client import WsClient
    from ._sync.stream.handles import Orders, Quote, Quotes, Subscription
    from ._sync.stream.readers import MessageCallback, Messages
    from ._sync.trading.asking import OrderQuestion
    from ._sync.trading.trade import BracketTrade, Trade
    from ._sync.trading.trading import Trading
    from ._wire.availability import Availability
    from ._wire.terms import (
        OrderFilter,
        OrderStatusName,
        OrderType,
        Side,
        TimeInForce,
        is_order_type,
        is_side,
        is_time_in_force,
    )
    from .errors import (
        AccountBusy,
        AmbiguousSymbol,
        ApiError,
        BadRequest,
        BezantError,
        ChildrenUnproven,
        ClientClosed,
        CompetingSession,
        ConnectFailed,
        ConnectionLost,
        CredentialsUnavailable,
        DecodeError,
        DriftWarning,
        HttpError,
        HttpTimeout,
        IncompleteHoldings,
        IncompleteList,
        InvalidBaseUrl,
        InvalidRequest,
        MissingValue,
        NeverArrived,
        NoAccounts,
        NoQuoteValue,
        NoSession,
        NotAuthenticated,
        NotEstablished,
        NotFound,
        OAuthRequired,
        OpenQuestion,
        OrderDeclined,
        OrdersUnknown,
        OutcomeUnknown,
        PacingError,
        PartlyPlaced,
        PermissionDenied,
        PrerequisiteFailed,
        PreviewRefused,
        RateLimited,
        Refused,
        ResponseTooLarge,
        SessionError,
        StaleData,
        SymbolError,
        SymbolNotFound,
        TlsFailed,
        TooManyLines,
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
        Account,
        AccountUpdate,
        AuthStatus,
        BarsUpdate,
        Bulletin,
        Contract,
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
    )
    from .models._base import to_json_default
    from .models.bulk import Outcome, Progress
    from .models.holdings import Holding, HoldingKind, Holdings, RateSource

_HOMES = {
    "_async.bulk": ("AsyncBulk",),
    "_async.client": ("AsyncClient",),
    "_async.contracts.chains": (
        "AsyncOptionChain",
        "AsyncOptionContracts",
        "AsyncOptionExpiry",
    ),
    "_async.contracts.contracts": ("AsyncContracts",),
    "_async.contracts.symbols": ("AsyncSymbolCache",),
    "_async.session.events": ("AsyncSessionEvents",),
    "_async.session.keepalive": ("AsyncKeepalive",),
    "_async.session.session": ("AsyncSession",),
    "_async.stream.client": ("AsyncWsClient",),
    "_async.stream.handles": (
        "AsyncOrders",
        "AsyncQuote",
        "AsyncQuotes",
        "AsyncSubscription",
    ),
    "_async.stream.readers": (
        "AsyncMessageCallback",
        "AsyncMessages",
    ),
    "_async.trading.asking": ("AsyncOrderQuestion",),
    "_async.trading.trade": (
        "AsyncBracketTrade",
        "AsyncTrade",
    ),
    "_async.trading.trading": ("AsyncTrading",),
    "_core.contracts.hours": (
        "MarketHours",
        "OpenHours",
    ),
    "_core.contracts.increments": ("PriceIncrements",),
    "_core.contracts.rules": ("TradingRules",),
    "_core.decoding.drift": ("Drift",),
    "_core.http.captured": (
        "CapturedResponses",
        "RawResponse",
    ),
    "_core.http.files": ("BinaryResponse",),
    "_core.marketdata.contract": ("HasConid",),
    "_core.marketdata.fields": (
        "BONDS",
        "DAY",
        "DIVIDENDS",
        "FUNDAMENTALS",
        "GREEKS",
        "L1",
        "SHORTING",
        "VOLATILITY",
        "MarketDataFields",
    ),
    "_core.marketdata.liveness": ("StaleReason",),
    "_core.marketdata.quote_row": (
        "MissingReason",
        "QuoteRow",
    ),
    "_core.session.state": (
        "BrokerageState",
        "LoginState",
        "SessionChange",
        "SessionState",
    ),
    "_core.trading.combos": (
        "Combo",
        "combo",
    ),
    "_core.trading.orders": (
        "Bracket",
        "Buy",
        "OneCancelsAll",
        "Order",
        "OrderTerms",
        "Sell",
        "bracket",
        "one_cancels_all",
    ),
    "_core.trading.preview": (
        "Figure",
        "Margin",
        "Preview",
        "PreviewWarning",
    ),
    "_core.trading.questions": (
        "Question",
        "QuestionKind",
    ),
    "_sync.bulk": ("Bulk",),
    "_sync.client": ("Client",),
    "_sync.contracts.chains": (
        "OptionChain",
        "OptionContracts",
        "OptionExpiry",
    ),
    "_sync.contracts.contracts": ("Contracts",),
    "_sync.contracts.symbols": ("SymbolCache",),
    "_sync.session.events": ("SessionEvents",),
    "_sync.session.keepalive": ("Keepalive",),
    "_sync.session.session": ("Session",),
    "_sync.stream.client": ("WsClient",),
    "_sync.stream.handles": (
        "Orders",
        "Quote",
        "Quotes",
        "Subscription",
    ),
    "_sync.stream.readers": (
        "MessageCallback",
        "Messages",
    ),
    "_sync.trading.asking": ("OrderQuestion",),
    "_sync.trading.trade": (
        "BracketTrade",
        "Trade",
    ),
    "_sync.trading.trading": ("Trading",),
    "_wire.availability": ("Availability",),
    "_wire.terms": (
        "OrderFilter",
        "OrderStatusName",
        "OrderType",
        "Side",
        "TimeInForce",
        "is_order_type",
        "is_side",
        "is_time_in_force",
    ),
    "errors": (
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
    ),
    "models": (
        "Account",
        "AccountUpdate",
        "AuthStatus",
        "BarsUpdate",
        "Bulletin",
        "Contract",
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
    ),
    "models._base": ("to_json_default",),
    "models.bulk": (
        "Outcome",
        "Progress",
    ),
    "models.holdings": (
        "Holding",
        "HoldingKind",
        "Holdings",
        "RateSource",
    ),
}

__all__ = [
    "BONDS",
    "DAY",
    "DIVIDENDS",
    "FUNDAMENTALS",
    "GREEKS",
    "L1",
    "SHORTING",
    "VOLATILITY",
    "Account",
    "AccountBusy",
    "AccountUpdate",
    "AmbiguousSymbol",
    "ApiError",
    "AsyncBracketTrade",
    "AsyncBulk",
    "AsyncClient",
    "AsyncContracts",
    "AsyncKeepalive",
    "AsyncMessageCallback",
    "AsyncMessages",
    "AsyncOptionChain",
    "AsyncOptionContracts",
    "AsyncOptionExpiry",
    "AsyncOrderQuestion",
    "AsyncOrders",
    "AsyncQuote",
    "AsyncQuotes",
    "AsyncSession",
    "AsyncSessionEvents",
    "AsyncSubscription",
    "AsyncSymbolCache",
    "AsyncTrade",
    "AsyncTrading",
    "AsyncWsClient",
    "AuthStatus",
    "Availability",
    "BadRequest",
    "BarsUpdate",
    "BezantError",
    "BinaryResponse",
    "Bracket",
    "BracketTrade",
    "BrokerageState",
    "Bulk",
    "Bulletin",
    "Buy",
    "CapturedResponses",
    "ChildrenUnproven",
    "Client",
    "ClientClosed",
    "Combo",
    "CompetingSession",
    "ConnectFailed",
    "ConnectionLost",
    "Contract",
    "Contracts",
    "CredentialsUnavailable",
    "DecodeError",
    "Drift",
    "DriftWarning",
    "ErrorMessage",
    "Figure",
    "Gap",
    "HasConid",
    "Heartbeat",
    "Holding",
    "HoldingKind",
    "Holdings",
    "HttpError",
    "HttpTimeout",
    "IncompleteHoldings",
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
    "Margin",
    "MarketData",
    "MarketDataFields",
    "MarketHours",
    "Message",
    "MessageCallback",
    "Messages",
    "MissingReason",
    "MissingValue",
    "NeverArrived",
    "NoAccounts",
    "NoQuoteValue",
    "NoSession",
    "NotAuthenticated",
    "NotEstablished",
    "NotFound",
    "Notice",
    "OAuthRequired",
    "OneCancelsAll",
    "OpenHours",
    "OpenQuestion",
    "OptionChain",
    "OptionContracts",
    "OptionExpiry",
    "Order",
    "OrderDeclined",
    "OrderFilter",
    "OrderQuestion",
    "OrderStatusName",
    "OrderTerms",
    "OrderType",
    "OrderUpdate",
    "Orders",
    "OrdersUnknown",
    "Other",
    "Outcome",
    "OutcomeUnknown",
    "PacingError",
    "PartlyPlaced",
    "PermissionDenied",
    "Pnl",
    "Position",
    "PrerequisiteFailed",
    "Preview",
    "PreviewRefused",
    "PreviewWarning",
    "PriceIncrements",
    "Progress",
    "Prompt",
    "Question",
    "QuestionKind",
    "Quote",
    "QuoteRow",
    "Quotes",
    "RateLimited",
    "RateSource",
    "RawResponse",
    "Reconnected",
    "Refused",
    "ResponseTooLarge",
    "Sell",
    "Session",
    "SessionChange",
    "SessionError",
    "SessionEvents",
    "SessionLost",
    "SessionState",
    "SessionStatus",
    "Side",
    "StaleData",
    "StaleReason",
    "StreamBar",
    "StreamStats",
    "Subscription",
    "SummaryUpdate",
    "SymbolCache",
    "SymbolError",
    "SymbolNotFound",
    "System",
    "Tickle",
    "TimeInForce",
    "TlsFailed",
    "TooManyLines",
    "Trade",
    "TradeUpdate",
    "Trading",
    "TradingRules",
    "UnexpectedRedirect",
    "UpstreamError",
    "WrongContext",
    "WsClient",
    "WsClosed",
    "WsConnectFailed",
    "WsError",
    "WsProtocolError",
    "WsTimeout",
    "__version__",
    "bracket",
    "combo",
    "is_order_type",
    "is_side",
    "is_time_in_force",
    "one_cancels_all",
    "to_json_default",
]


def _load(package: str, homes: Mapping[str, tuple[str, ...]], name: str) -> object:
    """Import a public name of a package from the module that defines it, and cache it.

    Args:
        package: name of the package.
        homes: maps each module of the package to the public names that the module defines.
        name: the name to import.
    """
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
