"""Trading hours of US stocks: 09:30 to 16:00 in New York, with holidays computed by rule."""

from __future__ import annotations

import datetime as dt
import functools
import math
from dataclasses import dataclass
from typing import Final

_DAY = dt.timedelta(days=1)
_HOUR = dt.timedelta(hours=1)
_OPEN, _CLOSE, _EARLY = dt.time(9, 30), dt.time(16), dt.time(13)
_EXTENDED_OPEN, _EXTENDED_CLOSE = dt.time(4), dt.time(20)


def _nth(year: int, month: int, weekday: int, number: int) -> dt.date:
    first = dt.date(year, month, 1)
    return first + dt.timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))


@functools.cache
def _summer(year: int) -> tuple[dt.datetime, dt.datetime]:
    """Return the start and end of daylight saving time in a year, by the US rules since 2007."""
    two = dt.time(2)
    begin, end = _nth(year, 3, 6, 2), _nth(year, 11, 6, 1)
    return dt.datetime.combine(begin, two), dt.datetime.combine(end, two)


class _NewYork(dt.tzinfo):
    """Time zone of New York, computed by rule.

    The standard `zoneinfo` needs time zone data, which Windows and small containers lack.
    """

    def utcoffset(self, when: dt.datetime | None) -> dt.timedelta:
        return self.dst(when) - 5 * _HOUR

    def dst(self, when: dt.datetime | None) -> dt.timedelta:
        if when is None:
            return dt.timedelta(0)
        begin, end = _summer(when.year)
        local = when.replace(tzinfo=None)
        again = when.fold and local >= end - _HOUR
        return _HOUR if begin <= local < end and not again else dt.timedelta(0)

    def fromutc(self, when: dt.datetime) -> dt.datetime:
        begin, end = _summer(when.year)
        utc = when.replace(tzinfo=None)
        if begin + 5 * _HOUR <= utc < end + 4 * _HOUR:
            return when - 4 * _HOUR
        # `fold=1` marks the second run of the hour that repeats when daylight saving time ends.
        return (when - 5 * _HOUR).replace(fold=end <= utc - 4 * _HOUR < end + _HOUR)

    def tzname(self, when: dt.datetime | None) -> str:
        return "EDT" if self.dst(when) else "EST"


ZONE_NAME: Final = "America/New_York"
ZONE: Final = _NewYork()


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day, with times in seconds since 1970."""

    date: dt.date
    opens: int
    closes: int
    extended_opens: int
    extended_closes: int


def _easter(year: int) -> dt.date:
    """Return Easter Sunday, by the anonymous Gregorian algorithm."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (a + 11 * h) // 319
    n = (2 * e + 2 * i - k - h + m + 32) % 7
    month = (h - m + n + 90) // 25
    return dt.date(year, month, (h - m + n + month + 19) % 32)


def _observed(day: dt.date) -> dt.date:
    """Return the weekday on which a holiday is observed.

    A Saturday moves to the Friday before it, and a Sunday to the Monday after it.
    """
    return day - _DAY if day.weekday() == 5 else day + _DAY if day.weekday() == 6 else day


@functools.cache
def holidays(year: int) -> frozenset[dt.date]:
    """Return the weekdays of a year on which US stocks do not trade."""
    last_monday = dt.date(year, 5, 31)
    days = {
        _nth(year, 1, 0, 3),  # Martin Luther King Jr. Day
        _nth(year, 2, 0, 3),  # Washington's Birthday
        _easter(year) - 2 * _DAY,  # Good Friday
        last_monday - dt.timedelta(days=last_monday.weekday()),  # Memorial Day
        _observed(dt.date(year, 7, 4)),
        _nth(year, 9, 0, 1),  # Labor Day
        _nth(year, 11, 3, 4),  # Thanksgiving
        _observed(dt.date(year, 12, 25)),
    }
    if year >= 2022:
        days.add(_observed(dt.date(year, 6, 19)))
    new_year = dt.date(year, 1, 1)
    if new_year.weekday() != 5:
        # If New Year's Day is a Saturday, the exchanges do not close on the Friday before it.
        days.add(_observed(new_year))
    return frozenset(days)


