"""Builds historical bars, from the same simulated prices as the quotes."""

from __future__ import annotations

import calendar as months
import datetime as dt
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._market import calendar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._market.calendar import Session
    from .._market.catalogue import Contract
    from .._market.exchange import Exchange
    from .._market.prices import Path
    from .._state.state import State

_MAX_BARS = 1000
# As at IBKR, a period in capital letters, such as `1W`, is accepted but not applied: the response
# always has this many bars.
_BARS_OF_CAPITALS = 84
_MAX_KEPT = 20_000
_FACTOR = 100
_SAMPLES = 6
# Lengths of the units of a period: below a day in seconds of trading, otherwise in trading days.
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_DAYS = {"d": 1, "w": 5, "m": 21, "y": 252}
_TRADING_DAY = 23_400
# In seconds of trading. IBKR documents a limit of 15 years, but its servers accept more.
_LONGEST = 18 * _DAYS["y"] * _TRADING_DAY
_EARLIEST = 1_199_145_600.0  # start of 2008: the first moment with prices
_LENGTHS = {"d": 86_400, "w": 7 * 86_400, "m": 30 * 86_400}


@dataclass(frozen=True, slots=True)
class _Span:
    """The timestamp `t` of a bar, and the begin and end of the trading that the bar covers."""

    t: int
    begin: float
    end: float


def _parse(text: str) -> tuple[int, str]:
    # Capital letters are allowed, as in "1S" and "6M".
    match = re.fullmatch(r"(\d+)([a-z]+)", text.lower())
    if match is None or match[2] not in _SECONDS | _DAYS or not int(match[1]):
        msg = f"not a period: {text!r}"
        raise ValueError(msg)
    number, unit = int(match[1]), match[2]
    if number * (_SECONDS.get(unit) or _DAYS[unit] * _TRADING_DAY) > _LONGEST:
        msg = f"too long: {text!r}"
        raise ValueError(msg)
    return number, unit


def moment(text: str) -> float:
    """Return the seconds since 1970 of a time in UTC.

    Args:
        text: the time in the form `YYYYMMDD-HH:mm:ss`.

    Raises:
        ValueError: the text has another form, or the time is before 2008, when the simulated prices
            begin.
    """
    when = float(months.timegm(time.strptime(text, "%Y%m%d-%H:%M:%S")))
    if when < _EARLIEST:
        msg = f"too early: {text!r}"
        raise ValueError(msg)
    return when


def _hours(session: Session, *, extended: bool) -> tuple[int, int]:
    if extended:
        return session.extended_opens, session.extended_closes
    return session.opens, session.closes


def _latest(end: float, *, extended: bool) -> Session:
    """Return the last trading session that opened at `end` or earlier; it may still be running.

    If `extended` is True, a session opens when its extended hours begin.
    """
    session = calendar.last_session(end)
    after = calendar.following(session)
    return after if extended and after.extended_opens < end else session


