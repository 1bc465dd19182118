"""Builds the JSON that IBKR's API returns about trading hours."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from .._market import calendar

if TYPE_CHECKING:
    from .._market.calendar import Session
    from .._market.catalogue import Contract

_AHEAD = 31
# IBKR reports the hours of a usual week with the dates of the first seven days of the year 2000.
_FIRST_USUAL = dt.date(2000, 1, 1)
_USUAL_WEEK = dt.date(2026, 3, 7)


def _clock(when: int) -> str:
    return dt.datetime.fromtimestamp(when, calendar.ZONE).strftime("%H%M")


def _day(date: dt.date, session: Session | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "clearingCycleEndTime": "0000",
        "tradingScheduleDate": date.strftime("%Y%m%d"),
        "sessions": [],
        "tradingtimes": [],
    }
    if session is not None:
        row["clearingCycleEndTime"] = _clock(session.extended_closes)
        row["sessions"] = [
            {
                "openingTime": _clock(session.opens),
                "closingTime": _clock(session.closes),
                "prop": "LIQUID",
            }
        ]
        row["tradingtimes"] = [
            {
                "openingTime": _clock(session.extended_opens),
                "closingTime": _clock(session.extended_closes),
                "cancelDayOrders": "Y",
            }
        ]
    return row


def _usual(session: Session | None) -> bool:
    return session is not None and session.closes - session.opens == 23_400


def schedule(contract: Contract, now: float) -> list[dict[str, Any]]:
    """Return a contract's trading hours in IBKR's form.

    The result has the hours of a usual week, and those of the next 31 days whose hours are
    different, such as holidays.
    """
    one = dt.timedelta(days=1)
    days = [
        _day(_FIRST_USUAL + number * one, calendar.session(_USUAL_WEEK + number * one))
        for number in range(7)
    ]
    today = calendar.day_of(now)
    for number in range(_AHEAD):
        date = today + number * one
        session = calendar.session(date)
        if date.weekday() < 5 and not _usual(session):
            days.append(_day(date, session))
    return [
        {
            "id": f"p{contract.conid}",
            "tradeVenueId": f"v{contract.conid % 100_000}",
            "exchange": contract.exchange,
            "description": contract.exchange,
            "timezone": calendar.ZONE_NAME,
            "schedules": days,
        }
    ]


def next_sessions(now: float, count: int = 5) -> dict[str, Any]:
    """Return the next `count` trading days in the form of `GET /contract/trading-schedule`.

    The first one is the current trading day, or the next if its extended hours have ended.
    """
    found = calendar.last_session(now)
    if found.extended_closes <= now:
        found = calendar.following(found)
    days: dict[str, Any] = {}
    for _ in range(count):
        days[found.date.strftime("%Y%m%d")] = {
            "liquid_hours": [{"opening": found.opens, "closing": found.closes}],
            "extended_hours": [
                {
                    "cancel_daily_orders": True,
                    "opening": found.extended_opens,
                    "closing": found.extended_closes,
                }
            ],
        }
        found = calendar.following(found)
    return {"exchange_time_zone": "US/Eastern", "schedules": days}
