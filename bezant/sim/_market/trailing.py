"""Trailing stops, which follow the market in one direction."""

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
    """Return an order with its stop and limit moved along with the market.

    If nothing moves, the result is the same object.
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
    """Return the prices between which a stop does not move or trigger; None without a stop."""
    stop, trail = spec.stop, spec.trail or _ZERO
    if stop is None:
        return None
    if spec.side == "BUY":
        return (stop / (_ONE + trail / 100) if spec.percent else stop - trail), stop
    return stop, (stop / (_ONE - trail / 100) if spec.percent else stop + trail)
