"""Models of responses about contracts."""

from __future__ import annotations

import msgspec

from ._base import UNSET, Maybe, Model

__all__ = ["ContractDefinition", "ContractDefinitions", "Listing", "StockCompany", "StockListing"]


class StockListing(Model, frozen=True, kw_only=True, rename="camel"):
    """One listing of a company's stock (in ``GET /trsrv/stocks``).

    Attributes:
        conid: IBKR's id of the contract.
        exchange: listing exchange, such as ``NASDAQ``.
        is_us: whether the exchange is in the United States.
    """

    conid: Maybe[int] = UNSET
    exchange: Maybe[str] = UNSET
    is_us: Maybe[bool] = msgspec.field(default=UNSET, name="isUS")


class StockCompany(Model, frozen=True, kw_only=True, rename="camel"):
    """A company whose stock has the requested symbol (in ``GET /trsrv/stocks``).

    Attributes:
        name: name of the company.
        asset_class: ``STK``.
        contracts: listings of its stock.
    """

    name: Maybe[str] = UNSET
    asset_class: Maybe[str] = UNSET
    contracts: Maybe[list[StockListing]] = UNSET


class ContractDefinition(Model, frozen=True, kw_only=True, rename="camel"):
    """A contract's definition (in ``GET /trsrv/secdef``).

    Attributes:
        conid: IBKR's id of the contract.
        currency: trading currency, such as ``USD``.
        name: name of the company.
        ticker: the symbol.
        asset_class: such as ``STK``.
        listing_exchange: exchange where it is listed.
    """

    conid: Maybe[int] = UNSET
    currency: Maybe[str] = UNSET
    name: Maybe[str] = UNSET
    ticker: Maybe[str] = UNSET
    asset_class: Maybe[str] = UNSET
    listing_exchange: Maybe[str] = UNSET


class ContractDefinitions(Model, frozen=True, kw_only=True):
    """Response of ``GET /trsrv/secdef``.

    Attributes:
        secdef: one definition for each requested contract.
    """

    secdef: Maybe[list[ContractDefinition]] = UNSET


class Listing(Model, frozen=True, kw_only=True):
    """A stock's listing on one exchange.

    Attributes:
        conid: IBKR's id of the contract.
        symbol: the symbol in IBKR's spelling.
        exchange: listing exchange; empty if unknown.
        name: name of the company; empty if unknown.
        is_us: whether the exchange is in the United States.
        currency: trading currency; None if it was not requested.
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
