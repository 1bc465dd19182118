"""Commissions and margins of the simulated exchange."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from .books import FUTURES_MARGIN, MARGIN, RATES, unit
from .orders import ZERO
from .prices import CENT

if TYPE_CHECKING:
    from .catalogue import Contract
    from .orders import OrderSpec

# Key: the asset class. Value: the commission per unit, and the minimum commission per order.
_COMMISSIONS = {
    "STK": (Decimal("0.005"), Decimal(1)),
    "OPT": (Decimal("0.65"), Decimal(1)),
    "FUT": (Decimal("2.25"), ZERO),
}


def commission(contract: Contract, quantity: Decimal) -> Decimal:
    """Return the commission for trading a quantity of a contract, in the contract's currency."""
    if not quantity:
        return ZERO
    each, least = _COMMISSIONS[contract.asset_class]
    return max(least, each * quantity).quantize(CENT, ROUND_HALF_UP)


def margin(contract: Contract, spec: OrderSpec, held: Decimal, price: Decimal) -> Decimal:
    """Return an order's margin, in the base currency; 0 if the order only closes a position.

    Args:
        contract: the contract.
        spec: the order.
        held: position in the contract; negative for a short position.
        price: price at which the order is valued.
    """
    along = held if spec.side == "BUY" else -held
    # An order against the position first closes it. This frees as much margin as opening the same
    # quantity needs, so the order needs margin only beyond twice the position.
    opened = spec.quantity + 2 * min(along, ZERO)
    if opened <= 0:
        return ZERO
    worth = opened * price * unit(contract) * RATES[contract.currency]
    if contract.asset_class == "FUT":
        return worth * FUTURES_MARGIN
    bought = contract.asset_class == "OPT" and spec.side == "BUY"
    return worth if bought else worth * MARGIN
