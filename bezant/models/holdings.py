"""`Holdings` of an account: positions and cash with their values in the base currency."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Context, Decimal
from functools import reduce
from typing import Final, Literal

from ..errors import IncompleteHoldings
from ._base import Portable, pairs

__all__ = ["Holding", "HoldingKind", "Holdings", "RateSource"]

HoldingKind = Literal["position", "cash", "accrued"]
RateSource = Literal["base currency", "ledger", "exchange rate"]

# Products and sums keep all digits, whatever the decimal context of the program.
EXACT: Final = Context(prec=100)
_SHOWN: Final = 5


class Holding(Portable, frozen=True, kw_only=True):
    """Row of `Holdings`: a position, the cash in one currency, or accrued interest or dividends.

    If the row has no correct value in the base currency, ``base_value`` is None and ``problem``
    says why. Money is in ``currency``, except ``base_value``.

    Attributes:
        kind: ``"position"``, ``"cash"``, or ``"accrued"`` for interest and dividends that are not
            paid yet.
        description: short description of the contract; ``cash``, ``accrued interest`` or
            ``accrued dividends``.
        currency: currency of the price and the values; None if IBKR reports none.
        quantity: number of units held, negative for a short position; for cash, the amount.
        price: market price of one unit; None for cash.
        market_value: market value as IBKR reports it, multiplier included. For a future, it is the
            exposure, not what the position is worth.
        value: what the row adds to the value of the account; None if that is unknown.
        rate: value of one unit of ``currency`` in the base currency; None if that is unknown.
        rate_source: where ``rate`` comes from: ``"base currency"`` (the rate is 1), ``"ledger"``,
            or ``"exchange rate"`` for ``GET /iserver/exchangerate``.
        base_value: ``value`` in the base currency; None if there is a ``problem``.
        problem: why ``base_value`` is None; None if there is no problem.
        conid: IBKR's id of the contract; None for cash.
        symbol: symbol of the contract; None for cash.
        asset_class: kind of contract, such as ``STK``, ``OPT``, ``FUT``; None for cash.
        model: name of the model portfolio that the position belongs to; None if it belongs to none.
    """

    kind: HoldingKind
    description: str
    currency: str | None
    quantity: Decimal | None
    price: Decimal | None = None
    market_value: Decimal | None
    value: Decimal | None
    rate: Decimal | None = None
    rate_source: RateSource | None = None
    base_value: Decimal | None = None
    problem: str | None = None
    conid: int | None = None
    symbol: str | None = None
    asset_class: str | None = None
    model: str | None = None

    def __repr__(self) -> str:
        shown = ", ".join([f"{name}={value!r}" for name, value in pairs(self)])
        return f"Holding({shown})"


class Holdings(Portable, frozen=True, kw_only=True):
    """Positions and cash of an account, with their values in the account's base currency.

    The ``total`` is the sum of the rows' ``base_value``. If a row has a ``problem``, such as a
    missing price or exchange rate, the sum would be wrong, so reading ``total`` raises
    `IncompleteHoldings`.

    Attributes:
        account_id: id of the account, such as ``DU123456``.
        base_currency: the account's base currency, such as ``USD``.
        rows: the positions, then cash and accrued amounts in each currency.
        net_liquidation: IBKR's own total of the account in the base currency, from the ledger; None
            if the ledger has none.
        time: time of the ledger; in UTC.
    """

    account_id: str
    base_currency: str
    rows: tuple[Holding, ...]
    net_liquidation: Decimal | None = None
    time: datetime | None = None

    @property
    def positions(self) -> tuple[Holding, ...]:
        """The rows of positions."""
        return self._of("position")

    @property
    def cash(self) -> tuple[Holding, ...]:
        """The rows of cash, one for each currency."""
        return self._of("cash")

    @property
    def problems(self) -> tuple[Holding, ...]:
        """The rows without a correct value in the base currency."""
        return tuple(row for row in self.rows if row.problem is not None)

    @property
    def total(self) -> Decimal:
        """Value of all rows in the base currency.

        Raises:
            IncompleteHoldings: a row has a problem, so the total would be wrong.
        """
        return self._total(self.rows)

    @property
    def positions_total(self) -> Decimal:
        """Value of all positions in the base currency.

        Raises:
            IncompleteHoldings: a position has a problem, so the total would be wrong.
        """
        return self._total(self.positions)

    @property
    def cash_total(self) -> Decimal:
        """Cash of all currencies in the base currency, without accrued amounts.

        Raises:
            IncompleteHoldings: the cash in a currency has a problem, so the total would be wrong.
        """
        return self._total(self.cash)

    @property
    def known_total(self) -> Decimal:
        """Value of the rows without a problem, in the base currency; leaves out ``problems``."""
        return _sum(self.rows)

    @property
    def difference(self) -> Decimal | None:
        """``net_liquidation`` minus ``known_total``; None if there is no ``net_liquidation``.

        A small difference comes from prices that changed between the requests. A large difference
        means that the rows do not tell the whole value of the account.
        """
        if self.net_liquidation is None:
            return None
        return EXACT.subtract(self.net_liquidation, self.known_total)

    def _of(self, kind: HoldingKind) -> tuple[Holding, ...]:
        return tuple(row for row in self.rows if row.kind == kind)

    def _total(self, rows: tuple[Holding, ...]) -> Decimal:
        lacking = [row for row in rows if row.problem is not None]
        if lacking:
            named = "; ".join(f"{row.description}: {row.problem}" for row in lacking[:_SHOWN])
            more = f"; and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
            raise IncompleteHoldings(
                f"the total would be wrong, because {len(lacking)} of {len(rows)} rows have no "
                f"known value in {self.base_currency} ({named}{more}); use net_liquidation, which "
                "is IBKR's own total of the account, or known_total, which leaves out these rows",
                problems=tuple(lacking),
            )
        return _sum(rows)


def _sum(rows: Iterable[Holding]) -> Decimal:
    values = [row.base_value for row in rows if row.base_value is not None]
    return reduce(EXACT.add, values, Decimal(0))
