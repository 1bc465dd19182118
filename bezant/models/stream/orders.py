"""Orders and executions of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from .._base import UNSET, Maybe
from ._base import MessageModel

__all__ = [
    "OrderUpdate",
    "TradeUpdate",
]


class OrderUpdate(MessageModel, frozen=True, kw_only=True, rename="camel"):
    """Changes of one order (topic ``sor``); a field that did not change is ``UNSET``.

    Attributes:
        order_id: the order's id.
        account_id: the account's id.
        conid: the contract.
        ticker: the contract's symbol.
        status: the order's status, such as ``Submitted`` or ``Filled``.
        side: ``BUY`` or ``SELL``.
        order_type: such as ``LMT``.
        time_in_force: such as ``DAY`` or ``GTC``.
        price: limit or stop price.
        quantity: quantity ordered (``totalSize``).
        filled_quantity: quantity filled.
        remaining_quantity: quantity still open.
        average_price: average price of the fills (``avgPrice``).
        client_order_id: the client's own id of the order (``order_ref``).
        order_description: the order in words (``orderDesc``).
        last_execution_time_ms: milliseconds since 1970 of the last fill (``lastExecutionTime_r``).
        last_execution_time: the same time as ``YYMMDDhhmmss`` in UTC.
        order_ccp_status: the status in IBKR's books. ``Pending Submit`` on an ``Inactive`` order
            means that a question about the order has no reply yet.
        conid_ex: the contract, with ``@`` and its exchange if the order names one (``conidex``).
        sec_type: such as ``STK``.
        listing_exchange: the exchange that lists the contract.
        company_name: the company.
        contract_description_1: first part of the contract's description, such as the symbol
            (``description1``).
        contract_description_2: rest of it, such as expiry and strike (``description2``).
        cash_currency: currency of the price (``cashCcy``).
        original_order_type: such as ``LIMIT`` (``origOrderType``).
        outside_rth: whether it can fill outside regular trading hours (``outsideRTH``).
        size_and_fills: quantity filled and quantity ordered, as text.
        is_event_trading: ``1`` if the contract is an event contract.
        supports_tax_opt: ``1`` if you can choose the tax lots.
        background_color: color of IBKR's own pages (``bgColor``).
        foreground_color: color of IBKR's own pages (``fgColor``).
        raw: the row as received.
    """

    order_id: Maybe[int] = UNSET
    account_id: Maybe[str] = msgspec.field(default=UNSET, name="acct")
    conid: Maybe[int] = UNSET
    ticker: Maybe[str] = UNSET
    status: Maybe[str] = UNSET
    side: Maybe[str] = UNSET
    order_type: Maybe[str] = UNSET
    time_in_force: Maybe[str] = UNSET
    price: Maybe[Decimal] = UNSET
    quantity: Maybe[Decimal] = msgspec.field(default=UNSET, name="totalSize")
    filled_quantity: Maybe[Decimal] = UNSET
    remaining_quantity: Maybe[Decimal] = UNSET
    average_price: Maybe[Decimal] = msgspec.field(default=UNSET, name="avgPrice")
    client_order_id: Maybe[str] = msgspec.field(default=UNSET, name="order_ref")
    order_description: Maybe[str] = msgspec.field(default=UNSET, name="orderDesc")
    last_execution_time_ms: Maybe[int] = msgspec.field(default=UNSET, name="lastExecutionTime_r")
    last_execution_time: Maybe[str] = UNSET
    order_ccp_status: Maybe[str] = msgspec.field(default=UNSET, name="order_ccp_status")
    conid_ex: Maybe[str] = msgspec.field(default=UNSET, name="conidex")
    sec_type: Maybe[str] = UNSET
    listing_exchange: Maybe[str] = UNSET
    company_name: Maybe[str] = UNSET
    contract_description_1: Maybe[str] = msgspec.field(default=UNSET, name="description1")
    contract_description_2: Maybe[str] = msgspec.field(default=UNSET, name="description2")
    cash_currency: Maybe[str] = msgspec.field(default=UNSET, name="cashCcy")
    original_order_type: Maybe[str] = msgspec.field(default=UNSET, name="origOrderType")
    outside_rth: Maybe[bool] = msgspec.field(default=UNSET, name="outsideRTH")
    size_and_fills: Maybe[str] = UNSET
    is_event_trading: Maybe[str] = UNSET
    supports_tax_opt: Maybe[str] = UNSET
    background_color: Maybe[str] = msgspec.field(default=UNSET, name="bgColor")
    foreground_color: Maybe[str] = msgspec.field(default=UNSET, name="fgColor")
    raw: Mapping[str, Any] = {}


class TradeUpdate(MessageModel, frozen=True, kw_only=True):
    """An execution (topic ``str``), with everything that earlier messages told about it.

    IBKR can send an execution twice, the second time with its commission. A repetition without a
    change is not delivered.

    Attributes:
        execution_id: the execution's id.
        order_id: the order's id; IBKR leaves it out of old executions.
        account_id: the account's id.
        conid: the contract.
        symbol: the contract's symbol.
        side: ``B`` or ``S``.
        size: quantity.
        price: price of one unit.
        commission: the commission, once IBKR knows it.
        net_amount: price times quantity.
        exchange: the exchange.
        client_order_id: the client's own id of the order (``order_ref``).
        order_description: the order in words.
        sec_type: such as ``STK``.
        open_close: whether it opens or closes a position; ``???`` if IBKR does not know.
        time: time of the execution (``trade_time_r``).
        position: quantity of the contract held when the message was sent.
        conid_ex: the contract, with ``@`` and its exchange if IBKR names one (``conidEx``).
        listing_exchange: the exchange that lists the contract.
        company_name: the company.
        contract_description_1: first part of the contract's description, such as the symbol.
        contract_description_2: rest of it, such as expiry and strike.
        account_code: the account's id again (``accountCode``).
        account_allocation_name: the account or the group of accounts that the order was for.
        clearing_id: the clearing firm's id.
        clearing_name: the clearing firm.
        liquidation_trade: ``1`` if IBKR made the trade, also for currency conversions.
        is_event_trading: ``1`` if the contract is an event contract.
        supports_tax_opt: ``1`` if you can choose the tax lots.
        raw: the row as received.
    """

    execution_id: Maybe[str] = UNSET
    order_id: Maybe[int] = UNSET
    account_id: Maybe[str] = msgspec.field(default=UNSET, name="account")
    conid: Maybe[int] = UNSET
    symbol: Maybe[str] = UNSET
    side: Maybe[str] = UNSET
    size: Maybe[Decimal] = UNSET
    price: Maybe[Decimal] = UNSET
    commission: Maybe[Decimal] = UNSET
    net_amount: Maybe[Decimal] = UNSET
    exchange: Maybe[str] = UNSET
    client_order_id: Maybe[str] = msgspec.field(default=UNSET, name="order_ref")
    order_description: Maybe[str] = UNSET
    sec_type: Maybe[str] = UNSET
    open_close: Maybe[str] = UNSET
    time: datetime | None = msgspec.field(default=None, name="bezant:time")
    position: Maybe[Decimal] = UNSET
    conid_ex: Maybe[str] = msgspec.field(default=UNSET, name="conidEx")
    listing_exchange: Maybe[str] = UNSET
    company_name: Maybe[str] = UNSET
    contract_description_1: Maybe[str] = UNSET
    contract_description_2: Maybe[str] = UNSET
    account_code: Maybe[str] = msgspec.field(default=UNSET, name="accountCode")
    account_allocation_name: Maybe[str] = UNSET
    clearing_id: Maybe[str] = UNSET
    clearing_name: Maybe[str] = UNSET
    liquidation_trade: Maybe[str] = UNSET
    is_event_trading: Maybe[str] = UNSET
    supports_tax_opt: Maybe[str] = UNSET
    raw: Mapping[str, Any] = {}


OrderMessage: TypeAlias = OrderUpdate | TradeUpdate
