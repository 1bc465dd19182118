"""Answers about contracts."""

from __future__ import annotations

import msgspec

from ._base import UNSET, Maybe, Model

__all__ = ["ContractDefinition", "ContractDefinitions", "Listing", "StockCompany", "StockListing"]


class StockListing(Model, frozen=True, kw_only=True, rename="camel"):
    """One listing of a company's stock (in ``GET /trsrv/stocks``).

    Attributes:
        conid: IBKR's id of the contract.
        exchange: where it is listed.
        is_us: whether that is in the United States.
    """

    conid: Maybe[int] = UNSET
    exchange: Maybe[str] = UNSET
    is_us: Maybe[bool] = msgspec.field(default=UNSET, name="isUS")


class StockCompany(Model, frozen=True, kw_only=True, rename="camel"):
    """A company whose stock has the symbol that was asked for (in ``GET /trsrv/stocks``).

    Attributes:
        name: the company.
        asset_class: ``STK``.
        contracts: its listings.
    """

    name: Maybe[str] = UNSET
    asset_class: Maybe[str] = UNSET
    contracts: Maybe[list[StockListing]] = UNSET


class ContractDefinition(Model, frozen=True, kw_only=True, rename="camel"):
    """A contract's definition (in ``GET /trsrv/secdef``).

    Attributes:
        conid: IBKR's id of the contract.
        currency: what it trades in.
        name: the company.
        ticker: the symbol.
        asset_class: such as ``STK``.
        listing_exchange: where it is listed.
    """

    conid: Maybe[int] = UNSET
    currency: Maybe[str] = UNSET
    name: Maybe[str] = UNSET
    ticker: Maybe[str] = UNSET
    asset_class: Maybe[str] = UNSET
    listing_exchange: Maybe[str] = UNSET


class ContractDefinitions(Model, frozen=True, kw_only=True):
    """The answer of ``GET /trsrv/secdef``.

    Attributes:
        secdef: one definition for each contract that was asked for.
    """

    secdef: Maybe[list[ContractDefinition]] = UNSET


class Listing(Model, frozen=True, kw_only=True):
    """One place where a stock can be traded.

    Attributes:
        conid: IBKR's id of the contract.
        symbol: the symbol in its normal form.
        exchange: where it is listed.
        name: the company.
        is_us: whether the exchange is in the United States.
        currency: what it trades in; None where that was not asked for.
    """

    conid: int
    symbol: str
    exchange: str
    name: str
    is_us: bool
    currency: str | None = None

    def __str__(self) -> str:
        money = f" {self.currency}" if self.currency else ""
        return f"{self.symbol} {self.exchange}{money} conid {self.conid} ({self.name})"
