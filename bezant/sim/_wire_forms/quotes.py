"""Builds market data in the form of IBKR's API: values by field id, such as "31": "255.30"."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from .._market import calendar, options

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from decimal import Decimal

    from .._market.catalogue import Contract
    from .._market.day import TradingDay
    from .._market.exchange import Exchange
    from .._market.prices import Market, Quote
    from .._state.state import State

AVAILABILITY = "RpB"
SERVICES = "&serviceID1=122&serviceID2=123&serviceID3=203"
"""Value of field 6508, which the client does not ask for."""


class _Row:
    """Market data of one contract at one moment. The values are computed on demand."""

    def __init__(self, contract: Contract, market: Market, now: float, day: TradingDay) -> None:
        self.contract = contract
        self.market = market
        self.now = now
        self.day = day
        self.last: Decimal = market.last(contract.conid, now)
        self._quote: Quote | None = None

    @property
    def quote(self) -> Quote:
        if self._quote is None:
            self._quote = self.market.quote(self.contract.conid, self.now)
        return self._quote

    @property
    def prefix(self) -> str:
        market = self.market
        if market.is_halted(self.contract.conid):
            return "H"
        if market.hours != "always":
            return "" if market.is_open(self.now) else "C"
        # If the market is always open, no price would get the prefix C (closed) and hardly any H
        # (halted). A few contracts always have one, so that tests meet each kind of price.
        return {0: "C", 1: "H"}.get(self.contract.conid % 11, "")

    @property
    def range(self) -> tuple[Decimal, Decimal]:
        return self.day.range(self.market.effective(self.now))

    @property
    def change(self) -> Decimal:
        return self.last - self.day.prior_close

    @property
    def volume(self) -> int:
        return self.day.volume(self.market.effective(self.now))

    @functools.cached_property
    def model(self) -> tuple[float, float, float] | None:
        return self.market.model(self.contract.conid, self.now)

    @functools.cached_property
    def greeks(self) -> options.Greeks | None:
        contract = self.contract
        if self.model is None:
            return None
        spot, years, volatility = self.model
        return options.greeks(contract.right or "", spot, contract.strike, years, volatility)


_FIELDS: Mapping[str, Callable[[_Row], Any]] = {
    "31": lambda row: f"{row.prefix}{row.last:.2f}",
    "55": lambda row: row.contract.symbol,
    "70": lambda row: f"{row.range[1]:.2f}",
    "71": lambda row: f"{row.range[0]:.2f}",
    "82": lambda row: f"{row.change:+.2f}" if row.change else "0.00",
    "83": lambda row: round(float(row.change / row.day.prior_close * 100), 2),
    "84": lambda row: f"{row.quote.bid:,.2f}",
    "85": lambda row: f"{row.quote.ask_size:,}",
    "86": lambda row: f"{row.quote.ask:,.2f}",
    "87": lambda row: compact(row.volume),
    "87_raw": lambda row: float(row.volume),
    "88": lambda row: f"{row.quote.bid_size:,}",
    "6008": lambda row: row.contract.conid,
    "6070": lambda row: row.contract.asset_class,
    "7051": lambda row: row.contract.name,
    "7059": lambda row: f"{row.quote.last_size:,}",
    "7184": lambda row: "0" if row.market.is_halted(row.contract.conid) else "1",
    "7219": lambda row: row.contract.title,
    "7221": lambda row: row.contract.exchange,
    "7295": lambda row: f"{row.day.open:.2f}",
    "7296": lambda row: f"{row.day.prior_close:.2f}",
    "7635": lambda row: f"{row.last:.2f}",
    "7741": lambda row: f"{row.day.prior_close:.2f}",
    "7762": lambda row: str(row.volume),
}
"""For each market data field id, the function that returns the field's value."""


_OPTION_FIELDS: Mapping[str, Callable[[_Row], str | None]] = {
    "7283": lambda row: _underlying_volatility(row.contract),
    "7308": lambda row: None if row.greeks is None else f"{row.greeks.delta:.4f}",
    "7309": lambda row: None if row.greeks is None else f"{row.greeks.gamma:.6f}",
    "7310": lambda row: None if row.greeks is None else f"{row.greeks.theta:.4f}",
    "7311": lambda row: None if row.greeks is None else f"{row.greeks.vega:.4f}",
    "7633": lambda row: None if row.model is None else _percent(row.model[2]),
}
"""The same for fields of options and their underlyings; None for a field without a value."""


def _underlying_volatility(contract: Contract) -> str | None:
    has_options = contract.asset_class == "STK" and contract.is_us
    return _percent(contract.base_volatility) if has_options else None


def _percent(part: float) -> str:
    return f"{part * 100:.2f}%"


class Quotes:
    """Market data of the contracts in the catalogue."""

    def __init__(self, state: State) -> None:
        self._trading = state.trading
        self._clock = state.clock

    def _known(self, conid: int) -> bool:
        trading = self._trading
        return conid in trading.catalogue.contracts and conid not in trading.without_data

    def head(self, conid: int) -> dict[str, Any]:
        """Return what a contract's market data always contains, whichever fields are requested."""
        server = f"q{conid % 1000}"
        head: dict[str, Any] = {
            "conid": conid,
            "conidEx": str(conid),
            "_updated": int(self._clock.now() * 1000),
            "server_id": server,
            "6119": server,
        }
        if conid not in self._trading.catalogue.contracts:
            # IBKR sends these two values for an id that is not a contract, whichever fields the
            # client has requested.
            return head | {"55": "-", "31": "N/A"}
        return head | {"6509": AVAILABILITY if self._known(conid) else "N"}

    def last(self, conid: int) -> Decimal | None:
        """Return a contract's last price; None if the contract has no market data."""
        if not self._known(conid):
            return None
        with self._trading.now() as exchange:
            return exchange.market.last(conid, exchange.now)

    def fields(self, conid: int, wanted: Collection[str]) -> dict[str, Any]:
        """Return a contract's market data by field id: those of the `wanted` fields that it has."""
        return self.many([(conid, wanted)])[0]

    def many(self, asked: Iterable[tuple[int, Collection[str]]]) -> list[dict[str, Any]]:
        """Return the market data of several contracts, by field id.

        Args:
            asked: pairs of a conid and the ids of the wanted fields.

        Returns:
            For each pair, those of the wanted fields that the contract has.
        """
        with self._trading.now() as exchange:
            session = calendar.last_session(exchange.now)
            return [
                self._values(exchange, session, conid, wanted)
                if wanted and self._known(conid)
                else {}
                for conid, wanted in asked
            ]

    def _values(
        self, exchange: Exchange, session: calendar.Session, conid: int, wanted: Collection[str]
    ) -> dict[str, Any]:
        day = self._trading.day(conid, session)
        contract = self._trading.catalogue.contracts[conid]
        row = _Row(contract, exchange.market, exchange.now, day)
        day.take(row.last)
        found = {name: field(row) for name, field in _FIELDS.items() if name in wanted}
        for name, option_field in _OPTION_FIELDS.items():
            if name in wanted and (value := option_field(row)) is not None:
                found[name] = value
        if "87" in found:
            found["87_raw"] = _FIELDS["87_raw"](row)
        return found


def compact(number: float) -> str:
    """Return a volume as text in IBKR's short form, such as 950, 1.2K, 50.1M or 2.5B."""
    for size, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if number >= size:
            return f"{number / size:.1f}{suffix}"
    return f"{number:.0f}"
