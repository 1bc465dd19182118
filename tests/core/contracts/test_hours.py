"""Tests of trading hours: closed days, early closes, daylight saving time."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from bezant import InvalidRequest, MarketHours, MissingValue
from bezant._core.contracts.hours import read_hours, zone_of
from bezant.models.contracts import ExtendedHours, LiquidHours, TradingDay, TradingHours

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


def in_utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)


def session(opens: datetime, closes: datetime, zone: str = "America/New_York") -> MarketHours:
    """Return the hours of one session, looked up when it opens."""
    row = LiquidHours(opening=opens, closing=closes)
    days = {"x": TradingDay(liquid_hours=[row])}
    return read_hours(TradingHours(exchange_time_zone=zone, schedules=days), opens)


def test_daylight_saving_time_ends_during_a_session() -> None:
    """At 2:00 on 1 November the clocks go back to 1:00, so that each time from 1:00 comes twice."""
    opens = datetime(2026, 10, 31, 22, tzinfo=UTC)
    closes = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)  # 1:30, for the second time
    found = session(opens, closes)
    assert found.until.utcoffset() == timedelta(hours=-5)
    last = at(date(2026, 11, 1), 1, 45)  # for the first time: 5:45 in UTC
    assert last.tzinfo is found.until.tzinfo
    assert found.is_open(last)
    assert in_utc(found.next_close(last)) == closes
    assert found.next_open(last) is None
    for past in (last.replace(fold=1), at(date(2026, 11, 1), 1, 30).replace(fold=1)):
        with pytest.raises(InvalidRequest, match="is not between them"):
            found.is_open(past)


def test_a_session_opens_in_the_hour_that_comes_twice() -> None:
    opens = datetime(2026, 11, 1, 6, 15, tzinfo=UTC)  # 1:15, for the second time
    row = LiquidHours(opening=opens, closing=opens + timedelta(hours=5))
    days = {"x": TradingDay(liquid_hours=[row])}
    answer = TradingHours(exchange_time_zone="America/New_York", schedules=days)
    found = read_hours(answer, opens - timedelta(hours=2))
    first = at(date(2026, 11, 1), 1, 45)
    assert not found.is_open(first)
    assert in_utc(found.next_open(first)) == opens
    assert found.is_open(first.replace(fold=1))


def test_daylight_saving_time_begins_during_a_session() -> None:
    opens = datetime(2026, 3, 7, 23, tzinfo=UTC)  # 18:00
    closes = datetime(2026, 3, 8, 21, tzinfo=UTC)  # 17:00
    found = session(opens, closes)
    [hours] = found.total
    assert (hours.opens.hour, hours.closes.hour) == (18, 17)
    assert found.is_open(at(date(2026, 3, 8), 1, 59))
    assert found.is_open(at(date(2026, 3, 8), 3))
    assert found.is_open(at(date(2026, 3, 8), 16, 59))
    assert found.next_close(at(date(2026, 3, 8), 3)) == closes


def test_sessions_over_midnight() -> None:
    """Futures trade from 18:00 to 17:00 of the next day, and pause for an hour each day."""
    monday, tuesday = date(2026, 6, 8), date(2026, 6, 9)
    rows = [
        LiquidHours(opening=at(day, 18), closing=at(day + timedelta(days=1), 17))
        for day in (monday - timedelta(days=1), monday)
    ]
    days = {
        f"{number}": TradingDay(
            extended_hours=[some(ExtendedHours, opening=row.opening, closing=row.closing)]
        )
        for number, row in enumerate(rows)
    }
    found = read_hours(TradingHours(exchange_time_zone="US/Eastern", schedules=days), at(monday, 2))
    assert found.is_open(at(monday, 0))
    assert found.next_close(at(monday, 0)) == at(monday, 17)
    assert not found.is_open(at(monday, 17, 30))
    assert found.next_open(at(monday, 17, 30)) == at(monday, 18)
    assert found.is_open(at(tuesday, 0))
    assert not found.is_open(at(monday, 12), liquid=True)
    assert found.next_open(at(monday, 12), liquid=True) is None


def test_a_response_without_a_time_zone() -> None:
    opens = datetime(2026, 3, 6, 15, tzinfo=UTC)
    days = {"x": TradingDay(liquid_hours=[LiquidHours(opening=opens, closing=opens)])}
    with pytest.raises(MissingValue, match="exchange_time_zone"):
        read_hours(some(TradingHours, schedules=days), opens)
    found = session(opens, opens + timedelta(hours=1), zone="")
    assert found.is_open(opens)
    assert found.liquid[0].opens.utcoffset() == timedelta(0)


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
    for when, advice in (
        (at(friday, 1), "pass a later time"),
        (at(friday, 20), "call client.contracts.hours again when this time is near"),
        (at(date(2026, 3, 9), 12), "call client.contracts.hours again when this time is near"),
    ):
        known = "the trading hours are known from 2026-03-06"
        for method in (found.is_open, found.next_open, found.next_close):
            with pytest.raises(InvalidRequest, match=f"{known}.*{advice}"):
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
        pytest.skip("users' recordings belong to their authors and are not in this repository")
    body = json.loads(file.read_text())["Response"]["Body"]
    found = read_hours(TradingHours.from_json(json.dumps(body)), at(date(2026, 4, 2), 8))
    good_friday = date(2026, 4, 3)
    assert found.time_zone == "US/Eastern"
    assert not found.is_open(at(good_friday, 12))
    assert found.next_open(at(good_friday, 12), liquid=True) == at(date(2026, 4, 6), 9, 30)
    assert found.is_open(at(date(2026, 4, 2), 15, 59), liquid=True)
