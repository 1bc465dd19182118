"""Topic ``str``: executions (trades) of the session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import force_setattr

from ....models._base import peek
from ....models.stream import TradeUpdate
from ...decoding.drift import Report
from ..arguments import days as checked_days
from ..merging import merge_fields
from ..news import has_news
from ..reading import read_model, rows_in, time_or_none
from ..topic import Arguments, Frame, Merging, SubscriptionRequest, Topic

_DERIVED: Final = {"trade_time_r": "time", "trade_time": "time"}


def request(days: int = 1, *, realtime_only: bool = False) -> SubscriptionRequest:
    """Return a request to subscribe to executions.

    Raises:
        InvalidRequest: `days` is not a whole number from 1 to 7.
    """
    arguments = {"realtimeUpdatesOnly": bool(realtime_only), "days": checked_days(days)}
    return SubscriptionRequest("tr", arguments)


def _merge(_: str, asked: Sequence[Arguments]) -> Arguments:
    return {
        "realtimeUpdatesOnly": all(each["realtimeUpdatesOnly"] for each in asked),
        "days": max(each["days"] for each in asked),
    }


def trade_from(row: Frame, report: Report) -> TradeUpdate:
    """Convert a row about an execution to a message."""
    trade = read_model(row, TradeUpdate, "str", report)
    when = time_or_none(row.get("trade_time_r")) or time_or_none(row.get("trade_time"))
    force_setattr(trade, "time", when)
    return trade


def _complete(known: TradeUpdate | None, update: TradeUpdate) -> TradeUpdate:
    return merge_fields(known, update, _DERIVED)


TRADES: Final = Topic(
    name="str",
    messages=(TradeUpdate,),
    parse=rows_in("args", lambda _, row, report: trade_from(row, report)),
    key="tr",
    merge=_merge,
    unsubscribe=lambda _: "utr",
    confirms=lambda _: ("tr",),
    merging=Merging(
        subject=lambda message: peek(message, "execution_id"), complete=_complete, news=has_news
    ),
    about_orders=True,
)
