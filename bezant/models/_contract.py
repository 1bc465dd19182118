"""`Contract`: anything that you can trade, found by `client.contracts`."""

from __future__ import annotations

from decimal import Decimal

from .._wire.field_types import Date
from ._base import Model

__all__ = ["Contract"]


class Contract(Model, frozen=True, kw_only=True):
    """Contract: anything that you can trade, such as a stock, a future or an option.

    Two contracts are equal if they have the same conid. An attribute is None if IBKR did not send
    it, or if it makes no sense for this kind of contract.

    Attributes:
        conid: IBKR's id of the contract.
        symbol: the symbol; for a future or an option the symbol of its underlying.
        sec_type: kind of contract, such as ``STK`` (stock or ETF), ``FUT``, ``OPT``, ``FOP``
            (option on a future), ``CASH`` (currency pair), ``IND`` (index), ``BOND``, ``FUND`` or
            ``CRYPTO``.
        exchange: exchange that lists the contract.
        exchanges: exchanges at which you can trade the contract.
        currency: trading currency.
        name: name of the company or product.
        multiplier: number of units of the underlying in one contract.
        expiry: day on which a future or an option expires.
        last_trading_day: last day on which a future or an option trades.
        strike: strike price of an option.
        right: ``C`` for a call option, ``P`` for a put option.
        underlying_conid: IBKR's id of the underlying contract.
        trading_class: trading class, such as ``SPXW``.
        local_symbol: symbol at the exchange.
        is_us: whether the contract is listed in the United States.
        roll: the next future of the same product, if this is the result of
            `client.contracts.future`.
    """

    conid: int
    symbol: str
    sec_type: str
    exchange: str | None = None
    exchanges: tuple[str, ...] = ()
    currency: str | None = None
    name: str | None = None
    multiplier: Decimal | None = None
    expiry: Date | None = None
    last_trading_day: Date | None = None
    strike: Decimal | None = None
    right: str | None = None
    underlying_conid: int | None = None
    trading_class: str | None = None
    local_symbol: str | None = None
    is_us: bool | None = None
    roll: Contract | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Contract) and self.conid == other.conid

    def __hash__(self) -> int:
        return hash(self.conid)

    def __str__(self) -> str:
        parts = [
            self.symbol,
            self.sec_type,
            "" if self.expiry is None else self.expiry.isoformat(),
            "" if self.strike is None else f"{self.strike.normalize():f}",
            self.right,
            self.exchange,
            self.currency,
            f"conid {self.conid}",
        ]
        return " ".join(filter(None, parts)) + (f" ({self.name})" if self.name else "")
