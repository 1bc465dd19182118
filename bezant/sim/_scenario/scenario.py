"""Scenario: the positions, cash, prices and orders that a simulated gateway starts with."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Literal

from .._market.order_types import ORDER_TYPES
from .._market.orders import OrderSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._market.catalogue import Catalogue, Contract
    from .._market.orders import Side, Tif
    from .._market.prices import Hours

Amount = Decimal | int | float | str
"""A number. A float is converted by its decimal text, so that 0.1 is exactly one tenth."""


def exact(amount: Amount) -> Decimal:
    """Convert a number to a `Decimal`. A float such as 0.1 becomes exactly 0.1.

    Raises:
        ValueError: `amount` is not a finite number.
    """
    try:
        number = Decimal(str(amount))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        msg = f"an amount must be a finite number such as 100 or '1.5', not {amount!r}"
        raise ValueError(msg)
    return number


@dataclass(frozen=True, slots=True)
class Held:
    """A position that the account holds at the start of the simulation.

    Attributes:
        contract: symbol of a stock, or conid.
        quantity: the quantity; negative for a short position.
        average_price: average cost of one unit; None for the contract's price at the start.
        realized: profit already realised in this contract today.
    """

    contract: str | int
    quantity: Amount
    average_price: Amount | None = None
    realized: Amount = 0


# Order types that a scenario can contain, each with the names of the prices that it needs.
STARTING: Mapping[str, tuple[str, ...]] = {
    kind: tuple(name for name in ("limit", "stop") if getattr(row, name))
    for kind, row in ORDER_TYPES.items()
    if row.needs_price and not row.trails and not row.at_close
}


@dataclass(frozen=True, slots=True)
class Working:
    """An order that is working at the start of the simulation.

    Attributes:
        contract: symbol of a stock, or conid.
        side: `BUY` or `SELL`.
        quantity: the quantity of the order.
        limit: limit price of `LMT` and `STOP_LIMIT`.
        stop: stop price of `STP` and `STOP_LIMIT`.
        kind: `LMT`, `MKT`, `STP` or `STOP_LIMIT`.
        tif: `GTC`, `DAY` or `IOC`.
        client_id: the client's order id (`cOID`).
    """

    contract: str | int
    side: Side
    quantity: Amount
    limit: Amount | None = None
    stop: Amount | None = None
    kind: Literal["LMT", "MKT", "STP", "STOP_LIMIT"] = "LMT"
    tif: Tif = "GTC"
    client_id: str = ""

    def spec(self, conid: int) -> OrderSpec:
        """Return the order in the form in which the simulated exchange accepts it.

        Args:
            conid: conid of the order's contract.

        Raises:
            ValueError: the quantity is not above 0, or the prices do not fit the order's type.
        """
        wanted = STARTING.get(self.kind)
        if wanted is None:
            msg = f"the order {self!r} needs a kind that is one of {', '.join(STARTING)}"
            raise ValueError(msg)
        given = tuple(name for name in ("limit", "stop") if getattr(self, name) is not None)
        if exact(self.quantity) <= 0 or given != wanted:
            msg = (
                f"the order {self!r} needs a quantity above 0, "
                f"and of prices for {self.kind}: {' and '.join(wanted) or 'none'}"
            )
            raise ValueError(msg)
        return OrderSpec(
            conid=conid,
            side=self.side,
            kind=self.kind,
            quantity=exact(self.quantity),
            limit=None if self.limit is None else exact(self.limit),
            stop=None if self.stop is None else exact(self.stop),
            tif=self.tif,
            client_id=self.client_id,
        )


def _some_cash() -> Mapping[str, Amount]:
    return {"USD": Decimal("971869.6"), "EUR": Decimal(12500)}


def _no_prices() -> Mapping[str | int, Amount]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Initial state of a simulated gateway, and the rules of its exchange.

    Attributes:
        contracts: contracts in addition to the built-in ones.
        held: the positions. If None, random positions are drawn from the gateway's seed, as many as
            the gateway's argument `positions` says: none by default.
        cash: cash by currency: USD, EUR, GBP, CHF, CAD, MXN, JPY.
        prices: prices at the start, by symbol or conid. Other contracts start at the price that
            they have by default.
        orders: the working orders.
        demo_orders: whether there are two more orders that change from time to time, so that a
            stream of orders has updates: one is filled share by share, and the limit price of the
            other changes. An account with too little margin for them starts without them.
        hours: `always`, or `regular` for the sessions of US stocks: 09:30 to 16:00 in New York,
            without weekends and holidays. Outside these hours prices do not change.
        commissions: whether executions cost a commission.
        cancel_delay: how long a cancellation takes, in simulated seconds.
        price_limit: difference between an order's limit price and the last price, in percent of the
            last price, above which the gateway asks the confirmation question `o163`.
        size_limit: quantity above which the gateway asks the confirmation question `o383`.
        value_limit: value of an order, in the base currency, above which the gateway asks the
            confirmation question `o451`.
        without_data: symbols or conids of contracts without market data. They have no quotes, and
            the gateway asks the confirmation question `o354` about their orders.
    """

    contracts: Sequence[Contract] = ()
    held: Sequence[Held] | None = None
    cash: Mapping[str, Amount] = field(default_factory=_some_cash)
    prices: Mapping[str | int, Amount] = field(default_factory=_no_prices)
    orders: Sequence[Working] = ()
    demo_orders: bool = False
    hours: Hours = "always"
    commissions: bool = True
    cancel_delay: float = 0.25
    price_limit: Amount = 3
    size_limit: Amount = 10_000
    value_limit: Amount = 1_000_000
    without_data: frozenset[str | int] = frozenset()


def seeded(contracts: Sequence[Contract], seed: int) -> list[Held]:
    """Return a random position in each contract; the same seed gives the same positions."""
    rng = random.Random(f"{seed}/positions")
    # The last position has the quantity 0. IBKR still lists positions that were closed today.
    last = len(contracts) - 1 if len(contracts) > 1 else -1
    held: list[Held] = []
    for index, contract in enumerate(contracts):
        derivative = contract.asset_class != "STK"
        size = rng.choice((-5, -2, 1, 3, 10, 20)) if derivative else rng.randrange(1, 900)
        price = round(contract.price * rng.uniform(0.8, 1.15), 4)
        if index == last:
            held.append(Held(contract.conid, 0, price, round(rng.uniform(-500, 500), 2)))
        else:
            held.append(Held(contract.conid, size, price))
    return held


def find(catalogue: Catalogue, contract: str | int) -> int:
    """Return the conid of a contract, given its symbol or conid.

    Raises:
        ValueError: the contract does not exist.
    """
    conid = contract if isinstance(contract, int) else catalogue.primary(contract)
    if conid is None or conid not in catalogue.contracts:
        msg = (
            f"the simulated gateway has no contract {contract!r}: give a stock's symbol or a conid"
        )
        raise ValueError(msg)
    return conid