def _closes_early(day: dt.date) -> bool:
    after_thanksgiving = _nth(day.year, 11, 3, 4) + _DAY
    return day == after_thanksgiving or (day.month, day.day) in {(7, 3), (12, 24)}


@functools.lru_cache(maxsize=4096)
def session(day: dt.date) -> Session | None:
    """Return the trading session of a day; None if US stocks do not trade on the day."""
    if day.weekday() >= 5 or day in holidays(day.year):
        return None

    def at(time: dt.time) -> int:
        return int(dt.datetime.combine(day, time, ZONE).timestamp())

    closes = _EARLY if _closes_early(day) else _CLOSE
    extended = dt.time(17) if closes is _EARLY else _EXTENDED_CLOSE
    return Session(day, at(_OPEN), at(closes), at(_EXTENDED_OPEN), at(extended))


def day_of(when: float) -> dt.date:
    """Return the date in New York at `when`, in seconds since 1970."""
    return dt.datetime.fromtimestamp(when, ZONE).date()


def expires(expiry: str | None) -> float:
    """Return when a contract stops trading: at the close of its last trading day.

    Args:
        expiry: the expiry date, `YYYYMMDD`. If no market is open on this day, the contract stops
            trading at the close before it. Anything that is no date never comes.
    """
    try:
        day = dt.datetime.strptime(expiry or "", "%Y%m%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        return math.inf
    while (found := session(day)) is None:
        day -= _DAY
    return float(found.closes)


def last_session(when: float) -> Session:
    """Return the last session that opened at `when` or earlier; it may still be running."""
    day = day_of(when)
    while (found := session(day)) is None or found.opens > when:
        day -= _DAY
    return found


def previous(of: Session) -> Session:
    """Return the trading session before a session."""
    day = of.date - _DAY
    while (found := session(day)) is None:
        day -= _DAY
    return found


def following(of: Session) -> Session:
    """Return the trading session after a session."""
    day = of.date + _DAY
    while (found := session(day)) is None:
        day += _DAY
    return found


def is_open(when: float, *, extended: bool = False) -> bool:
    """Return whether the market is open at `when`.

    Regular hours are 09:30 to 16:00 in New York; `extended` hours are 04:00 to 20:00. On a few days
    of the year both end three hours earlier.
    """
    found = session(day_of(when))
    if found is None:
        return False
    if extended:
        return found.extended_opens <= when < found.extended_closes
    return found.opens <= when < found.closes


def next_bound(when: float) -> float:
    """Return the next time after `when` at which regular or extended hours start or end."""
    day = day_of(when)
    while True:
        found = session(day)
        if found is not None:
            bounds = (found.extended_opens, found.opens, found.closes, found.extended_closes)
            for bound in bounds:
                if when < bound:
                    return bound
        day += _DAY


def end_of_day(when: float, *, extended: bool = False) -> float:
    """Return the time when a day order expires if it is placed at `when`.

    With `extended`, the order also trades in extended hours and expires at their end.
    """
    day = day_of(when)
    while True:
        found = session(day)
        if found is not None:
            end = found.extended_closes if extended else found.closes
            if when < end:
                return end
        day += _DAY


def end_of_next_quarter(when: float) -> float:
    """Return the time when a GTC order expires if it is placed at `when`.

    This is 16:00 in New York on the last day of the next calendar quarter.
    """
    day = day_of(when)
    months = day.year * 12 + (day.month - 1) // 3 * 3 + 6
    last = dt.date(months // 12, months % 12 + 1, 1) - _DAY
    return dt.datetime.combine(last, _CLOSE, ZONE).timestamp()
