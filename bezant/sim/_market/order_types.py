"""Table of the order types that the simulated exchange supports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal[
    "MKT", "LMT", "STP", "STOP_LIMIT", "TRAIL", "TRAILLMT", "MIDPRICE", "MOC", "LOC"
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderType:
    """An order type: its names in IBKR's API, and the prices that its orders have.

    Attributes:
        shown: the type's name in a list of orders.
        original: the type's name in the field `origOrderType` of a list of orders, and in the field
            `order_type` of an order's status.
        described: the type's name in an order's description; empty if it is `shown`.
        alias: another name of the type that requests may use; empty without one.
        limit: name of the request field with the limit price; empty for types without one.
        stop: name of the request field with the stop price; empty for types without one.
        needs_price: whether these two fields are required.
        trails: whether the stop price follows the market.
        stocks_only: whether the type is for stocks only.
        at_close: whether the order trades only at the close of the regular session.
    """

    shown: str
    original: str
    described: str = ""
    alias: str = ""
    limit: str = ""
    stop: str = ""
    needs_price: bool = True
    trails: bool = False
    stocks_only: bool = False
    at_close: bool = False


ORDER_TYPES: Mapping[Kind, OrderType] = {
    "LMT": OrderType(shown="Limit", original="LIMIT", alias="LIMIT", limit="price"),
    "MKT": OrderType(shown="Market", original="MARKET", alias="MARKET"),
    "STP": OrderType(shown="Stop", original="STOP", alias="STOP", stop="price"),
    "STOP_LIMIT": OrderType(
        shown="Stop Limit", original="STOP_LIMIT", limit="price", stop="auxPrice"
    ),
    "TRAIL": OrderType(
        shown="Trailing Stop",
        original="TRAILING_STOP",
        stop="price",
        needs_price=False,
        trails=True,
    ),
    "TRAILLMT": OrderType(
        shown="Trailing Stop Limit",
        original="TRAILING_STOP_LIMIT",
        limit="price",
        stop="auxPrice",
        trails=True,
    ),
    "MIDPRICE": OrderType(
        shown="MidPrice",
        original="MIDPRICE",
        limit="price",
        needs_price=False,
        stocks_only=True,
    ),
    "MOC": OrderType(
        shown="MARKETONCLOSE",
        original="MARKETONCLOSE",
        described="MKT CLS",
        stocks_only=True,
        at_close=True,
    ),
    # The description of this type is not recorded.
    "LOC": OrderType(
        shown="LIMITONCLOSE",
        original="LIMITONCLOSE",
        described="LMT CLS",
        limit="price",
        stocks_only=True,
        at_close=True,
    ),
}
NAMES: Mapping[str, Kind] = {
    name: kind for kind, row in ORDER_TYPES.items() for name in (kind, row.alias) if name
}
"""Order types by their names in a request."""

NOT_SIMULATED = frozenset({"MIT", "LIT", "REL"})
"""Names of order types that IBKR accepts and the simulated exchange refuses."""
