"""`MarketHours`: when a contract trades."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from ..._wire.record import Record
from ..._wire.redaction import shown
from ...errors import InvalidRequest
from ...models.contracts import ExtendedHours, LiquidHours, TradingHours
from ..operations.contracts import GET_TRADING_SCHEDULE

SCHEDULE: Final = GET_TRADING_SCHEDULE.operation


class OpenHours(Record, frozen=True):
    """Time during which a contract trades without a break.

    Attributes:
        opens: time when trading opens, in the time zone of the exchange; in UTC if this system does
            not know the time zone.
        closes: time when trading closes, in the same time zone.
    """

    opens: datetime
    closes: datetime

    def __contains__(self, at: datetime) -> bool:
        return _moment(self.opens) <= _moment(at) < _moment(self.closes)


class MarketHours(Record, frozen=True):
    """Trading hours of a contract on the days around the current trading day.

    `client.contracts.hours` returns this object. IBKR sends the hours of about six days. Days on
    which the exchange is closed have no hours; a day on which it closes early has shorter ones.

    Attributes:
        time_zone: name of the exchange's time zone, such as ``US/Eastern``.
        liquid: regular trading hours, in order.
        total: all trading hours, those before and after regular hours included, in order.
        since: time from which on the hours are known.
        until: time until which the hours are known.
    """

    time_zone: str
    liquid: tuple[OpenHours, ...]
    total: tuple[OpenHours, ...]
    since: datetime
    until: datetime

    def is_open(self, at: datetime, *, liquid: bool = False) -> bool:
        """Return whether the contract trades at a time.

        Args:
            at: the time, with a time zone, such as ``datetime.now(UTC)``.
            liquid: True for regular trading hours only.

        Raises:
            InvalidRequest: the hours are not known for this time, or it has no time zone.
        """
        self._check(at)
        return any(at in hours for hours in self._hours(liquid))

    def next_open(self, at: datetime, *, liquid: bool = False) -> datetime | None:
        """Return the first time after a time when trading opens; None if it is not known yet.

        Args:
            at: the time, with a time zone.
            liquid: True for regular trading hours only.

        Raises:
            InvalidRequest: the hours are not known for this time, or it has no time zone.
        """
        self._check(at)
        opens = (each.opens for each in self._hours(liquid))
        return next((time for time in opens if _moment(time) > _moment(at)), None)

    def next_close(self, at: datetime, *, liquid: bool = False) -> datetime | None:
        """Return the first time after a time when trading closes; None if it is not known yet.

        Args:
            at: the time, with a time zone.
            liquid: True for regular trading hours only.

        Raises:
            InvalidRequest: the hours are not known for this time, or it has no time zone.
        """
        self._check(at)
        closes = (each.closes for each in self._hours(liquid))
        return next((time for time in closes if _moment(time) > _moment(at)), None)

    def _hours(self, liquid: bool) -> tuple[OpenHours, ...]:
        return self.liquid if liquid else self.total

    def _check(self, at: datetime) -> None:
        if not isinstance(at, datetime) or at.tzinfo is None:
            raise InvalidRequest(
                "at must be a datetime with a time zone, such as datetime.now(UTC), not "
                f"{shown(at)}"
            )
        if _moment(at) < _moment(self.since):
            advice = "pass a later time"
        elif _moment(at) >= _moment(self.until):
            advice = (
                "IBKR sends the hours of about six days, so call client.contracts.hours again when "
                "this time is near"
            )
        else:
            return
        raise InvalidRequest(
            f"the trading hours are known from {self.since.isoformat()} to "
            f"{self.until.isoformat()}, and {at.isoformat()} is not between them; {advice}"
        )


def _moment(time: datetime) -> datetime:
    # Python compares two times in the same time zone by their digits. Those of the hour after the
    # end of daylight saving time are the same as those of the hour before it.
    return time.astimezone(UTC)


def exchange_zone(name: str) -> tzinfo:
    """Return a time zone.

    Raises:
        InvalidRequest: this machine does not know the time zone.
    """
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:  # Windows has no time zone database
        raise InvalidRequest(
            f"this system does not know the time zone {name[:60]!r}; run: pip install tzdata"
        ) from error


def zone_of(name: str) -> tzinfo:
    """Return a time zone; UTC if this machine does not know it."""
    try:
        return exchange_zone(name)
    except InvalidRequest:
        return UTC


def read_hours(response: TradingHours, now: datetime) -> MarketHours:
    """Return the trading hours in a response.

    Args:
        response: the response.
        now: the time of the request, in UTC. The response has the current trading day, so the
            contract is closed from now until the first hours.

    Raises:
        MissingValue: some of the hours are missing or cannot be read.
    """
    zone = zone_of(response.exchange_time_zone)
    days = response.schedules.values()
    liquid = [row for day in days for row in day.liquid_hours or []]
    extended = [row for day in days for row in day.extended_hours or []]
    total = _joined([*liquid, *extended], zone)
    since = min([now, *(_moment(each.opens) for each in total)])
    until = max([now, *(_moment(each.closes) for each in total)])
    return MarketHours(
        time_zone=response.exchange_time_zone,
        liquid=_joined(liquid, zone),
        total=total,
        since=since.astimezone(zone),
        until=until.astimezone(zone),
    )


def _joined(rows: Iterable[LiquidHours | ExtendedHours], zone: tzinfo) -> tuple[OpenHours, ...]:
    """Return intervals in order; those that touch or overlap become one."""
    pairs = sorted((row.opening, row.closing) for row in rows)
    joined: list[tuple[datetime, datetime]] = []
    for opens, closes in pairs:
        if closes <= opens:
            continue
        if joined and opens <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], closes))
        else:
            joined.append((opens, closes))
    return tuple(
        OpenHours(opens.astimezone(zone), closes.astimezone(zone)) for opens, closes in joined
    )
