"""Lists of orders and executions, which may be empty although there are some.

The first call of a session only starts such a list: ``{"orders": [], "snapshot": false}``, or
``[]`` for executions. ``snapshot`` alone says little: it has been seen false beside orders, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from ..models.orders import LiveOrder, LiveOrders


def may_be_more(answer: object) -> bool:
    """Say whether a list is empty that the gateway does not call complete."""
    if isinstance(answer, list):
        return not answer
    orders = cast("LiveOrders", answer)
    return not orders.orders and orders.snapshot is not True


def brings_nothing(values: Mapping[str, object]) -> bool:
    """Say whether a call is one that brings nothing by its arguments: it drops the list."""
    return values.get("force") is True


def is_open(order: LiveOrder) -> bool:
    """Say whether an order is neither filled nor cancelled nor refused."""
    from .stream.books import is_working  # what an order's list is asked for without

    return is_working({"status": order.status})
