"""Messages of a stream about accounts, balances, and profit and loss."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from ..._wire.field_types import NonEmpty, Time
from ._base import MessageModel, StateModel

__all__ = [
    "AccountUpdate",
    "LedgerUpdate",
    "Pnl",
    "SummaryUpdate",
]


class AccountUpdate(MessageModel, frozen=True, kw_only=True):
    """Message with the accounts of the session and their properties (topic ``act``).

    Attributes:
        accounts: the ids of the accounts.
        selected_account: the account that the gateway uses for calls that name no account.
        is_paper: whether the session is of a paper account.
        supports_fractions: whether the accounts can trade fractions of shares (``isFT``).
        aliases: names that the owner gave the accounts, by account.
        groups: an adviser's groups of accounts.
        profiles: an adviser's allocation profiles.
        raw: the received JSON object, with IBKR's names.
    """

    accounts: list[str] | None = None
    selected_account: str | None = msgspec.field(default=None, name="selectedAccount")
    is_paper: bool | None = msgspec.field(default=None, name="isPaper")
    supports_fractions: bool | None = msgspec.field(default=None, name="isFT")
    aliases: dict[str, str] | None = None
    groups: list[str] | None = None
    profiles: list[str] | None = None
    raw: Mapping[str, Any] = {}


class Pnl(StateModel, frozen=True, kw_only=True):
    """Profit and loss of one account (topic ``spl``), in the account's base currency.

    Attributes:
        account_id: the account's id.
        segment: the segment of the account, usually ``Core``.
        daily_pnl: profit and loss since the last close (``dpl``).
        unrealized_pnl: profit and loss of open positions (``upl``).
        net_liquidation_value: net liquidation value (``nl``).
        excess_liquidity: excess liquidity, which is not needed as margin (``uel``).
        market_value: market value of the positions (``mv``).
        changed: names of the fields that have another value than in the previous message about this
            account.
        raw: the received JSON object, with IBKR's names.
    """

    account_id: str = msgspec.field(default="", name="account")
    segment: str = ""
    daily_pnl: Decimal | None = msgspec.field(default=None, name="dpl")
    unrealized_pnl: Decimal | None = msgspec.field(default=None, name="upl")
    net_liquidation_value: Decimal | None = msgspec.field(default=None, name="nl")
    excess_liquidity: Decimal | None = msgspec.field(default=None, name="uel")
    market_value: Decimal | None = msgspec.field(default=None, name="mv")


class SummaryUpdate(StateModel, frozen=True, kw_only=True, rename="camel"):
    """One value of an account's summary (topic ``ssd``).

    Attributes:
        account_id: the account's id.
        key: IBKR's name of the value, such as ``NetLiquidation-S``.
        amount: the value if it is an amount of money (``monetaryValue``); otherwise None.
        currency: currency of the amount.
        value: the value if it is not an amount of money; otherwise None.
        timestamp: time of the value, in UTC.
        changed: names of the fields that have another value than in the previous message about this
            value.
        raw: the received JSON object, with IBKR's names.
    """

    account_id: str = msgspec.field(default="", name="account")
    key: NonEmpty
    amount: Decimal | None = msgspec.field(default=None, name="monetaryValue")
    currency: str | None = None
    value: str | None = None
    timestamp: Time | None = None


class LedgerUpdate(StateModel, frozen=True, kw_only=True, rename="camel"):
    """An account's ledger in one currency (topic ``sld``).

    Attributes:
        account_id: the account's id.
        key: ``LedgerList`` and the currency. ``LedgerListBASE`` is the sum of all currencies, in
            the account's base currency: never add this row to the others.
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
        funds: value of the mutual funds.
        timestamp: time of the value, in UTC.
        account_code: the account's id again, if the gateway sends it (``acctCode``).
        cash_balance_fx_segment: cash in the segment for currency trading.
        commodity_market_value: market value of the commodities.
        corporate_bonds_market_value: market value of the corporate bonds.
        issuer_options_market_value: market value of the issuer options
            (``issueOptionsMarketValue``).
        money_funds: value of the money market funds.
        t_bills_market_value: market value of the treasury bills.
        t_bonds_market_value: market value of the treasury bonds.
        warrants_market_value: market value of the warrants.
        severity: unused.
        changed: names of the fields that have another value than in the previous message about this
            currency.
        raw: the received JSON object, with IBKR's names.
    """

    account_id: str = msgspec.field(default="", name="bezant:account")
    key: NonEmpty
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
    timestamp: Time | None = None
    account_code: str | None = msgspec.field(default=None, name="acctCode")
    cash_balance_fx_segment: Decimal | None = msgspec.field(
        default=None, name="cashBalanceFXSegment"
    )
    commodity_market_value: Decimal | None = None
    corporate_bonds_market_value: Decimal | None = None
    issuer_options_market_value: Decimal | None = msgspec.field(
        default=None, name="issueOptionsMarketValue"
    )
    money_funds: Decimal | None = None
    t_bills_market_value: Decimal | None = None
    t_bonds_market_value: Decimal | None = None
    warrants_market_value: Decimal | None = None
    severity: int | None = None


AccountMessage: TypeAlias = AccountUpdate | Pnl | SummaryUpdate | LedgerUpdate
