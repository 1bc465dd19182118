"""Tests of trading hours: closed days, early closes, daylight saving time."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from bezant import InvalidRequest, MarketHours, MissingValue
from bezant._core.contracts.hours import read_hours, zone_of
from bezant.models.contracts import LiquidHours, TradingDay, TradingHours

from ..samples import some

RECORDED = Path(__file__).parents[3].parent / "shared" / "fixtures" / "Contracts"
NEW_YORK = zone_of("America/New_York")
NAIVE = datetime(2026, 3, 6, 12, tzinfo=UTC).replace(tzinfo=None)


def stamp(day: date, hour: int, minute: int = 0, zone: tzinfo = NEW_YORK) -> int:
    return int(datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).timestamp())


def hours(*days: tuple[date, int, int], now: datetime, zone: str = "US/Eastern") -> MarketHours:
    """Return the hours of days that open at one hour and close at another, in New York."""
    schedules: dict[str, Any] = {
        day.strftime("%Y%m%d"): {
            "liquid_hours": [{"opening": stamp(day, opens), "closing": stamp(day, closes)}],
            "extended_hours": [{"opening": stamp(day, 4), "closing": stamp(day, closes + 4)}],
        }
        for day, opens, closes in days
    }
    text = json.dumps({"exchange_time_zone": zone, "schedules": schedules})
    return read_hours(TradingHours.from_json(text), now)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)


def test_a_weekend_in_which_daylight_saving_time_begins() -> None:
    friday, monday = date(2026, 3, 6), date(2026, 3, 9)
    found = hours((friday, 10, 16), (monday, 10, 16), now=at(friday, 12))
    assert found.is_open(at(friday, 12), liquid=True)
    assert found.next_close(at(friday, 12), liquid=True) == at(friday, 16)
    opens = found.next_open(at(friday, 17), liquid=True)
    assert opens == at(monday, 10)
    assert opens is not None
    assert opens.utcoffset() == timedelta(hours=-4)
    assert found.liquid[0].opens.utcoffset() == timedelta(hours=-5)
    # 65 hours and not 66 from 17:00 on Friday to 10:00 on Monday, less the hour that is skipped.
    assert opens - at(friday, 17).astimezone(UTC) == timedelta(hours=64)


def test_the_end_of_daylight_saving_time() -> None:
    friday, monday = date(2026, 10, 30), date(2026, 11, 2)
    found = hours((friday, 10, 16), (monday, 10, 16), now=at(friday, 12))
    opens = found.next_open(at(friday, 17), liquid=True)
    assert opens is not None
    assert opens.astimezone(UTC) - at(friday, 17).astimezone(UTC) == timedelta(hours=66)


def test_a_holiday_and_an_early_close() -> None:
    # In 2026 Thanksgiving is on 26 November, and the exchange closes early on the day after it.
    wednesday, holiday, short = date(2026, 11, 25), date(2026, 11, 26), date(2026, 11, 27)
    found = hours((wednesday, 10, 16), (short, 10, 13), now=at(wednesday, 12))
    assert not found.is_open(at(holiday, 12))
    assert found.next_open(at(holiday, 12)) == at(short, 4)
    assert found.is_open(at(short, 12, 59), liquid=True)
    assert not found.is_open(at(short, 13), liquid=True)
    assert found.is_open(at(short, 13))
    assert found.next_open(at(short, 13)) is None
    assert found.next_close(at(short, 13), liquid=True) is None


def test_a_time_that_the_response_does_not_cover_is_an_error() -> None:
    friday = date(2026, 3, 6)
    found = hours((friday, 10, 16), now=at(friday, 2))
    assert not found.is_open(at(friday, 3))
    for when in (at(friday, 1), at(friday, 20), at(date(2026, 3, 9), 12)):
        for method in (found.is_open, found.next_open, found.next_close):
            with pytest.raises(InvalidRequest, match="the trading hours are known from 2026-03-06"):
                method(when)


@pytest.mark.parametrize("when", [None, "now", NAIVE, date(2026, 3, 6)])
def test_a_time_needs_a_time_zone(when: Any) -> None:
    friday = date(2026, 3, 6)
    with pytest.raises(InvalidRequest, match="with a time zone"):
        hours((friday, 10, 16), now=at(friday, 2)).is_open(when)


def test_hours_that_touch_are_one_and_empty_ones_are_none() -> None:
    day = date(2026, 3, 6)
    first, second, third = stamp(day, 9), stamp(day, 12), stamp(day, 16)
    pairs = [(second, third), (first, second), (third, third), (first, second)]
    rows = [
        LiquidHours(opening=datetime.fromtimestamp(a, UTC), closing=datetime.fromtimestamp(b, UTC))
        for a, b in pairs
    ]
    found = read_hours(
        TradingHours(exchange_time_zone="?", schedules={"x": TradingDay(liquid_hours=rows)}),
        datetime.fromtimestamp(first, UTC),
    )
    assert [(each.opens, each.closes) for each in found.total] == [(at(day, 9), at(day, 16))]
    assert found.liquid[0].opens.utcoffset() == timedelta(0)  # the zone is unknown


def test_no_hours_at_all() -> None:
    now = datetime(2026, 3, 6, tzinfo=UTC)
    found = read_hours(TradingHours(exchange_time_zone="UTC", schedules={}), now)
    assert found.total == ()
    with pytest.raises(InvalidRequest, match="the trading hours are known from"):
        found.is_open(now)


def test_hours_that_cannot_be_read_are_not_closed_hours() -> None:
    row = some(LiquidHours, opening=datetime(2026, 3, 6, tzinfo=UTC))
    answer = TradingHours(exchange_time_zone="UTC", schedules={"x": TradingDay(liquid_hours=[row])})
    with pytest.raises(MissingValue, match="closing"):
        read_hours(answer, datetime(2026, 3, 6, tzinfo=UTC))


def test_recorded_hours_around_good_friday() -> None:
    file = RECORDED / "GET-trading-schedule.json"
    if not file.exists():
        pytest.skip(f"recorded responses are not here: {file}")
    body = json.loads(file.read_text())["Response"]["Body"]
    found = read_hours(TradingHours.from_json(json.dumps(body)), at(date(2026, 4, 2), 8))
    good_friday = date(2026, 4, 3)
    assert found.time_zone == "US/Eastern"
    assert not found.is_open(at(good_friday, 12))
    assert found.next_open(at(good_friday, 12), liquid=True) == at(date(2026, 4, 6), 9, 30)
    assert found.is_open(at(date(2026, 4, 2), 15, 59), liquid=True)
