"""Models of responses about accounts and positions."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ._base import UNSET, Maybe, Model

__all__ = ["Account", "Position"]


class Account(Model, frozen=True, kw_only=True, rename="camel"):
    """An account that the user name can see (``GET /portfolio/accounts``).

    Attributes:
        account_id: id of the account, such as ``DU123456``.
        account_title: name of the owner in IBKR's spelling.
        display_name: name of the account on IBKR's own pages.
        account_alias: name that the owner gave the account.
        currency: base currency of the account.
        type: such as ``INDIVIDUAL`` or ``DEMO``.
        trading_type: trading permissions, such as ``STKNOPT``.
        ib_entity: IBKR company that holds the account.
        faclient: whether a financial adviser manages the account.
        clearing_status: one letter; ``O`` is open.
        brokerage_access: whether the account can trade.
        no_client_trading: whether the owner cannot trade in the account.
        desc: one-line description of the account.
    """

    account_id: Maybe[str] = UNSET
    account_title: Maybe[str] = UNSET
    display_name: Maybe[str] = UNSET
    account_alias: Maybe[str] = UNSET
    currency: Maybe[str] = UNSET
    type: Maybe[str] = UNSET
    trading_type: Maybe[str] = UNSET
    ib_entity: Maybe[str] = UNSET
    faclient: Maybe[bool] = msgspec.field(default=UNSET, name="faclient")
    clearing_status: Maybe[str] = UNSET
    brokerage_access: Maybe[bool] = UNSET
    no_client_trading: Maybe[bool] = UNSET
    desc: Maybe[str] = UNSET


class Position(Model, frozen=True, kw_only=True, rename="camel"):
    """A position (``GET /portfolio/{accountId}/positions/{pageId}``).

    Money is in the position's own currency.

    Attributes:
        account_id: id of the account that holds the position (``acctId``).
        conid: IBKR's id of the contract.
        description: short description of the contract (``contractDesc``).
        quantity: size of the position; negative for a short position (``position``).
        market_price: current price of one unit (``mktPrice``).
        market_value: current value of the position (``mktValue``).
        currency: currency of the position.
        average_cost: average price paid for one unit, times the multiplier (``avgCost``).
        average_price: average price paid for one unit (``avgPrice``).
        realized_pnl: realized profit and loss of today.
        unrealized_pnl: unrealized profit and loss.
        asset_class: such as ``STK``, ``OPT``, ``FUT``.
        underlying_conid: conid of the underlying; 0 if there is no underlying (``undConid``).
        expiry: expiration date of a derivative, as ``YYYYMMDD``.
        put_or_call: ``P`` or ``C`` of an option.
        strike: strike price; 0 if there is none.
        multiplier: units of the underlying in one contract.
        ticker: the symbol.
        name: name of the company.
        listing_exchange: exchange where the contract is listed.
        sector: sector of the company.
        group: industry group of the company.
        model: model portfolio that the position belongs to; empty for none.
        page_size: number of rows in a full page, if the gateway sends it.
    """

    account_id: Maybe[str] = msgspec.field(default=UNSET, name="acctId")
    conid: Maybe[int] = UNSET
    description: Maybe[str] = msgspec.field(default=UNSET, name="contractDesc")
    quantity: Maybe[Decimal] = msgspec.field(default=UNSET, name="position")
    market_price: Maybe[Decimal] = msgspec.field(default=UNSET, name="mktPrice")
    market_value: Maybe[Decimal] = msgspec.field(default=UNSET, name="mktValue")
    currency: Maybe[str] = UNSET
    average_cost: Maybe[Decimal] = msgspec.field(default=UNSET, name="avgCost")
    average_price: Maybe[Decimal] = msgspec.field(default=UNSET, name="avgPrice")
    realized_pnl: Maybe[Decimal] = UNSET
    unrealized_pnl: Maybe[Decimal] = UNSET
    asset_class: Maybe[str] = UNSET
    underlying_conid: Maybe[int] = msgspec.field(default=UNSET, name="undConid")
    expiry: Maybe[str] = UNSET
    put_or_call: Maybe[str] = UNSET
    strike: Maybe[Decimal] = UNSET
    multiplier: Maybe[Decimal] = UNSET
    ticker: Maybe[str] = UNSET
    name: Maybe[str] = UNSET
    listing_exchange: Maybe[str] = UNSET
    sector: Maybe[str] = UNSET
    group: Maybe[str] = UNSET
    model: Maybe[str] = UNSET
    page_size: Maybe[int] = UNSET
