"""Market data in the wire's spelling: texts, keyed by field id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bezant.sim._exchange import calendar

if TYPE_CHECKING:
    from decimal import Decimal

    from bezant.sim._clock import Clock
    from bezant.sim._exchange.exchange import Exchange
    from bezant.sim._trading import Trading

AVAILABILITY = "RpB"
_SAMPLES = 900.0


class _Day:
    """What a contract's trading day was like so far."""

    def __init__(self, session: calendar.Session, exchange: Exchange, conid: int) -> None:
        path = exchange.market.path(conid)
        self.session = session
        self.prior_close = path.last(calendar.previous(session).closes)
        self.open = self.high = self.low = path.last(session.opens)
        when, now = session.opens + _SAMPLES, exchange.market.effective(exchange.now)
        while when < now:
            self.take(path.last(when))
            when += _SAMPLES

    def take(self, last: Decimal) -> None:
        self.high, self.low = max(self.high, last), min(self.low, last)


class Quotes:
    """The market data of every contract in the catalogue."""

    def __init__(self, trading: Trading, clock: Clock) -> None:
        self._trading = trading
        self._clock = clock
        self._days: dict[int, _Day] = {}

    def _known(self, conid: int) -> bool:
        trading = self._trading
        return conid in trading.catalogue.contracts and conid not in trading.without_data

    def head(self, conid: int) -> dict[str, Any]:
        """Return the keys that every row of market data has, prices known or not."""
        return {
            "conid": conid,
            "conidEx": str(conid),
            "_updated": int(self._clock.now() * 1000),
            "server_id": f"q{conid % 1000}",
            "6509": AVAILABILITY if self._known(conid) else "N",
        }

    def last(self, conid: int) -> Decimal | None:
        """Return the last price, None without market data."""
        if not self._known(conid):
            return None
        with self._trading.now() as exchange:
            return exchange.market.quote(conid, exchange.now).last

    def fields(self, conid: int, wanted: set[str]) -> dict[str, Any]:
        """Return those of the wanted fields that the contract has now."""
        if not wanted or not self._known(conid):
            return {}
        with self._trading.now() as exchange:
            values = self._values(exchange, conid)
        return {name: values[name] for name in values if name in wanted}

    def _values(self, exchange: Exchange, conid: int) -> dict[str, Any]:
        contract = self._trading.catalogue.contracts[conid]
        market = exchange.market
        quote = market.quote(conid, exchange.now)
        session = calendar.last_session(exchange.now)
        day = self._days.get(conid)
        if day is None or day.session.date != session.date:
            day = self._days[conid] = _Day(session, exchange, conid)
        last = quote.last
        day.take(last)
        change = last - day.prior_close
        when = market.effective(exchange.now)
        volume = market.path(conid).volume(session.opens, max(when, session.opens))
        # Without market hours the prefix stays with some contracts, so that a test meets each
        # kind at any time of the day.
        prefix = {0: "C", 1: "H"}.get(conid % 11, "")
        if market.hours != "always":
            prefix = "" if market.is_open(exchange.now) else "C"
        if market.is_halted(conid):
            prefix = "H"
        return {
            "31": f"{prefix}{last:.2f}",
            "55": contract.symbol,
            "70": f"{day.high:.2f}",
            "71": f"{day.low:.2f}",
            "82": f"{change:+.2f}" if change else "0.00",
            "83": f"{change / day.prior_close * 100:.2f}%",
            "84": f"{quote.bid:,.2f}",
            "85": f"{quote.ask_size:,}",
            "86": f"{quote.ask:,.2f}",
            "87": compact(volume),
            "88": f"{quote.bid_size:,}",
            "6008": contract.conid,
            "6070": contract.asset_class,
            "7051": contract.name,
            "7059": f"{quote.last_size:,}",
            "7184": "0" if market.is_halted(conid) else "1",
            "7219": contract.title,
            "7221": contract.exchange,
            "7295": f"{day.open:.2f}",
            "7296": f"{day.prior_close:.2f}",
            "7635": f"{last:.2f}",
            "7741": f"{day.prior_close:.2f}",
            "7762": str(volume),
        }


def compact(number: float) -> str:
    """Write a number as the wire does for volumes: 950, 1.2K, 50.1M, 2.5B."""
    for size, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if number >= size:
            return f"{number / size:.1f}{suffix}"
    return f"{number:.0f}"
