"""Checks an order's prices and quantity against the rules of its contract."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

from ...errors import InvalidRequest
from ..contracts.increments import Rounding
from ..contracts.rules import TradingRules
from .numbers import check_sign, plain
from .orders import Order, OrderTerms

# Key: type of an order. Value: its name in the contract's list of types that allow fractions.
_FRACTION_NAMES: Final = {
    "MKT": "market",
    "LMT": "limit",
    "STP": "stop",
    "STOP_LIMIT": "stop_limit",
    "MIT": "mit",
    "LIT": "lit",
    "TRAIL": "trailing_stop",
    "TRAILLMT": "trailing_stop_limit",
}
_CHECKED: Final[tuple[Literal["limit", "stop", "trail"], ...]] = ("limit", "stop", "trail")


def fitted(order: Order, rules: TradingRules, rounding: Rounding | None) -> Order:
    """Return an order whose prices and quantity the contract allows.

    Args:
        order: the order.
        rules: the contract's rules.
        rounding: where to round prices that the contract does not allow; None to refuse them.

    Raises:
        InvalidRequest: a price or the quantity is between two allowed ones; the error names them.
    """
    changes: OrderTerms = {}
    increments = rules.price_increments
    for name in _CHECKED:
        price: Decimal | None = getattr(order, name)
        if price is None or increments.allows(price):
            continue
        down, up = (increments.round(price, to) for to in ("down", "up"))
        if rounding is not None:
            rounded = increments.round(price, rounding)
            if name != "trail" or rounded:
                changes[name] = rounded
                continue
        raise InvalidRequest(
            f"{name} {plain(price)} is not a price that the contract allows; the nearest are "
            f"{plain(down)} and {plain(up)}. Pass one of them, or round_prices='down', 'up' or "
            "'nearest'"
        )
    _check_size(order, rules)
    fits = order.replace(**changes) if changes else order
    for name in ("limit", "stop"):
        check_sign(name, getattr(fits, name), negative=rules.negative_prices)
    return fits


def _check_size(order: Order, rules: TradingRules) -> None:
    """Check that the contract allows the quantity, if the quantity is not whole.

    Whole quantities are not checked: the size increment of many US stocks is 100, and IBKR accepts
    an order for one share.
    """
    size, step = order.quantity, rules.size_increment
    if size is None or step is None or size == size.to_integral_value():
        return
    if _FRACTION_NAMES.get(order.order_type) in rules.fraction_types:
        return
    if step < 1 and not size % step:
        return
    step = min(step, Decimal(1))
    down = size - size % step
    nearest = f"{plain(down)} and {plain(down + step)}" if down else plain(step)
    raise InvalidRequest(
        f"quantity {plain(size)} is not a multiple of {plain(step)}, and this contract does not "
        f"allow fractions of it for {order.row.name} orders; the nearest allowed: {nearest}"
    )
