"""A contract's figures for one trading day: open, high, low, prior close, volume."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from . import calendar

if TYPE_CHECKING:
    from decimal import Decimal

    from .prices import Path

_SAMPLE = 900.0  # seconds between two prices that count for high and low


class TradingDay:
    """Figures of one contract on one trading day.

    High and low are taken from the prices of the regular session at intervals of 15 minutes, and
    from all prices that clients have seen.

    Args:
        session: the trading day.
        path: the contract's prices.
        last: the contract's last price now; high and low both start at this price.
    """

    def __init__(self, session: calendar.Session, path: Path, last: Decimal) -> None:
        self.session = session
        self._path = path
        self._high = self._low = last
        self._next = float(session.opens)

    @functools.cached_property
    def prior_close(self) -> Decimal:
        """The close of the previous trading day."""
        return self._path.last(calendar.previous(self.session).closes)

    @functools.cached_property
    def open(self) -> Decimal:
        """The first price of the regular session."""
        return self._path.last(self.session.opens)

    @functools.cached_property
    def _traded_before(self) -> int:
        return self._path.traded(self.session.opens)

    def volume(self, now: float) -> int:
        """Return the volume of the day up to `now`."""
        return self._path.traded(max(now, self.session.opens)) - self._traded_before

    def take(self, last: Decimal) -> None:
        """Include in high and low a price that a client has seen, such as a price set by a test."""
        if last > self._high:
            self._high = last
        elif last < self._low:
            self._low = last

    def range(self, now: float) -> tuple[Decimal, Decimal]:
        """Return the day's low and high up to `now`."""
        while self._next < min(now, self.session.closes):
            self.take(self._path.last(self._next))
            self._next += _SAMPLE
        return self._low, self._high
