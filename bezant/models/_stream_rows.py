"""Stream messages about executions, accounts, bars and the price ladder."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from ._base import UNSET, Maybe
from ._messages import MessageModel, StreamMessage


class TradeUpdate(MessageModel, frozen=True, kw_only=True):
    """Execution (topic ``str``), merged with earlier messages about it.

    An execution can come twice, the second time with its commission. Repeated messages without a
    change are not delivered.

    Attributes:
        execution_id: id of the execution.
        account: id of the account.
        conid: IBKR's id of the contract.
        symbol: symbol of the contract.
        side: ``B`` for a purchase, ``S`` for a sale.
        size: executed quantity.
        price: price of one unit.
        commission: commission; UNSET until it is known.
        net_amount: price times quantity.
        exchange: exchange of the execution.
        order_ref: client order id of the order.
        order_description: description of the order.
        sec_type: such as ``STK``.
        open_close: whether it opens or closes a position; ``???`` if IBKR does not know.
        time: time of the execution, in UTC (``trade_time_r``); None if unknown.
        raw: the row as the gateway sent it.
    """

    execution_id: Maybe[str] = UNSET
    account: Maybe[str] = UNSET
    conid: Maybe[int] = UNSET
    symbol: Maybe[str] = UNSET
    side: Maybe[str] = UNSET
    size: Maybe[Decimal] = UNSET
    price: Maybe[Decimal] = UNSET
    commission: Maybe[Decimal] = UNSET
    net_amount: Maybe[Decimal] = UNSET
    exchange: Maybe[str] = UNSET
    order_ref: Maybe[str] = UNSET
    order_description: Maybe[str] = UNSET
    sec_type: Maybe[str] = UNSET
    open_close: Maybe[str] = UNSET
    time: datetime | None = msgspec.field(default=None, name="bezant:time")
    raw: Mapping[str, Any] = {}


class SummaryUpdate(MessageModel, frozen=True, kw_only=True, rename="camel"):
    """One value of an account's summary (topic ``ssd``).

    Attributes:
        account: id of the account.
        key: name of the value, such as ``NetLiquidation-S``.
        amount: the value, if it is an amount of money (``monetaryValue``).
        currency: currency of the amount.
        value: the value, if it is not an amount of money.
        timestamp: time of the value, in seconds since 1970.
        raw: the row as the gateway sent it.
    """

    account: str = ""
    key: Maybe[str] = UNSET
    amount: Maybe[Decimal] = msgspec.field(default=UNSET, name="monetaryValue")
    currency: Maybe[str] = UNSET
    value: Maybe[str] = UNSET
    timestamp: Maybe[int] = UNSET
    raw: Mapping[str, Any] = {}


class LedgerUpdate(MessageModel, frozen=True, kw_only=True, rename="camel"):
    """Ledger of an account in one currency (topic ``sld``).

    The gateway sends only the values that changed; the others come from earlier messages.

    Attributes:
        account: id of the account.
        key: ``LedgerList`` and the currency. ``LedgerListBASE`` is the sum of all currencies in the
            account's base currency: never add it to the others.
        currency: the currency (``secondKey``).
        cash_balance: cash.
        settled_cash: settled cash.
        exchange_rate: exchange rate to the base currency.
        net_liquidation_value: value of everything held in this currency.
        market_value: value of the positions.
        stock_market_value: value of the stocks.
        option_market_value: value of the options.
        realized_pnl: realized profit and loss.
        unrealized_pnl: unrealized profit and loss.
        dividends: accrued dividends, not yet paid.
        interest: accrued interest, not yet paid.
        funds: value of the mutual funds.
        timestamp: time of the values, in seconds since 1970.
        raw: the row as the gateway sent it.
    """

    account: str = msgspec.field(default="", name="bezant:account")
    key: Maybe[str] = UNSET
    currency: Maybe[str] = msgspec.field(default=UNSET, name="secondKey")
    cash_balance: Maybe[Decimal] = msgspec.field(default=UNSET, name="cashbalance")
    settled_cash: Maybe[Decimal] = UNSET
    exchange_rate: Maybe[Decimal] = UNSET
    net_liquidation_value: Maybe[Decimal] = UNSET
    market_value: Maybe[Decimal] = UNSET
    stock_market_value: Maybe[Decimal] = UNSET
    option_market_value: Maybe[Decimal] = UNSET
    realized_pnl: Maybe[Decimal] = UNSET
    unrealized_pnl: Maybe[Decimal] = UNSET
    dividends: Maybe[Decimal] = UNSET
    interest: Maybe[Decimal] = UNSET
    funds: Maybe[Decimal] = UNSET
    timestamp: Maybe[int] = UNSET
    raw: Mapping[str, Any] = {}


class StreamBar(MessageModel, frozen=True, kw_only=True):
    """One bar of `BarsUpdate`.

    Attributes:
        open: first price of the bar.
        high: highest price.
        low: lowest price.
        close: last price.
        volume: traded volume.
        start_ms: start of the bar, in milliseconds since 1970.
    """

    open: Maybe[Decimal] = msgspec.field(default=UNSET, name="o")
    high: Maybe[Decimal] = msgspec.field(default=UNSET, name="h")
    low: Maybe[Decimal] = msgspec.field(default=UNSET, name="l")
    close: Maybe[Decimal] = msgspec.field(default=UNSET, name="c")
    volume: Maybe[Decimal] = msgspec.field(default=UNSET, name="v")
    start_ms: Maybe[int] = msgspec.field(default=UNSET, name="t")


class BarsUpdate(MessageModel, frozen=True, kw_only=True, rename="camel"):
    """Historical bars of a contract (topic ``smh``).

    If the gateway does not accept the parameters of the subscription, it uses its own defaults
    without an error.

    Attributes:
        conid: IBKR's id of the contract.
        server_id: the gateway's id of the subscription.
        symbol: symbol of the contract.
        bars: the bars.
        bar_length: length of a bar in seconds.
        time_period: period that the bars cover, such as ``1d``.
        outside_rth: whether the bars include trades outside regular trading hours.
        raw: the message as the gateway sent it.
    """

    conid: int = 0
    server_id: Maybe[str] = UNSET
    symbol: Maybe[str] = UNSET
    bars: Maybe[list[StreamBar]] = msgspec.field(default=UNSET, name="data")
    bar_length: Maybe[int] = UNSET
    time_period: Maybe[str] = UNSET
    outside_rth: Maybe[bool] = UNSET
    raw: Mapping[str, Any] = {}


class LadderRow(StreamMessage, frozen=True, kw_only=True):
    """One price level of a `LadderUpdate`.

    Attributes:
        row: number of the row, from the top.
        price: the price.
        bid_size: quantity bid at this price.
        ask_size: quantity asked at this price.
        last_size: size of the last trade; None if it was at another price.
        focus: whether the last trade was at this price.
    """

    row: int | None
    price: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None
    last_size: Decimal | None
    focus: bool


class LadderUpdate(StreamMessage, frozen=True, kw_only=True):
    """Changed rows of a price ladder, the market depth (topic ``sbd``).

    Attributes:
        account: id of the account of the subscription.
        conid: IBKR's id of the contract.
        rows: the changed rows.
        raw: the message as the gateway sent it.
    """

    account: str
    conid: int
    rows: list[LadderRow]
    raw: Mapping[str, Any]
