"""Trailing stops: the stop price follows the market, down for buy orders, up for sell orders."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from .prices import CENT

if TYPE_CHECKING:
    from .orders import OrderSpec

_ONE = Decimal(1)
_ZERO = Decimal(0)


def follow(spec: OrderSpec, last: Decimal) -> OrderSpec:
    """Return the order with the stop price moved after the market, and with it a limit price.

    If the stop price does not move, the result is `spec` itself.

    Args:
        spec: the order.
        last: the last price in the market.
    """
    trail = spec.trail or _ZERO
    distance = last * trail / 100 if spec.percent else trail
    wanted = last + distance if spec.side == "BUY" else last - distance
    wanted = max(CENT, wanted.quantize(CENT, ROUND_HALF_UP))
    old = spec.stop
    if old is not None and (wanted >= old if spec.side == "BUY" else wanted <= old):
        return spec
    limit = spec.limit
    if limit is not None and old is not None:
        limit = max(CENT, limit + wanted - old)
    return replace(spec, stop=wanted, limit=limit)


def still_between(spec: OrderSpec) -> tuple[Decimal, Decimal] | None:
    """Return the range of market prices in which a trailing stop neither moves nor triggers.

    The result is None if the order has no stop price yet.
    """
    stop, trail = spec.stop, spec.trail or _ZERO
    if stop is None:
        return None
    if spec.side == "BUY":
        return (stop / (_ONE + trail / 100) if spec.percent else stop - trail), stop
    return stop, (stop / (_ONE - trail / 100) if spec.percent else stop + trail)
