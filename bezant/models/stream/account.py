"""Accounts, balances, and profit and loss of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from ._base import MessageModel

__all__ = [
    "AccountUpdate",
    "LedgerUpdate",
    "Pnl",
    "SummaryUpdate",
]


class AccountUpdate(MessageModel, frozen=True, kw_only=True):
    """The accounts of the session and their properties (topic ``act``).

    Attributes:
        accounts: the ids of the accounts.
        selected_account: the account that calls without an account use.
        is_paper: whether it is a paper account.
        is_free_trial: whether it is a free trial.
        raw: the row as received.
    """

    accounts: list[str] | None = None
    selected_account: str | None = msgspec.field(default=None, name="selectedAccount")
    is_paper: bool | None = msgspec.field(default=None, name="isPaper")
    is_free_trial: bool | None = msgspec.field(default=None, name="isFT")
    raw: Mapping[str, Any] = {}


class Pnl(MessageModel, frozen=True, kw_only=True):
    """Profit and loss of one account (topic ``spl``), in its base currency.

    A field that did not change is None.

    Attributes:
        account: the account's id.
        segment: the segment of the account, usually ``Core``.
        daily: profit and loss since the last close (``dpl``).
        unrealized: profit and loss of open positions (``upl``).
        net_liquidation: net liquidation value (``nl``).
        excess_liquidity: excess liquidity, beyond the margin (``uel``).
        market_value: market value of the positions (``mv``).
        raw: the row as received.
    """

    account: str = ""
    segment: str = ""
    daily: Decimal | None = msgspec.field(default=None, name="dpl")
    unrealized: Decimal | None = msgspec.field(default=None, name="upl")
    net_liquidation: Decimal | None = msgspec.field(default=None, name="nl")
    excess_liquidity: Decimal | None = msgspec.field(default=None, name="uel")
    market_value: Decimal | None = msgspec.field(default=None, name="mv")
    raw: Mapping[str, Any] = {}


class SummaryUpdate(MessageModel, frozen=True, kw_only=True, rename="camel"):
    """One value of an account's summary (topic ``ssd``).

    Attributes:
        account: the account's id.
        key: which value, such as ``NetLiquidation-S``.
        amount: the value, if it is money (``monetaryValue``).
        currency: its currency.
        value: the value, if it is not money.
        timestamp: seconds since 1970.
        raw: the row as received.
    """

    account: str = ""
    key: str | None = None
    amount: Decimal | None = msgspec.field(default=None, name="monetaryValue")
    currency: str | None = None
    value: str | None = None
    timestamp: int | None = None
    raw: Mapping[str, Any] = {}


class LedgerUpdate(MessageModel, frozen=True, kw_only=True, rename="camel"):
    """An account's ledger in one currency (topic ``sld``), complete.

    The gateway leaves out fields that did not change; earlier messages fill them in.

    Attributes:
        account: the account's id.
        key: ``LedgerList`` and the currency. ``LedgerListBASE`` is the sum of all in the account's
            base currency: never add it to the others.
        currency: the currency (``secondKey``).
        cash_balance: cash balance.
        settled_cash: settled cash.
        exchange_rate: exchange rate to the base currency.
        net_liquidation_value: net liquidation value in this currency.
        market_value: market value of the positions.
        stock_market_value: market value of the stocks.
        option_market_value: market value of the options.
        realized_pnl: realised profit and loss.
        unrealized_pnl: unrealised profit and loss.
        dividends: accrued dividends.
        interest: accrued interest.
        funds: mutual funds.
        timestamp: seconds since 1970.
        raw: the row as received.
    """

    account: str = msgspec.field(default="", name="bezant:account")
    key: str | None = None
    currency: str | None = msgspec.field(default=None, name="secondKey")
    cash_balance: Decimal | None = msgspec.field(default=None, name="cashbalance")
    settled_cash: Decimal | None = None
    exchange_rate: Decimal | None = None
    net_liquidation_value: Decimal | None = None
    market_value: Decimal | None = None
    stock_market_value: Decimal | None = None
    option_market_value: Decimal | None = None
    realized_pnl: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    dividends: Decimal | None = None
    interest: Decimal | None = None
    funds: Decimal | None = None
    timestamp: int | None = None
    raw: Mapping[str, Any] = {}


AccountMessage: TypeAlias = AccountUpdate | Pnl | SummaryUpdate | LedgerUpdate
