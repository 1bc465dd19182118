"""`Listing`: a listing of a stock at an exchange, found by a lookup of the symbol."""

from __future__ import annotations

from ._base import Model

__all__ = ["Listing"]


class Listing(Model, frozen=True, kw_only=True):
    """Listing of a stock at one exchange.

    Attributes:
        conid: IBKR's id of the contract.
        symbol: the symbol in IBKR's spelling, such as ``BRK B``.
        exchange: exchange that lists the stock.
        name: name of the company.
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
