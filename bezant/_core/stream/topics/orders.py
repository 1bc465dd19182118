"""Topic ``sor``: orders of the session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from ....models._base import peek
from ....models.stream import OrderUpdate
from ...decoding.drift import Report
from ..arguments import days as checked_days
from ..arguments import merge_names, names
from ..merging import merge_fields, replace_fields
from ..reading import read_model, rows_in
from ..topic import Arguments, Frame, Merging, SubscriptionRequest, Topic


def request(
    statuses: Iterable[str] | None = None, days: int | None = None, *, realtime_only: bool = False
) -> SubscriptionRequest:
    """Return a request to subscribe to orders: to all orders if no arguments are given.

    Raises:
        InvalidRequest: `statuses` is not a list of names, or `days` is not a whole number from 1 to
            7.
    """
    arguments: dict[str, Any] = {}
    if statuses is not None:
        arguments["filters"] = names("statuses", statuses)
    if days is not None:
        arguments["days"] = checked_days(days)
    if realtime_only:
        arguments["realtimeUpdatesOnly"] = True
    return SubscriptionRequest("or", arguments)


def _merge(_: str, asked: Sequence[Arguments]) -> Arguments:
    merged = merge_names(asked, "filters")
    if any("days" in each for each in asked):
        merged["days"] = max(each.get("days", 1) for each in asked)
    if all("realtimeUpdatesOnly" in each for each in asked):
        merged["realtimeUpdatesOnly"] = True
    return merged


def order_from(row: Frame, report: Report) -> OrderUpdate:
    """Convert a row about an order to a message."""
    return read_model(row, OrderUpdate, "sor", report)


def is_whole(row: Frame) -> bool:
    """Return whether a row describes its order completely, and not only what has changed.

    A field that such a row lacks has no value.
    """
    return "status" in row and "conid" in row


def _complete(known: OrderUpdate | None, update: OrderUpdate) -> OrderUpdate:
    complete = replace_fields if is_whole(dict(update.raw)) else merge_fields
    return complete(known, update)


ORDERS: Final = Topic(
    name="sor",
    messages=(OrderUpdate,),
    parse=rows_in("args", lambda _, row, report: order_from(row, report)),
    key="or",
    merge=_merge,
    confirms=lambda _: ("or",),
    merging=Merging(subject=lambda message: peek(message, "order_id"), complete=_complete),
    about_orders=True,
)
