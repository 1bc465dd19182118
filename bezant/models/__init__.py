"""Typed responses and messages; each module loads when one of its names is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _load
from ._base import Model

if TYPE_CHECKING:
    from ._contract import Contract
    from ._contracts import (
        ContractDefinition,
        ContractDefinitions,
        StockCompany,
        StockListing,
    )
    from ._listing import Listing
    from ._portfolio import Account, ParentAccount
    from ._positions import Position
    from ._session import AuthStatus, ServerInfo, Tickle, TickleHmds, TickleServer
    from .stream import (
        AccountUpdate,
        BarsUpdate,
        Bulletin,
        ErrorMessage,
        Gap,
        Heartbeat,
        LadderRow,
        LadderUpdate,
        LedgerUpdate,
        Malformed,
        MarketData,
        Message,
        Notice,
        OrderUpdate,
        Other,
        Pnl,
        Prompt,
        Reconnected,
        SessionLost,
        SessionStatus,
        StreamBar,
        StreamStats,
        SummaryUpdate,
        System,
        TradeUpdate,
    )

_HOMES = {
    "_contract": ("Contract",),
    "_contracts": (
        "ContractDefinition",
        "ContractDefinitions",
        "StockCompany",
        "StockListing",
    ),
    "_listing": ("Listing",),
    "_portfolio": (
        "Account",
        "ParentAccount",
    ),
    "_positions": ("Position",),
    "_session": (
        "AuthStatus",
        "ServerInfo",
        "Tickle",
        "TickleHmds",
        "TickleServer",
    ),
    "stream": (
        "AccountUpdate",
        "BarsUpdate",
        "Bulletin",
        "ErrorMessage",
        "Gap",
        "Heartbeat",
        "LadderRow",
        "LadderUpdate",
        "LedgerUpdate",
        "Malformed",
        "MarketData",
        "Message",
        "Notice",
        "OrderUpdate",
        "Other",
        "Pnl",
        "Prompt",
        "Reconnected",
        "SessionLost",
        "SessionStatus",
        "StreamBar",
        "StreamStats",
        "SummaryUpdate",
        "System",
        "TradeUpdate",
    ),
}

__all__ = [
    "Account",
    "AccountUpdate",
    "AuthStatus",
    "BarsUpdate",
    "Bulletin",
    "Contract",
    "ContractDefinition",
    "ContractDefinitions",
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
    "Model",
    "Notice",
    "OrderUpdate",
    "Other",
    "ParentAccount",
    "Pnl",
    "Position",
    "Prompt",
    "Reconnected",
    "ServerInfo",
    "SessionLost",
    "SessionStatus",
    "StockCompany",
    "StockListing",
    "StreamBar",
    "StreamStats",
    "SummaryUpdate",
    "System",
    "Tickle",
    "TickleHmds",
    "TickleServer",
    "TradeUpdate",
]


def __getattr__(name: str) -> object:
    return _load(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
