"""Executions: ``str``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ....models.stream import TradeUpdate
from ...decoding.drift import Report
from ..arguments import days as checked_days
from ..news import has_news
from ..reading import read_model, rows_in, time_or_none
from ..topic import Arguments, Frame, SubscriptionRequest, Topic

# How many executions are remembered, to complete them and to leave out repetitions.
MAX_EXECUTIONS: Final = 5_000


def request(days: int = 1, *, realtime_only: bool = False) -> SubscriptionRequest:
    """Return a request for executions.

    Raises:
        InvalidRequest: the days are not a number from 1 to 7.
    """
    arguments = {"realtimeUpdatesOnly": bool(realtime_only), "days": checked_days(days)}
    return SubscriptionRequest("tr", arguments)


def _merge(_: str, asked: Sequence[Arguments]) -> Arguments:
    return {
        "realtimeUpdatesOnly": all(each["realtimeUpdatesOnly"] for each in asked),
        "days": max(each["days"] for each in asked),
    }


def trade_from(row: Frame, report: Report) -> TradeUpdate:
    """Return a row about an execution as a message."""
    trade = read_model(row, TradeUpdate, "str", report)
    when = time_or_none(row.get("trade_time_r")) or time_or_none(row.get("trade_time"))
    return msgspec.structs.replace(trade, time=when)


class TradeStore:
    """Executions by id, each complete."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._rows: dict[str, dict[str, Any]] = {}

    def restart(self) -> None:
        """Forget all: a new subscription delivers executions again."""
        self._rows.clear()

    def update(self, message: TradeUpdate) -> TradeUpdate | None:
        """Return the execution completed by earlier messages; None if nothing is new."""
        key = message.execution_id
        if not isinstance(key, str):
            return message
        row = dict(message.raw)
        known = self._rows.pop(key, None)
        if known is None:
            if len(self._rows) >= MAX_EXECUTIONS:
                del self._rows[next(iter(self._rows))]
            self._rows[key] = row
            return message
        complete = self._rows[key] = {**known, **row}
        if not has_news(known, row):
            return None
        return msgspec.structs.replace(trade_from(complete, self._report), raw=row)


TRADES: Final = Topic(
    name="str",
    messages=(TradeUpdate,),
    parse=rows_in("args", lambda _, row, report: trade_from(row, report)),
    key="tr",
    merge=_merge,
    unsubscribe=lambda _: "utr",
    confirms=lambda _: ("tr",),
    store=TradeStore,
    about_orders=True,
)
