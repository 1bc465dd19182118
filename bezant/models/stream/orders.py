"""Orders and executions of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from ._base import MessageModel

__all__ = [
    "OrderUpdate",
    "TradeUpdate",
]


class OrderUpdate(MessageModel, frozen=True, kw_only=True, rename="camel"):
    """Changes of one order (topic ``sor``); a field that did not change is None.

    Attributes:
        order_id: the order's id.
        account: the account's id.
        conid: the contract.
        ticker: the contract's symbol.
        status: the order's status, such as ``Submitted`` or ``Filled``.
        side: ``BUY`` or ``SELL``.
        order_type: such as ``LMT``.
        time_in_force: such as ``DAY`` or ``GTC``.
        price: limit or stop price.
        total_size: quantity ordered.
        filled_quantity: quantity filled.
        remaining_quantity: quantity still open.
        order_ref: the client's own id of the order (``order_ref``).
        description: the order in words (``orderDesc``).
        last_execution_ms: milliseconds since 1970 of the last fill (``lastExecutionTime_r``).
        raw: the row as received.
    """

    order_id: int | None = None
    account: str | None = msgspec.field(default=None, name="acct")
    conid: int | None = None
    ticker: str | None = None
    status: str | None = None
    side: str | None = None
    order_type: str | None = None
    time_in_force: str | None = None
    price: Decimal | None = None
    total_size: Decimal | None = None
    filled_quantity: Decimal | None = None
    remaining_quantity: Decimal | None = None
    order_ref: str | None = msgspec.field(default=None, name="order_ref")
    description: str | None = msgspec.field(default=None, name="orderDesc")
    last_execution_ms: int | None = msgspec.field(default=None, name="lastExecutionTime_r")
    raw: Mapping[str, Any] = {}


class TradeUpdate(MessageModel, frozen=True, kw_only=True):
    """An execution (topic ``str``), with everything that earlier messages told about it.

    IBKR can send an execution twice, the second time with its commission. A repetition without a
    change is not delivered.

    Attributes:
        execution_id: the execution's id.
        account: the account's id.
        conid: the contract.
        symbol: the contract's symbol.
        side: ``B`` or ``S``.
        size: quantity.
        price: price of one unit.
        commission: the commission, once IBKR knows it.
        net_amount: price times quantity.
        exchange: the exchange.
        order_ref: the client's own id of the order.
        order_description: the order in words.
        sec_type: such as ``STK``.
        open_close: whether it opens or closes a position; ``???`` if IBKR does not know.
        time: time of the execution (``trade_time_r``).
        raw: the row as received.
    """

    execution_id: str | None = None
    account: str | None = None
    conid: int | None = None
    symbol: str | None = None
    side: str | None = None
    size: Decimal | None = None
    price: Decimal | None = None
    commission: Decimal | None = None
    net_amount: Decimal | None = None
    exchange: str | None = None
    order_ref: str | None = None
    order_description: str | None = None
    sec_type: str | None = None
    open_close: str | None = None
    time: datetime | None = msgspec.field(default=None, name="bezant:time")
    raw: Mapping[str, Any] = {}


OrderMessage: TypeAlias = OrderUpdate | TradeUpdate
