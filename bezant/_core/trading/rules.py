"""Checks an order's prices and quantity against the steps that its contract allows."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

from ..._wire.record import Record
from ...errors import InvalidRequest
from ...models._base import peek
from ...models.contracts import ContractRules
from ..contracts.increments import PriceIncrements, Rounding
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


class TradingRules(Record, frozen=True):
    """Steps of prices and quantities that a contract allows.

    Attributes:
        increments: steps of the price; None if IBKR names none.
        size_increment: step of the quantity; None if IBKR names none.
        fractions: types of orders that allow fractions of a unit.
        negative: whether the contract may have prices of 0 and below.
    """

    increments: PriceIncrements | None
    size_increment: Decimal | None
    fractions: frozenset[str] = frozenset()
    negative: bool = False


def rules_of(response: ContractRules) -> TradingRules:
    """Return the rules in the response of ``/iserver/contract/rules``."""
    pairs: list[tuple[Decimal, Decimal]] = []
    for each in response.increment_rules or ():
        edge, step = peek(each, "lower_edge"), peek(each, "increment")
        if edge is not None and step is not None and step > 0:
            pairs.append((edge, step))
    single = peek(response, "increment")
    if not pairs and single is not None and single > 0:
        pairs.append((Decimal(0), single))
    size = response.size_increment
    return TradingRules(
        PriceIncrements(pairs) if pairs else None,
        size if size is not None and size > 0 else None,
        frozenset(response.fraq_types or ()),
        response.negative_capable is True,
    )


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
    if rules.increments is not None:
        for name in _CHECKED:
            price: Decimal | None = getattr(order, name)
            if price is None or rules.increments.allows(price):
                continue
            down, up = (rules.increments.round(price, to) for to in ("down", "up"))
            if rounding is not None:
                rounded = rules.increments.round(price, rounding)
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
        check_sign(name, getattr(fits, name), negative=rules.negative)
    return fits


def _check_size(order: Order, rules: TradingRules) -> None:
    size, step = order.quantity, rules.size_increment
    if size is None or step is None or not size % step:
        return
    if _FRACTION_NAMES.get(order.order_type) in rules.fractions:
        return
    down = size - size % step
    nearest = f"{plain(down)} and {plain(down + step)}" if down else plain(step)
    raise InvalidRequest(
        f"quantity {plain(size)} is not a multiple of {plain(step)}, the step of this contract for "
        f"{order.row.name} orders; the nearest allowed: {nearest}"
    )
