"""Answers about accounts and what they hold."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ._base import UNSET, Maybe, Model

__all__ = ["Account", "Position"]


class Account(Model, frozen=True, kw_only=True, rename="camel"):
    """An account that the user name can see (``GET /portfolio/accounts``).

    Attributes:
        account_id: its id, such as ``DU123456``.
        account_title: the owner's name as IBKR writes it.
        display_name: the name in IBKR's own pages.
        account_alias: the name that the owner gave it.
        currency: its base currency.
        type: such as ``INDIVIDUAL`` or ``DEMO``.
        trading_type: what it may trade, such as ``STKNOPT``.
        ib_entity: the IBKR company that it is with.
        faclient: whether an adviser manages it.
        clearing_status: one letter; ``O`` is open.
        brokerage_access: whether it can trade.
        no_client_trading: whether its owner cannot trade.
        desc: a line that describes it.
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
        account_id: the account that holds it.
        conid: IBKR's id of the contract.
        description: the contract in short (``contractDesc``).
        quantity: how much is held; negative when short (``position``).
        market_price: price of one unit (``mktPrice``).
        market_value: worth of all of it (``mktValue``).
        currency: what it is quoted in.
        average_cost: paid for one unit, times the multiplier (``avgCost``).
        average_price: paid for one unit (``avgPrice``).
        realized_pnl: profit and loss taken today.
        unrealized_pnl: profit and loss on what is held.
        asset_class: such as ``STK``, ``OPT``, ``FUT``.
        underlying_conid: the underlying's contract, 0 where there is none (``undConid``).
        expiry: ``YYYYMMDD`` of a derivative.
        put_or_call: ``P`` or ``C``.
        strike: strike price; 0 where there is none.
        multiplier: units of the underlying in one contract.
        ticker: the symbol.
        name: the company.
        listing_exchange: where it is listed.
        sector: the company's sector.
        group: the company's industry group.
        model: the model portfolio that it belongs to, empty for none.
        page_size: rows that a full page has, where the gateway says so.
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
