"""Messages of a stream about orders and executions."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

import msgspec

from ..._wire.field_types import (
    AnyOrderStatusName,
    AnyOrderType,
    AnySide,
    AnyTimeInForce,
    KnownText,
    NonEmpty,
    Quantity,
    Time,
)
from ._base import StateModel

__all__ = [
    "OrderUpdate",
    "TradeUpdate",
]


class OrderUpdate(StateModel, frozen=True, kw_only=True, rename="camel"):
    """Current values of one order (topic ``sor``).

    Attributes:
        order_id: the order's id.
        account_id: the account's id.
        conid: the contract's id.
        ticker: the contract's symbol.
        status: the order's status, such as ``Submitted`` or ``Filled``.
        side: ``BUY`` or ``SELL``; ``EXER`` to exercise an option.
        order_type: the order's type in the spelling of tickets, such as ``LMT``, or IBKR's text if
            tickets have no such type.
        time_in_force: how long the order stays open, in the spelling of tickets, such as ``DAY``.
        price: limit or stop price.
        quantity: quantity ordered (``totalSize``).
        filled_quantity: quantity filled.
        remaining_quantity: quantity still open.
        average_price: average price of the fills (``avgPrice``).
        client_order_id: the client's own id of the order (``order_ref``).
        order_description: the order in words (``orderDesc``).
        last_execution_time: time of the last fill, in UTC (``lastExecutionTime_r``).
        order_ccp_status: the order's status in IBKR's books. ``Pending Submit`` on an ``Inactive``
            order means that a question about the order has no reply yet.
        conid_ex: the contract, with ``@`` and its exchange if the order names one (``conidex``).
        sec_type: the contract's type, such as ``STK``.
        listing_exchange: the exchange that lists the contract.
        company_name: the company.
        contract_description_1: first part of the contract's description, such as the symbol
            (``description1``).
        contract_description_2: rest of the contract's description, such as expiry and strike
            (``description2``).
        cash_currency: currency of the price (``cashCcy``).
        original_order_type: the order type that a filled order had (``origOrderType``).
        outside_rth: whether the order can fill outside regular trading hours (``outsideRTH``).
        size_and_fills: quantity filled and quantity ordered, as text.
        is_event_trading: ``1`` if the contract is an event contract.
        supports_tax_opt: ``1`` if you can choose the tax lots.
        background_color: background color of the order on IBKR's own pages (``bgColor``).
        foreground_color: foreground color of the order on IBKR's own pages (``fgColor``).
        changed: names of the fields that have another value than in the previous message about this
            order.
        raw: the received JSON object, with IBKR's names.
    """

    order_id: int
    account_id: NonEmpty | None = msgspec.field(default=None, name="acct")
    conid: int | None = None
    ticker: str | None = None
    status: AnyOrderStatusName | None = None
    side: AnySide | None = None
    order_type: AnyOrderType | None = None
    time_in_force: AnyTimeInForce | None = None
    price: Decimal | None = None
    quantity: Quantity | None = msgspec.field(default=None, name="totalSize")
    filled_quantity: Quantity | None = None
    remaining_quantity: Quantity | None = None
    average_price: Decimal | None = msgspec.field(default=None, name="avgPrice")
    client_order_id: str | None = msgspec.field(default=None, name="order_ref")
    order_description: str | None = msgspec.field(default=None, name="orderDesc")
    last_execution_time: Time | None = msgspec.field(default=None, name="lastExecutionTime_r")
    order_ccp_status: str | None = msgspec.field(default=None, name="order_ccp_status")
    conid_ex: str | None = msgspec.field(default=None, name="conidex")
    sec_type: str | None = None
    listing_exchange: str | None = None
    company_name: str | None = None
    contract_description_1: str | None = msgspec.field(default=None, name="description1")
    contract_description_2: str | None = msgspec.field(default=None, name="description2")
    cash_currency: str | None = msgspec.field(default=None, name="cashCcy")
    original_order_type: AnyOrderType | None = msgspec.field(default=None, name="origOrderType")
    outside_rth: bool | None = msgspec.field(default=None, name="outsideRTH")
    size_and_fills: str | None = None
    is_event_trading: str | None = None
    supports_tax_opt: str | None = None
    background_color: str | None = msgspec.field(default=None, name="bgColor")
    foreground_color: str | None = msgspec.field(default=None, name="fgColor")


class TradeUpdate(StateModel, frozen=True, kw_only=True):
    """Execution of an order (topic ``str``), with all its known values.

    IBKR can send an execution twice, the second time with its commission. The stream does not
    deliver a repetition in which nothing has changed.

    Attributes:
        execution_id: the execution's id.
        order_id: the order's id; IBKR omits the id in old executions.
        account_id: the account's id.
        conid: the contract's id.
        symbol: the contract's symbol.
        side: ``BUY`` or ``SELL``; ``EXER`` if an option was exercised.
        size: quantity.
        price: price of one unit.
        commission: the commission, once IBKR knows it.
        net_amount: price times quantity.
        exchange: the exchange.
        client_order_id: the client's own id of the order (``order_ref``).
        order_description: the order in words.
        sec_type: the contract's type, such as ``STK``.
        open_close: whether the execution opens or closes a position; None if IBKR does not know.
        time: time of the execution (``trade_time_r``).
        position: quantity of the contract that the account held when the message was sent.
        conid_ex: the contract, with ``@`` and its exchange if IBKR names one (``conidEx``).
        listing_exchange: the exchange that lists the contract.
        company_name: the company.
        contract_description_1: first part of the contract's description, such as the symbol.
        contract_description_2: rest of the contract's description, such as expiry and strike.
        account_code: the account's id again (``accountCode``).
        account_allocation_name: the account or the group of accounts that the order was for.
        clearing_id: the clearing firm's id.
        clearing_name: the clearing firm.
        liquidation_trade: ``1`` if IBKR itself made the trade, for example to liquidate a position
            or to convert a currency.
        is_event_trading: ``1`` if the contract is an event contract.
        supports_tax_opt: ``1`` if you can choose the tax lots.
        changed: names of the fields that have another value than in the previous message about this
            execution.
        raw: the received JSON object, with IBKR's names.
    """

    execution_id: NonEmpty
    order_id: int | None = None
    account_id: NonEmpty | None = msgspec.field(default=None, name="account")
    conid: int | None = None
    symbol: str | None = None
    side: AnySide | None = None
    size: Quantity | None = None
    price: Decimal | None = None
    commission: Decimal | None = None
    net_amount: Decimal | None = None
    exchange: str | None = None
    client_order_id: str | None = msgspec.field(default=None, name="order_ref")
    order_description: str | None = None
    sec_type: str | None = None
    open_close: KnownText | None = None
    time: datetime | None = msgspec.field(default=None, name="bezant:time")
    position: Quantity | None = None
    conid_ex: str | None = msgspec.field(default=None, name="conidEx")
    listing_exchange: str | None = None
    company_name: str | None = None
    contract_description_1: str | None = None
    contract_description_2: str | None = None
    account_code: str | None = msgspec.field(default=None, name="accountCode")
    account_allocation_name: str | None = None
    clearing_id: str | None = None
    clearing_name: str | None = None
    liquidation_trade: str | None = None
    is_event_trading: str | None = None
    supports_tax_opt: str | None = None


OrderMessage: TypeAlias = OrderUpdate | TradeUpdate
