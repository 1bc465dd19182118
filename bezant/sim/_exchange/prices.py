"""Prices: for every contract a path that is known at any time, past or to come."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from bezant.sim._exchange import calendar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bezant.sim._catalogue import Contract

Hours = Literal["always", "regular"]
"""When there is trading: at any time, or in the regular sessions of US stocks only."""

_HALF = float(1 << 63)
_FINEST = 0.5
_RATIO = 8
_OCTAVES = 9
_FINEST_SWING = 0.0003
_GROWTH = 1.93
CENT = Decimal("0.01")
_LEVEL = Decimal(500)


class Noise:
    """A wandering number for every moment: waves of many lengths, added up.

    It is drawn from a seed and the moment alone, so that a bar of last year needs no walk there.
    """

    __slots__ = ("_cells", "_key", "_waves")

    def __init__(self, seed: int, interval: float) -> None:
        self._key = seed
        lengths = [_FINEST * _RATIO**number for number in range(_OCTAVES)]
        swings = [_FINEST_SWING * _GROWTH**number for number in range(_OCTAVES)]
        if interval < _FINEST:
            # Streams that tell of changes more often want changes to tell of.
            lengths.insert(0, interval)
            swings.insert(0, _FINEST_SWING)
        self._waves = tuple(zip(lengths, swings, strict=True))
        self._cells: list[tuple[int, float, float]] = [(-1, 0.0, 0.0)] * len(self._waves)

    def at(self, when: float) -> float:
        """Return the number at a time; 0 on average, a few hundredths at most."""
        total = 0.0
        cells, key = self._cells, self._key
        for wave, (length, swing) in enumerate(self._waves):
            place = when / length
            cell = int(place)
            known, begin, end = cells[wave]
            if known != cell:
                # The hash of numbers is the same in every process, and the cheapest draw.
                begin = hash((cell, key, wave)) / _HALF
                end = hash((cell + 1, key, wave)) / _HALF
                cells[wave] = (cell, begin, end)
            total += swing * (begin + (end - begin) * (place - cell))
        return total

    def whole(self, name: int, step: int, low: int, high: int) -> int:
        """Draw a whole number, `low` to `high`, for a step of the market."""
        return low + hash((step, self._key, 32 + name)) % (high - low + 1)


@dataclass(frozen=True, slots=True)
class Quote:
    """What a contract costs at a moment.

    `bid_size` and `ask_size` are all that can be traded until the market's next step.
    """

    last: Decimal
    bid: Decimal
    ask: Decimal
    bid_size: int
    ask_size: int
    last_size: int


class Path:
    """The prices of one contract."""

    __slots__ = ("_base", "_noise", "_rate", "_start", "contract")

    def __init__(
        self, contract: Contract, price: Decimal, seed: int, interval: float, start: float
    ) -> None:
        self.contract: Contract = contract
        self._noise = Noise(hash((seed, contract.conid)), interval)
        self._start = self._noise.at(start)
        self._base = float(price)
        self._rate = self._noise.whole(9, 0, 20, 2500)

    def last(self, when: float) -> Decimal:
        """Return the last price at a time."""
        return Decimal(f"{self.price(when):.2f}")

    def price(self, when: float) -> float:
        """Return the last price as a number for charts: in cents, at least one."""
        moved = self._base * math.exp(self._noise.at(when) - self._start)
        return max(0.01, round(moved, 2))

    def quote(self, when: float, step: int) -> Quote:
        """Return the market at a time."""
        last = self.last(when)
        draw = self._noise.whole
        low, high, unit = (1, 15, 100) if self.contract.asset_class == "STK" else (2, 60, 1)
        return spread(
            last,
            draw(0, step, low, high) * unit,
            draw(1, step, low, high) * unit,
            draw(2, step, low, high // 2) * unit,
        )

    def volume(self, begin: float, end: float) -> int:
        """Return how much was traded between two times; parts add up to the whole."""
        return int(self._traded(end)) - int(self._traded(begin))

    def _traded(self, when: float) -> float:
        swing = 0.0
        for wave, length in ((40, 60.0), (41, 900.0), (42, 7200.0)):
            place = when / length
            cell = int(place)
            begin, end = (self._noise.whole(wave, at, 0, 1000) for at in (cell, cell + 1))
            # Shallow enough that the sum never falls.
            swing += length * 0.0003 * (begin + (end - begin) * (place - cell))
        return self._rate * (when + swing) / 100


def spread(last: Decimal, bid_size: int, ask_size: int, last_size: int) -> Quote:
    """Return a market around a price: a cent to either side, two where it is dear."""
    half = CENT if last < _LEVEL else 2 * CENT
    return Quote(last, max(CENT, last - half), last + half, bid_size, ask_size, last_size)


class Market:
    """The markets of all contracts, and the times at which there is trading.

    Args:
        contracts: The contracts by conid; more may be added to it later.
        prices: Where prices begin that do not begin at the contract's own, by conid.
        seed: What the paths are drawn from.
        interval: Seconds between two changes.
        start: When it begins, in seconds since 1970.
        hours: When there is trading.
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
        self._paths: dict[int, Path] = {}
        self._quotes: dict[int, tuple[int, Quote]] = {}
        self._pinned: dict[int, Quote] = {}
        self._halted: dict[int, Quote] = {}

    @property
    def interval(self) -> float:
        """Seconds between two changes."""
        return self._interval

    def step(self, now: float) -> int:
        """Return the number of the market's step at a time; the first is 0."""
        return int((now - self._start) / self._interval + 1e-6)

    def time_of(self, step: int) -> float:
        """Return when a step begins."""
        return self._start + step * self._interval

    def is_open(self, now: float, *, extended: bool = False) -> bool:
        """Tell whether there is trading at a time."""
        return self.hours == "always" or calendar.is_open(now, extended=extended)

    def effective(self, now: float) -> float:
        """Return the time whose price holds at a time: outside the hours that of the close."""
        if self.hours == "always":
            return now
        return min(now, calendar.last_session(now).closes)

    def path(self, conid: int) -> Path:
        """Return the path of a contract.

        Raises:
            KeyError: If there is no such contract.
        """
        path = self._paths.get(conid)
        if path is None:
            contract = self._contracts[conid]
            price = self._prices.get(conid) or Decimal(f"{contract.price:.2f}")
            start = self.effective(self._start)
            path = Path(contract, price, self._seed, self._interval, start)
            self._paths[conid] = path
        return path

    def quote(self, conid: int, now: float) -> Quote:
        """Return the market of a contract at a time.

        Raises:
            KeyError: If there is no such contract.
        """
        still = self._halted.get(conid) or self._pinned.get(conid)
        if still is not None:
            return still
        step = self.step(now)
        known = self._quotes.get(conid)
        if known is not None and known[0] == step:
            return known[1]
        quote = self.path(conid).quote(self.effective(self.time_of(step)), step)
        self._quotes[conid] = (step, quote)
        return quote

    def pin(self, conid: int, quote: Quote) -> None:
        """Hold a contract's market still."""
        self.path(conid)
        self._pinned[conid] = quote

    def halt(self, conid: int, now: float) -> None:
        """Stop the trading in a contract; its market stands still."""
        self._halted[conid] = self.quote(conid, now)

    def resume(self, conid: int) -> None:
        """Let a contract be traded again."""
        self._halted.pop(conid, None)

    def is_halted(self, conid: int) -> bool:
        """Tell whether the trading in a contract was stopped."""
        return conid in self._halted

    def unpin(self, conid: int) -> None:
        """Let a contract's market move again; from where its path is meanwhile."""
        self._pinned.pop(conid, None)
