"""Simulated prices of contracts, computed for any time in the past or future."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from . import calendar, options
from .noise import Noise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .catalogue import Contract

Hours = Literal["always", "regular"]
"""Market hours: at any time, or in the regular sessions of US stocks only."""

CENT = Decimal("0.01")
_LEVEL = Decimal(500)
# Rounding to whole cents changes a price by at most this much.
_CLOSE = 0.006
# The random part of the trading volume is the sum of these waves. Each has a number, which selects
# its random values, and a length in seconds.
_TRADED = ((40, 60.0), (41, 900.0), (42, 7200.0))


@dataclass(frozen=True, slots=True)
class Quote:
    """Prices and sizes of a contract at one moment.

    `bid_size` and `ask_size` are the quantities that can be sold and bought until the market's next
    step.
    """

    last: Decimal
    bid: Decimal
    ask: Decimal
    bid_size: int
    ask_size: int
    last_size: int


class Path:
    """The prices and trading volume of one contract, at any time."""

    __slots__ = ("_base", "_cells", "_noise", "_rate", "_start", "contract")

    def __init__(
        self, contract: Contract, price: Decimal, seed: int, interval: float, start: float
    ) -> None:
        self.contract: Contract = contract
        self._noise = Noise(hash((seed, contract.conid)), interval)
        self._start = self._noise.at(start)
        self._base = float(price)
        self._rate = self._noise.whole(9, 0, 20, 2500)
        self._cells: list[tuple[int, int, int]] = [(-1, 0, 0)] * len(_TRADED)

    def last(self, when: float) -> Decimal:
        """Return the last price at a time."""
        return Decimal(f"{self.price(when):.2f}")

    def price(self, when: float) -> float:
        """Return the last price at a time, rounded to cents, at least one cent."""
        moved = self._base * math.exp(self._noise.at(when) - self._start)
        return max(0.01, round(moved, 2))

    def within(self, when: float, low: Decimal | None, high: Decimal | None) -> float:
        """Return a time until which the price is sure to stay between `low` and `high`.

        The result is `when` itself if the price may soon leave this range. If `low` or `high` is
        None, the range has no limit on that side.
        """
        below, above = -math.inf, math.inf
        if low is not None:
            below = self._noise_of(float(low) + _CLOSE)
        if high is not None:
            above = self._noise_of(float(high) - _CLOSE)
        return self._noise.within(when, below, above)

    def _noise_of(self, price: float) -> float:
        # A price is never below one cent. So a bound this low is never reached, and it has no
        # logarithm if it is 0 or negative.
        return math.log(price / self._base) + self._start if price > _CLOSE else -math.inf

    def quote(self, last: Decimal, step: int) -> Quote:
        """Return a quote with bid and ask next to the last price, and the step's random sizes."""
        draw = self._noise.whole
        low, high, unit = (1, 15, 100) if self.contract.asset_class == "STK" else (2, 60, 1)
        return spread(
            last,
            draw(0, step, low, high) * unit,
            draw(1, step, low, high) * unit,
            draw(2, step, low, high // 2) * unit,
        )

    def volume(self, begin: float, end: float) -> int:
        """Return the volume traded between two times.

        The volumes of two adjacent intervals add up to the volume of both together.
        """
        return self.traded(end) - self.traded(begin)

    def traded(self, when: float) -> int:
        """Return the total volume traded from 1970 to a time."""
        swing = 0.0
        for number, (wave, length) in enumerate(_TRADED):
            position = when / length
            cell = int(position)
            known, begin, end = self._cells[number]
            if known != cell:
                begin = self._noise.whole(wave, cell, 0, 1000)
                end = self._noise.whole(wave, cell + 1, 0, 1000)
                self._cells[number] = (cell, begin, end)
            # The factor 0.0003 keeps the waves flat enough that the total never decreases.
            swing += length * 0.0003 * (begin + (end - begin) * (position - cell))
        return int(self._rate * (when + swing) / 100)


class OptionPath(Path):
    """The prices of an option, which follow from those of its underlying.

    Args:
        contract: the option.
        under: prices of the underlying.
        volatility: yearly volatility.
        seed: seed of the trading volume.
        interval: seconds between two changes of prices.
    """

    __slots__ = ("_expires", "_under", "volatility")

    def __init__(
        self, contract: Contract, under: Path, volatility: float, seed: int, interval: float
    ) -> None:
        super().__init__(contract, CENT, seed, interval, 0.0)
        self._under = under
        self._expires = calendar.expires(contract.expiry)
        self.volatility: float = volatility

    def price(self, when: float) -> float:
        """Return the last price at a time, rounded to cents, at least one cent."""
        return self.beside(self._under.price(when), when)

    def beside(self, spot: float, when: float) -> float:
        """Return the price at a time when the price of the underlying is `spot`."""
        contract = self.contract
        years = (self._expires - when) / options.YEAR
        worth = options.value(contract.right or "", spot, contract.strike, years, self.volatility)
        return max(0.01, round(worth, 2))

    def within(self, when: float, low: Decimal | None, high: Decimal | None) -> float:  # noqa: ARG002
        """Return `when`: the price of an option may leave any range soon."""
        return when


def spread(last: Decimal, bid_size: int, ask_size: int, last_size: int) -> Quote:
    """Return a quote with bid and ask one cent from `last`; two cents if `last` is 500 or more."""
    half = CENT if last < _LEVEL else 2 * CENT
    return Quote(last, max(CENT, last - half), last + half, bid_size, ask_size, last_size)


class Market:
    """Quotes of all contracts, and the market hours.

    Time is divided into steps of `interval` seconds; prices change only from step to step.

    Args:
        contracts: contracts by conid; contracts may be added to this mapping later.
        prices: prices at the start, by conid; the contract's own price by default.
        seed: seed from which the prices are generated.
        interval: length of a step in seconds.
        start: time of the first step, in seconds since 1970.
        hours: the market hours.
    """

    def __init__(
        self,
        contracts: Mapping[int, Contract],
        *,
        prices: Mapping[int, Decimal] | None = None,
        seed: int = 0,
        interval: float = 0.5,
        start: float = 0.0,
        hours: Hours = "always",
    ) -> None:
        self._contracts = contracts
        self._prices = dict(prices or {})
        self._seed = seed
        self._interval = interval
        self._start = start
        self.hours: Hours = hours
        self.version: int = 0
        """Number that changes when a price is fixed or released, or trading halts or resumes."""
        self._paths: dict[int, Path] = {}
        self._lasts: dict[int, tuple[int, Decimal]] = {}
        self._quotes: dict[int, tuple[int, Quote]] = {}
        self._pinned: dict[int, Quote] = {}
        self._halted: dict[int, Quote] = {}

    @property
    def interval(self) -> float:
        """Length of a step in seconds: how often prices change."""
        return self._interval

    def step(self, now: float) -> int:
        """Return the number of the step at the time `now`; the first step has the number 0."""
        return int((now - self._start) / self._interval + 1e-6)

    def time_of(self, step: int) -> float:
        """Return the time when a step starts."""
        return self._start + step * self._interval

    def is_open(self, now: float, *, extended: bool = False) -> bool:
        """Return whether the market is open at a time."""
        return self.hours == "always" or calendar.is_open(now, extended=extended)

    def effective(self, now: float) -> float:
        """Return the time whose price is still the current price at `now`.

        This is the last close if the market is closed at `now`, and `now` itself otherwise.
        """
        if self.hours == "always":
            return now
        return min(now, calendar.last_session(now).closes)

    def path(self, conid: int) -> Path:
        """Return the prices of a contract.

        Raises:
            KeyError: the contract does not exist.
        """
        path = self._paths.get(conid)
        if path is None:
            contract = self._contracts[conid]
            start = self.effective(self._start)
            path = self._option_path(contract, start) or Path(
                contract, self._price(contract), self._seed, self._interval, start
            )
            self._paths[conid] = path
        return path

    def _price(self, contract: Contract) -> Decimal:
        """Return a contract's price at the start."""
        return self._prices.get(contract.conid) or Decimal(f"{contract.price:.2f}")

    def _option_path(self, option: Contract, start: float) -> OptionPath | None:
        """Return the prices of an option; None if they cannot follow from its underlying."""
        under = self._contracts.get(option.underlying)
        if under is None or option.asset_class != "OPT":
            return None
        volatility: float | None = option.volatility
        if not volatility or option.conid in self._prices:
            price, spot = float(self._price(option)), float(self._price(under))
            volatility = _implied(option, spot, price, start)
        if volatility is None:
            return None
        spot_path = self.path(under.conid)
        return OptionPath(option, spot_path, volatility, self._seed, self._interval)

    def model(self, conid: int, now: float) -> tuple[float, float, float] | None:
        """Return what the price of an option follows from.

        Returns:
            The price of the underlying, the time to the expiry in years, and the volatility; None
            if the contract is no option, has expired, or has a price that no volatility gives.
        """
        option = self._contracts[conid]
        if option.asset_class != "OPT" or option.underlying not in self._contracts:
            return None
        path = self.path(conid)
        spot, when = float(self.last(option.underlying, now)), self._time(now)
        if isinstance(path, OptionPath) and self._still(conid) is None:
            volatility: float | None = path.volatility
        else:
            volatility = _implied(option, spot, float(self.last(conid, now)), when)
        years = (calendar.expires(option.expiry) - when) / options.YEAR
        return None if volatility is None or years <= 0 else (spot, years, volatility)

    def _time(self, now: float) -> float:
        """Return the time from which the prices at `now` are."""
        return self.effective(self.time_of(self.step(now)))

    def quote(self, conid: int, now: float) -> Quote:
        """Return the quote of a contract at a time.

        Raises:
            KeyError: the contract does not exist.
        """
        still = self._still(conid)
        if still is not None:
            return still
        step = self.step(now)
        known = self._quotes.get(conid)
        if known is not None and known[0] == step:
            return known[1]
        quote = self.path(conid).quote(self.last(conid, now), step)
        self._quotes[conid] = (step, quote)
        return quote

    def last(self, conid: int, now: float) -> Decimal:
        """Return the last price of a contract at a time.

        Raises:
            KeyError: the contract does not exist.
        """
        still = self._still(conid)
        if still is not None:
            return still.last
        step = self.step(now)
        known = self._lasts.get(conid)
        if known is not None and known[0] == step:
            return known[1]
        path = self.path(conid)
        when = self._time(now)
        if isinstance(path, OptionPath):
            # A test may have set the price of the underlying.
            spot = float(self.last(path.contract.underlying, now))
            last = Decimal(f"{path.beside(spot, when):.2f}")
        else:
            last = path.last(when)
        self._lasts[conid] = (step, last)
        return last

    def _still(self, conid: int) -> Quote | None:
        return self._halted.get(conid) or self._pinned.get(conid)

    def within(self, conid: int, now: float, low: Decimal | None, high: Decimal | None) -> float:
        """Return a time until which the last price is sure to stay between `low` and `high`.

        The result is `now` itself if the price may soon leave this range. If `low` or `high` is
        None, the range has no limit on that side. If the market has trading hours, the result is
        not later than their next start or end.
        """
        # The current price is the price at the start of the step, not at `now`.
        begun = self.time_of(self.step(now))
        if self._still(conid) is not None or self.effective(begun) < begun:
            last = self.last(conid, now)
            inside = (low is None or low < last) and (high is None or last < high)
            calm = math.inf if inside else now
        else:
            calm = max(now, self.path(conid).within(begun, low, high))
        return calm if self.hours == "always" else min(calm, calendar.next_bound(now))

    def pin(self, conid: int, quote: Quote) -> None:
        """Fix the quote of a contract."""
        self.path(conid)
        self._pinned[conid] = quote
        self._changed()

    def halt(self, conid: int, now: float) -> None:
        """Halt trading in a contract; its quote does not change until trading resumes."""
        self._halted[conid] = self.quote(conid, now)
        self._changed()

    def resume(self, conid: int) -> None:
        """Resume trading in a contract."""
        self._halted.pop(conid, None)
        self._changed()

    def is_halted(self, conid: int) -> bool:
        """Return whether trading in a contract is halted."""
        return conid in self._halted

    def unpin(self, conid: int) -> None:
        """Let the price of a contract move again after `pin`.

        The price jumps to what it would be at this time without `pin`.
        """
        self._pinned.pop(conid, None)
        self._changed()

    def _changed(self) -> None:
        # The prices of options depend on the contract that has changed.
        self._lasts.clear()
        self._quotes.clear()
        self.version += 1


def _implied(option: Contract, spot: float, price: float, when: float) -> float | None:
    """Return the volatility with which an option has a price at a time; None if there is none."""
    years = (calendar.expires(option.expiry) - when) / options.YEAR
    if not 0 < years < math.inf or option.strike <= 0:
        return None
    return options.implied(option.right or "", spot, option.strike, years, price)