def _within_days(length: int, end: float, *, extended: bool) -> Iterator[_Span]:
    """Yield the spans of bars that are shorter than a day, backwards from `end`.

    Args:
        length: length of a bar in seconds.
        end: end of the last bar.
        extended: whether to include extended hours.
    """
    session = _latest(end, extended=extended)
    while True:
        opens, closes = _hours(session, extended=extended)
        last = min(closes, end)
        for number in reversed(range(int(-(-(last - opens) // length)))):
            begin = opens + number * length
            yield _Span(int(begin), begin, min(begin + length, last))
        session = calendar.previous(session)


def _by_days(size: int, unit: str, end: float) -> Iterator[_Span]:
    """Yield the spans of bars of `size` days, weeks or months, backwards from `end`."""
    session = calendar.last_session(end)
    while True:
        last = session
        if unit == "d":
            for _ in range(size - 1):
                session = calendar.previous(session)
            yield _Span(session.opens, session.opens, min(last.closes, end))
            session = calendar.previous(session)
            continue
        first = last.date
        if unit == "w":
            first -= dt.timedelta(days=first.weekday() + 7 * (size - 1))
        else:
            months_back = first.year * 12 + first.month - size
            first = dt.date(months_back // 12, months_back % 12 + 1, 1)
        while (before := calendar.previous(session)).date >= first:
            session = before
        t = months.timegm(first.timetuple())
        yield _Span(t, session.opens, min(last.closes, end))
        session = calendar.previous(session)


def _count(span: int, unit: str, end: float, *, extended: bool) -> float:
    """Return the start of a period that ends at `end`. Only trading hours count.

    Args:
        span: length of the period, in `unit`.
        unit: unit of the period, such as `d`.
        end: end of the period.
        extended: whether extended hours count, too.
    """
    session = _latest(end, extended=extended)
    if unit in _DAYS:
        for _ in range(span * _DAYS[unit] - 1):
            session = calendar.previous(session)
        return session.opens if not extended else session.extended_opens
    left = span * _SECONDS[unit]
    while True:
        opens, closes = _hours(session, extended=extended)
        there = min(closes, end) - opens
        if there >= left:
            return min(closes, end) - left
        left -= max(0, int(there))
        session = calendar.previous(session)


class History:
    """Historical bars of all contracts."""

    def __init__(self, state: State) -> None:
        self._trading = state.trading
        # Cache of completed bars, which no longer change.
        self._kept: dict[tuple[int, _Span], dict[str, Any]] = {}

    def bars(
        self,
        conid: int,
        period: str,
        bar: str,
        *,
        until: float | None = None,
        extended: bool = False,
    ) -> dict[str, Any]:
        """Return the bars of a contract in the form of `GET /iserver/marketdata/history`.

        Args:
            conid: the contract's id.
            period: length of the history, such as `1w`.
            bar: size of a bar, such as `1h`.
            until: end of the history; None for now.
            extended: whether to include extended hours.

        Raises:
            KeyError: the contract does not exist.
            ValueError: the period or the bar size is invalid.
        """
        (span, span_unit), (size, unit) = _parse(period), _parse(bar)
        if unit == "y":
            msg = f"not a bar size: {bar!r}"
            raise ValueError(msg)
        with self._trading.now() as exchange:
            path = exchange.market.path(conid)
            end = exchange.now if until is None else min(until, exchange.now)
            length = size * (_SECONDS.get(unit) or _LENGTHS[unit])
            spans = (
                _within_days(length, end, extended=extended)
                if unit in _SECONDS
                else _by_days(size, unit, end)
            )
            begin = _count(span, span_unit, end, extended=extended)
            rows: list[dict[str, Any]] = []
            for each in spans:
                if rows and each.end <= begin and period == period.lower():
                    break
                if each.end > each.begin:
                    rows.append(self._bar(exchange, path, each))
                if len(rows) == (_MAX_BARS if period == period.lower() else _BARS_OF_CAPITALS):
                    break
        rows.reverse()
        return _body(path.contract, rows, period, length, extended=extended)

    def _bar(self, exchange: Exchange, path: Path, span: _Span) -> dict[str, Any]:
        key = path.contract.conid, span
        known = self._kept.get(key)
        if known is None:
            known = _bar(exchange, path, span)
            if span.end < exchange.now:
                if len(self._kept) >= _MAX_KEPT:
                    self._kept.clear()
                self._kept[key] = known
        return known


def _body(
    contract: Contract, rows: list[dict[str, Any]], period: str, length: int, *, extended: bool
) -> dict[str, Any]:
    high = max(rows, key=lambda row: row["h"])
    low = min(rows, key=lambda row: row["l"])
    return {
        "serverId": str(contract.conid % 100_000),
        "symbol": contract.symbol,
        "text": contract.name,
        "priceFactor": _FACTOR,
        "startTime": time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(rows[0]["t"] / 1000)),
        "high": _extreme(high, "h", rows),
        "low": _extreme(low, "l", rows),
        "timePeriod": period,
        "barLength": length,
        "mdAvailability": "S",
        "mktDataDelay": 0,
        "outsideRth": extended,
        "tradingDayDuration": 390,
        "volumeFactor": _FACTOR,
        "priceDisplayRule": 1,
        "priceDisplayValue": "2",
        "negativeCapable": False,
        "messageVersion": 2,
        "points": len(rows) - 1,
        "travelTime": 10,
        "data": rows,
    }


def as_history(body: dict[str, Any], now: float) -> dict[str, Any]:
    """Convert bars to the form of `GET /hmds/history`, with start and end in New York time.

    Args:
        body: the bars as `GET /iserver/marketdata/history` returns them.
        now: the time, in seconds since 1970.
    """
    begin = body["data"][0]["t"]
    # In this form volumes are whole numbers, and the keys of a bar have another order.
    rows = [
        {key: row[key] for key in ("t", "o", "c", "h", "l")} | {"v": round(row["v"] * _FACTOR)}
        for row in body["data"]
    ]
    return {
        "startTime": _in_new_york(begin / 1000),
        "startTimeVal": begin,
        "endTime": _in_new_york(now),
        "endTimeVal": int(now * 1000),
        "data": rows,
        "points": len(rows),
        "mktDataDelay": 0,
    }


def _in_new_york(when: float) -> str:
    return dt.datetime.fromtimestamp(when, calendar.ZONE).strftime("%Y%m%d-%H:%M:%S")


def _bar(exchange: Exchange, path: Path, span: _Span) -> dict[str, Any]:
    market = exchange.market
    width = span.end - span.begin
    prices = [
        path.price(market.effective(span.begin + width * number / _SAMPLES))
        for number in range(_SAMPLES + 1)
    ]
    if span.end == exchange.now:
        # Take the last price from the current quote: a test may have fixed the price.
        prices[-1] = float(market.quote(path.contract.conid, exchange.now).last)
    begin, end = market.effective(span.begin), market.effective(span.end)
    return {
        "o": prices[0],
        "c": prices[-1],
        "h": max(prices),
        "l": min(prices),
        "v": path.volume(begin, end) / _FACTOR,
        "t": span.t * 1000,
    }


def _extreme(row: dict[str, Any], key: str, data: list[dict[str, Any]]) -> str:
    """Return IBKR's text about the bar with the highest or lowest price, such as `25530/4.2/60`.

    The text consists of the price times 100, the bar's volume, and the minutes since the first bar.

    Args:
        row: the bar with this price.
        key: key of the price in the bar: `h` or `l`.
        data: all bars.
    """
    minutes = (row["t"] - data[0]["t"]) // 60_000
    return f"{round(row[key] * _FACTOR)}/{row['v']}/{minutes}"
