"""Accounting of the simulated account: positions at average cost, cash, profit and loss."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from .orders import ZERO

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .catalogue import Contract
    from .orders import Execution

BASE = "USD"
RATES: Mapping[str, Decimal] = {
    "USD": Decimal(1),
    "EUR": Decimal("1.17"),
    "GBP": Decimal("1.34"),
    "CHF": Decimal("1.25"),
    "CAD": Decimal("0.72"),
    "MXN": Decimal("0.054"),
    "JPY": Decimal("0.0064"),
}
"""Value of one unit of a currency in the base currency. Rates do not change."""

MARGIN = Decimal("0.25")
FUTURES_MARGIN = Decimal("0.1")
_ONE = Decimal(1)


def unit(contract: Contract) -> Decimal:
    """Return the multiplier of a contract; 1 if the contract has none."""
    return Decimal(str(contract.multiplier)) if contract.multiplier else _ONE


@dataclass(slots=True)
class Holding:
    """Position in one contract. All amounts are in the contract's currency.

    Attributes:
        contract: the contract.
        quantity: the quantity; negative for a short position.
        cost: total cost, including commissions; negative for a short position.
        realized: profit realised today, after commissions.
        unit: the contract's multiplier.
    """

    contract: Contract
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO
    unit: Decimal = _ONE

    @property
    def average_cost(self) -> Decimal:
        """Average cost of one unit, such as a share or an option; 0 without a position."""
        return self.cost / self.quantity if self.quantity else ZERO

    def value(self, mark: Decimal) -> Decimal:
        """Return the position's value at the price `mark`; for futures, the unrealised gain."""
        worth = self.quantity * mark * self.unit
        return worth - self.cost if self.contract.asset_class == "FUT" else worth

    def unrealized(self, mark: Decimal) -> Decimal:
        """Return the gain from closing the position at the price `mark`, before commission."""
        return self.quantity * mark * self.unit - self.cost

    def trade(self, signed: Decimal, price: Decimal, commission: Decimal) -> Decimal:
        """Add a trade to the position, and return by how much the account's cash changes.

        Args:
            signed: the quantity; negative for a sale.
            price: the price of one unit.
            commission: the commission of this trade.
        """
        against = self.quantity and (signed > 0) != (self.quantity > 0)
        size = min(abs(signed), abs(self.quantity)) if against else ZERO
        closing = size if signed > 0 else -size
        opening = signed - closing
        gain = ZERO
        if closing:
            share = size / abs(signed)
            basis = self.cost * (size / abs(self.quantity))
            gain = -closing * price * self.unit - basis - commission * share
            self.realized += gain
            self.cost -= basis
            commission_left = commission * (_ONE - share)
        else:
            commission_left = commission
        self.quantity += signed
        if not self.quantity:
            self.cost = ZERO
        if opening:
            self.cost += opening * price * self.unit + commission_left
        if self.contract.asset_class == "FUT":
            # The buyer of a future does not pay its price. Cash changes only when the position is
            # closed: by the gain, from which the commissions of both trades are subtracted.
            return gain
        return -signed * price * self.unit - commission


class Books:
    """Cash and positions of one account.

    Args:
        cash: the cash by currency.
        mark: function that returns the current price of a contract, given its conid.
    """

    def __init__(self, cash: Mapping[str, Decimal], mark: Callable[[int], Decimal]) -> None:
        self.cash: dict[str, Decimal] = dict(cash)
        self.holdings: dict[int, Holding] = {}
        self._mark = mark

    def hold(
        self, contract: Contract, quantity: Decimal, price: Decimal, realized: Decimal = ZERO
    ) -> None:
        """Add a position that the account holds from the start, without a change of cash."""
        per = unit(contract)
        self.holdings[contract.conid] = Holding(
            contract, quantity, quantity * price * per, realized, per
        )

    def apply(self, contract: Contract, execution: Execution) -> None:
        """Update the position and the cash after an execution."""
        holding = self.holdings.get(contract.conid)
        if holding is None:
            holding = self.holdings[contract.conid] = Holding(contract, unit=unit(contract))
        signed = execution.quantity if execution.side == "BUY" else -execution.quantity
        change = holding.trade(signed, execution.price, execution.commission)
        self.cash[contract.currency] = self.cash.get(contract.currency, ZERO) + change

    def settle(self, holding: Holding, price: Decimal) -> None:
        """Close a position at a price, without commission, because its contract has expired."""
        currency = holding.contract.currency
        change = holding.trade(-holding.quantity, price, ZERO)
        self.cash[currency] = self.cash.get(currency, ZERO) + change

    def new_day(self) -> None:
        """Start a new day: reset the realised profits and delete positions that are closed."""
        for conid, holding in list(self.holdings.items()):
            holding.realized = ZERO
            if not holding.quantity:
                del self.holdings[conid]

    def position(self, conid: int) -> Decimal:
        """Return the quantity held of a contract; negative for a short position."""
        holding = self.holdings.get(conid)
        return ZERO if holding is None else holding.quantity

    def mark(self, holding: Holding) -> Decimal:
        """Return the current price of a position's contract."""
        return self._mark(holding.contract.conid)

    @property
    def base_cash(self) -> Decimal:
        """The cash of all currencies, in the base currency."""
        return sum((amount * RATES[name] for name, amount in self.cash.items()), ZERO)

    def totals(self) -> Totals:
        """Return the account's cash, values and gains at current prices."""
        return self.totals_at(self._mark)

    def totals_at(self, mark: Callable[[int], Decimal]) -> Totals:
        """Return the account's cash, values and gains at given prices.

        Args:
            mark: function that returns the price of a contract, given its conid.
        """
        market = futures = margin = unrealized = realized = gross = ZERO
        for conid, holding in self.holdings.items():
            rate = RATES[holding.contract.currency]
            realized += holding.realized * rate
            if not holding.quantity:
                continue
            price = mark(conid)
            worth = holding.quantity * price * holding.unit * rate
            unrealized += worth - holding.cost * rate
            if holding.contract.asset_class == "FUT":
                futures += worth - holding.cost * rate
                margin += abs(worth) * FUTURES_MARGIN
            else:
                market += worth
                gross += abs(worth)
                margin += abs(worth) * MARGIN
        cash = self.base_cash
        return Totals(cash, market, futures, gross, margin, unrealized, realized)


@dataclass(frozen=True, slots=True)
class Totals:
    """Figures of the account, in the base currency.

    Attributes:
        cash: the cash of all currencies.
        market_value: the value of all positions except futures.
        futures: the unrealised gain of futures.
        gross: the sum of the absolute values of all positions except futures.
        margin: the margin that the positions need.
        unrealized: the unrealised gain.
        realized: the gain realised today.
    """

    cash: Decimal
    market_value: Decimal
    futures: Decimal
    gross: Decimal
    margin: Decimal
    unrealized: Decimal
    realized: Decimal

    @property
    def net_liquidation(self) -> Decimal:
        """Net liquidation value: cash plus the value of all positions."""
        return self.cash + self.market_value + self.futures

    @property
    def available(self) -> Decimal:
        """Available funds: net liquidation value minus the margin of the positions."""
        return self.net_liquidation - self.margin
