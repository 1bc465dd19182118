"""Messages about trades, accounts, bars and the price ladder."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from ._base import UNSET, Maybe
from ._messages import MessageModel, StreamMessage


class TradeUpdate(MessageModel, frozen=True, kw_only=True):
    """An execution (topic ``str``): all that is known of it, also from messages before.

    One execution can come twice, the second time with its commission. What came again without a
    change is not delivered.

    Attributes:
        execution_id: the execution.
        account: the account's id.
        conid: the contract.
        symbol: its symbol.
        side: ``B`` or ``S``.
        size: quantity.
        price: price of one.
        commission: commission, once it is known.
        net_amount: price times quantity.
        exchange: where it was.
        order_ref: the client's own id of the order.
        order_description: the order in words.
        sec_type: such as ``STK``.
        open_close: whether it opens or closes a position, ``???`` where IBKR does not know.
        time: when it was (``trade_time_r``).
        raw: the row as it came.
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
        account: the account's id.
        key: which value, such as ``NetLiquidation-S``.
        amount: the value, where it is money (``monetaryValue``).
        currency: its currency.
        value: the value, where it is not money.
        timestamp: seconds since 1970.
        raw: the row as it came.
    """

    account: str = ""
    key: Maybe[str] = UNSET
    amount: Maybe[Decimal] = msgspec.field(default=UNSET, name="monetaryValue")
    currency: Maybe[str] = UNSET
    value: Maybe[str] = UNSET
    timestamp: Maybe[int] = UNSET
    raw: Mapping[str, Any] = {}


class LedgerUpdate(MessageModel, frozen=True, kw_only=True, rename="camel"):
    """An account's ledger in one currency (topic ``sld``): all that is known of it.

    The gateway leaves out what did not change; that is filled in from the messages before.

    Attributes:
        account: the account's id.
        key: ``LedgerList`` and the currency. ``LedgerListBASE`` is the sum of all in the account's
            base currency: never add it to the others.
        currency: the currency (``secondKey``).
        cash_balance: cash.
        settled_cash: cash that is settled.
        exchange_rate: to the base currency.
        net_liquidation_value: worth of everything in this currency.
        market_value: of the positions.
        stock_market_value: of the stocks.
        option_market_value: of the options.
        realized_pnl: realised profit and loss.
        unrealized_pnl: unrealised profit and loss.
        dividends: dividends to come.
        interest: interest to come.
        funds: mutual funds.
        timestamp: seconds since 1970.
        raw: the row as it came.
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
        open: first price.
        high: highest price.
        low: lowest price.
        close: last price.
        volume: volume.
        start_ms: its beginning, in milliseconds since 1970.
    """

    open: Maybe[Decimal] = msgspec.field(default=UNSET, name="o")
    high: Maybe[Decimal] = msgspec.field(default=UNSET, name="h")
    low: Maybe[Decimal] = msgspec.field(default=UNSET, name="l")
    close: Maybe[Decimal] = msgspec.field(default=UNSET, name="c")
    volume: Maybe[Decimal] = msgspec.field(default=UNSET, name="v")
    start_ms: Maybe[int] = msgspec.field(default=UNSET, name="t")


class BarsUpdate(MessageModel, frozen=True, kw_only=True, rename="camel"):
    """Historical bars of a contract (topic ``smh``).

    The gateway answers parameters that it does not like with bars by its own default.

    Attributes:
        conid: the contract.
        server_id: the gateway's id of the subscription.
        symbol: the contract's symbol.
        bars: the bars.
        bar_length: seconds in a bar.
        time_period: the period that they cover, such as ``1d``.
        outside_rth: whether they hold what was outside regular trading hours.
        raw: the message as it came.
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
    """One price of `LadderUpdate`.

    Attributes:
        row: its place, from the top.
        price: the price.
        bid_size: what is bid at it.
        ask_size: what is asked at it.
        last_size: size of the last trade, where it was at this price.
        focus: whether the last trade was at this price.
    """

    row: int | None
    price: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None
    last_size: Decimal | None
    focus: bool


class LadderUpdate(StreamMessage, frozen=True, kw_only=True):
    """Rows of a price ladder that changed (topic ``sbd``).

    Attributes:
        account: the account for which it was asked.
        conid: the contract.
        rows: the rows.
        raw: the message as it came.
    """

    account: str
    conid: int
    rows: list[LadderRow]
    raw: Mapping[str, Any]
