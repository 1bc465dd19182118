"""Typed answers and messages."""

from __future__ import annotations

from ._base import UNSET, Maybe, Model, UnsetType
from ._contracts import (
    ContractDefinition,
    ContractDefinitions,
    Listing,
    StockCompany,
    StockListing,
)
from ._portfolio import Account, Position
from ._session import AuthStatus, ServerInfo, Tickle, TickleServer
from .stream import (
    Heartbeat,
    Malformed,
    MarketData,
    Message,
    OrderUpdate,
    Other,
    Pnl,
    System,
)

__all__ = [
    "UNSET",
    "Account",
    "AuthStatus",
    "ContractDefinition",
    "ContractDefinitions",
    "Heartbeat",
    "Listing",
    "Malformed",
    "MarketData",
    "Maybe",
    "Message",
    "Model",
    "OrderUpdate",
    "Other",
    "Pnl",
    "Position",
    "ServerInfo",
    "StockCompany",
    "StockListing",
    "System",
    "Tickle",
    "TickleServer",
    "UnsetType",
]
