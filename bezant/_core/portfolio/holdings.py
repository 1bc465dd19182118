"""Values an account's positions and cash in its base currency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ...errors import IncompleteList
from ...models._base import peek
from ...models.holdings import EXACT, Holding, HoldingKind, Holdings, RateSource
from ..operations.portfolio import GET_PAGINATED_POSITIONS

if TYPE_CHECKING:
    from ...models._positions import Position
    from ...models.portfolio import LedgerRow

# Key of the ledger's row with the sum of all currencies. It must not be added to the other rows.
_SUM: Final = "BASE"
# A list of several pages is read until two reads in a row list the same positions.
READS: Final = 4
# Kinds of contract whose market value is what the position is worth.
_WORTH_ITS_MARKET_VALUE: Final = frozenset(
    {"STK", "OPT", "FOP", "WAR", "IOPT", "BOND", "BILL", "FUND", "CRYPTO"}
)
_WORTH_SOMETHING_ELSE: Final[Mapping[str, str]] = {
    "FUT": "the market value of a future is its exposure, and IBKR settles its gains in cash",
    "CFD": "the market value of a CFD is its exposure, not what the position is worth",
    "CASH": "IBKR may list this amount as cash, too",
}
_CENT: Final = Decimal("0.01")


def listed(positions: Iterable[Position]) -> frozenset[tuple[object, ...]]:
    """Return which positions a list has, whatever their sizes."""
    names = ("account_id", "model", "conid")
    return frozenset(tuple(peek(row, name) for name in names) for row in positions)


def still_changing(account_id: str) -> IncompleteList:
    """Return the error for a list of positions that was different in each read."""
    return IncompleteList(
        f"the list of positions of {account_id} has several pages and changed while it was read, "
        "so that a position may be missing from it; call holdings again when fewer positions are "
        "opened and closed",
        operation=GET_PAGINATED_POSITIONS.operation.name,
    )


class Valuation:
    """Values the positions and the ledger of an account in its base currency.

    Args:
        account_id: id of the account.
        base_currency: the account's base currency.
        positions: all positions of the account.
        ledger: the rows of the account's ledger, by currency.

    Raises:
        IncompleteList: the ledger has stocks or options, but there are no positions in their
            currency.
    """

    def __init__(
        self,
        account_id: str,
        base_currency: str,
        positions: Iterable[Position],
        ledger: Mapping[str, LedgerRow],
    ) -> None:
        self._account_id = account_id
        self._base = base_currency
        # The gateway lists positions with the quantity 0 after they were closed.
        self._positions = [row for row in positions if not _is_closed(row)]
        self._sum = ledger.get(_SUM)
        self._ledger = {name: row for name, row in ledger.items() if name != _SUM}
        self._check_positions()
        self._rates: dict[str, tuple[Decimal, RateSource]] = {}
        self._reasons: dict[str, str] = {}
        self._contradiction: str | None = None
        self._read_rates()
        self._twice = _with_and_without_model(self._positions)

    def _check_positions(self) -> None:
        held = {peek(row, "currency") for row in self._positions}
        for currency, row in self._ledger.items():
            stocks, options = peek(row, "stock_market_value"), row.stock_option_market_value
            if held.isdisjoint({currency, None}) and (stocks or options):
                raise IncompleteList(
                    f"the ledger of {self._account_id} has stocks or options worth "
                    f"{stocks or options} {currency}, but the list of positions has none in "
                    f"{currency}; call holdings again in a few seconds",
                    operation=GET_PAGINATED_POSITIONS.operation.name,
                )

    def _read_rates(self) -> None:
        for currency, row in self._ledger.items():
            rate = _usable(peek(row, "exchange_rate"))
            if currency == self._base and rate not in (None, 1):
                self._contradiction = (
                    f"the account's base currency is {currency}, but its rate in the ledger is "
                    f"{rate} and not 1"
                )
            if rate is not None:
                self._rates[currency] = (rate, "ledger")
        self._rates[self._base] = (Decimal(1), "base currency")

    def missing_rates(self) -> list[str]:
        """Return the currencies whose exchange rate is needed, but not in the ledger."""
        if self._contradiction is not None:
            return []
        needed = {
            row.currency
            for row in self.holdings().rows
            if row.currency is not None and row.value and row.currency not in self._rates
        }
        return sorted(needed)

    def add_rate(self, currency: str, rate: Decimal | None) -> None:
        """Add a currency's exchange rate to the base currency; None if the response has none."""
        usable = _usable(rate)
        if usable is not None:
            self._rates[currency] = (usable, "exchange rate")
        else:
            shown = "no rate" if rate is None else f"the rate {rate}"
            self.has_no_rate(currency, f"GET /iserver/exchangerate returned {shown}")

    def has_no_rate(self, currency: str, reason: str) -> None:
        """Record why there is no exchange rate for a currency."""
        self._reasons[currency] = reason

    def holdings(self) -> Holdings:
        """Return the positions, cash and accrued amounts with their values."""
        rows = [self._position(row) for row in self._positions]
        for currency, row in self._ledger.items():
            rows.append(self._money("cash", "cash", currency, peek(row, "cash_balance")))
            for name, amount in (("interest", peek(row, "interest")), ("dividends", row.dividends)):
                if amount or (amount is None and name == "interest"):
                    rows.append(self._money("accrued", f"accrued {name}", currency, amount))
        total = self._sum
        return Holdings(
            account_id=self._account_id,
            base_currency=self._base,
            rows=tuple(rows),
            net_liquidation=None if total is None else peek(total, "net_liquidation_value"),
            time=None if total is None else total.timestamp,
        )

    def _position(self, row: Position) -> Holding:
        market_value: Decimal | None = peek(row, "market_value")
        problem = self._doubt(row)
        currency: str | None = peek(row, "currency")
        value = market_value if problem is None else None
        rate, source, base_value, problem = self._convert(currency, value, problem)
        return Holding(
            kind="position",
            description=peek(row, "description") or f"conid {peek(row, 'conid')}",
            currency=currency,
            quantity=peek(row, "quantity"),
            price=peek(row, "market_price"),
            market_value=market_value,
            value=value,
            rate=rate,
            rate_source=source,
            base_value=base_value,
            problem=problem,
            conid=peek(row, "conid"),
            symbol=row.symbol if row.has("description") or row.ticker else None,
            asset_class=peek(row, "asset_class"),
            model=row.model,
        )

    def _doubt(self, row: Position) -> str | None:
        """Return why a position's market value may not be what it is worth; None if it is."""
        kind: str | None = peek(row, "asset_class")
        quantity: Decimal | None = peek(row, "quantity")
        price: Decimal | None = peek(row, "market_price")
        value: Decimal | None = peek(row, "market_value")
        if kind not in _WORTH_ITS_MARKET_VALUE:
            return _WORTH_SOMETHING_ELSE.get(
                str(kind),
                f"bezant does not know whether a position of the kind {kind} is worth its market "
                "value",
            )
        if quantity is None:
            return "IBKR reports no quantity"
        if price is None:
            return "IBKR reports no price"
        if value is None:
            return "IBKR reports no market value"
        if price <= 0:
            return f"IBKR reports the price {price}; the position may be worthless or not priced"
        if not value and abs(EXACT.multiply(quantity, price)) >= _CENT:
            return f"IBKR reports the market value {value} at the price {price}"
        if peek(row, "conid") in self._twice:
            return "IBKR lists the contract with and without a model, perhaps counted twice"
        return None

    def _money(
        self, kind: HoldingKind, description: str, currency: str, amount: Decimal | None
    ) -> Holding:
        problem = "IBKR reports no amount" if amount is None else None
        rate, source, base_value, problem = self._convert(currency, amount, problem)
        return Holding(
            kind=kind,
            description=description,
            currency=currency,
            quantity=amount,
            market_value=amount,
            value=amount,
            rate=rate,
            rate_source=source,
            base_value=base_value,
            problem=problem,
        )

    def _convert(
        self, currency: str | None, value: Decimal | None, problem: str | None
    ) -> tuple[Decimal | None, RateSource | None, Decimal | None, str | None]:
        """Return the rate of a currency, its source, the value in base currency, the problem."""
        if currency is None:
            return None, None, None, problem or "IBKR reports no currency"
        if self._contradiction is not None:
            return None, None, None, problem or self._contradiction
        rate, source = self._rates.get(currency, (None, None))
        if problem is not None or value is None:
            return rate, source, None, problem
        if not value:  # worth nothing at any rate
            return rate, source, Decimal(0), None
        if rate is None:
            reason = self._reasons.get(currency, "the ledger has none")
            return None, None, None, f"no exchange rate from {currency} to {self._base}: {reason}"
        return rate, source, EXACT.multiply(value, rate), None


def _usable(rate: Decimal | None) -> Decimal | None:
    return rate if rate is not None and rate.is_finite() and rate > 0 else None


def _is_closed(row: Position) -> bool:
    return peek(row, "quantity") == 0 and not peek(row, "market_value")


def _with_and_without_model(positions: Iterable[Position]) -> frozenset[object]:
    """Return the conids that are listed both with and without a model portfolio."""
    models: dict[object, set[bool]] = {}
    for row in positions:
        models.setdefault(peek(row, "conid"), set()).add(row.model is None)
    return frozenset(conid for conid, kinds in models.items() if len(kinds) > 1)
