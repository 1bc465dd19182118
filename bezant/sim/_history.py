"""Historical bars."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from bezant.sim._quotes import Walk

if TYPE_CHECKING:
    from bezant.sim._catalogue import Contract

_MAX_BARS = 1000
_FACTOR = 100
_TRADING_DAY = 23_400
# Seconds of trading; a longer unit is so many trading days.
_UNITS = {
    "s": 1,
    "min": 60,
    "h": 3600,
    "d": _TRADING_DAY,
    "w": 5 * _TRADING_DAY,
    "m": 21 * _TRADING_DAY,
    "y": 252 * _TRADING_DAY,
}
_LENGTHS = {"d": 86_400, "w": 7 * 86_400, "m": 30 * 86_400}


def _parse(text: str) -> tuple[int, str]:
    match = re.fullmatch(r"(\d+)([a-z]+)", text)
    if match is None or match[2] not in _UNITS or not int(match[1]):
        msg = f"not a period: {text!r}"
        raise ValueError(msg)
    return int(match[1]), match[2]


def history(contract: Contract, period: str, bar: str, now: float) -> dict[str, Any]:
    """Return bars that end at `now`, with the same prices for the same contract every time.

    Raises:
        ValueError: If the period or the bar size can't be read.
    """
    (span, span_unit), (size, unit) = _parse(period), _parse(bar)
    count = max(1, min(_MAX_BARS, span * _UNITS[span_unit] // (size * _UNITS[unit])))
    length = size * _LENGTHS.get(unit, _UNITS[unit])
    end = int(now) // length * length
    walk = Walk(f"history/{contract.conid}", contract.price)
    data: list[dict[str, Any]] = []
    for index in range(count):
        prices: list[float] = []
        before = walk.volume
        for step in range(4):
            walk.advance_to(4 * index + step + 1)
            prices.append(walk.last)
        data.append(
            {
                "o": prices[0],
                "c": prices[-1],
                "h": max(prices),
                "l": min(prices),
                "v": (walk.volume - before) / _FACTOR,
                "t": (end - (count - index) * length) * 1000,
            }
        )
    high = max(data, key=lambda row: row["h"])
    low = min(data, key=lambda row: row["l"])
    return {
        "serverId": str(contract.conid % 100_000),
        "symbol": contract.symbol,
        "text": contract.name,
        "priceFactor": _FACTOR,
        "startTime": time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(data[0]["t"] / 1000)),
        "high": _extreme(high, "h", data),
        "low": _extreme(low, "l", data),
        "timePeriod": period,
        "barLength": length,
        "mdAvailability": "S",
        "mktDataDelay": 0,
        "outsideRth": False,
        "tradingDayDuration": _TRADING_DAY // 60,
        "volumeFactor": _FACTOR,
        "priceDisplayRule": 1,
        "priceDisplayValue": "2",
        "negativeCapable": False,
        "messageVersion": 2,
        "data": data,
    }


def _extreme(row: dict[str, Any], key: str, data: list[dict[str, Any]]) -> str:
    """Write price, volume and minutes since the first bar, as the wire does."""
    minutes = (row["t"] - data[0]["t"]) // 60_000
    return f"{round(row[key] * _FACTOR)}/{row['v']}/{minutes}"
