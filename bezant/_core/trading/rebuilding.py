"""Reads an order back from its status, so that it can be changed."""

from __future__ import annotations

from typing import Any, Final

from ..._wire.terms import is_order_type, is_time_in_force
from ...errors import InvalidRequest
from ...models._base import peek
from ...models.orders import OrderStatus
from .order_types import TYPES
from .orders import Buy, Order, Sell
from .trade_state import report_of

_SIDES: Final[dict[object, type[Order]]] = {"BUY": Buy, "SELL": Sell}


def order_in(status: OrderStatus) -> Order:
    """Return the order that a status describes.

    Raises:
        InvalidRequest: the status does not have all terms of the order, such as the distance of a
            trailing stop.
    """
    kind: str = peek(status, "order_type") or ""
    time: str = peek(status, "time_in_force") or ""
    side = _SIDES.get(peek(status, "side"))
    quantity, conid = report_of(status).quantity, peek(status, "conid")
    combined = ";" in (status.conid_ex or "")
    if (
        side is None
        or not is_order_type(kind)
        or not is_time_in_force(time)
        or TYPES[kind].trails
        or not quantity
        or not conid
        or combined
    ):
        raise InvalidRequest(
            f"order {peek(status, 'order_id')} cannot be changed here, because IBKR's status does "
            "not show all its terms; change it in the program that placed it, or cancel it"
        )
    row = TYPES[kind]
    terms: dict[str, Any] = {}
    limit = status.limit_price or (status.price if row.limit == "price" else None)
    stop = status.stop_price or (status.price if row.stop == "price" else None)
    if row.limit and limit is not None:
        terms["limit"] = limit
    if row.stop and stop is not None:
        terms["stop"] = stop
    return side(
        conid,
        quantity,
        order_type=kind,
        time_in_force=time,
        outside_rth=bool(status.outside_rth) and row.outside_rth,
        all_or_none=bool(status.all_or_none),
        **terms,
    )
