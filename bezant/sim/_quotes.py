"""Prices: one seeded random walk per contract, read by snapshots and streams alike."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bezant.sim._catalogue import Catalogue, Contract
    from bezant.sim._clock import Clock

_MAX_STEPS = 5000
AVAILABILITY = "RpB"


class Walk:
    """A price that moves by steps; the same seed and number of steps give the same price."""

    def __init__(self, key: str, price: float, volatility: float = 0.0004) -> None:
        self._rng = random.Random(key)
        self._volatility = volatility
        self.steps = 0
        self.prior_close = price
        self.open = self.last = self.high = self.low = price
        self.last_size = 100
        self.bid_size = self._rng.randrange(100, 1500, 100)
        self.ask_size = self._rng.randrange(100, 1500, 100)
        self.volume = self._rng.randrange(200_000, 60_000_000)

    def advance_to(self, step: int) -> None:
        """Take the steps that are due; after a long rest only the latest ones."""
        if step - self.steps > _MAX_STEPS:
            self.steps = step - _MAX_STEPS
        while self.steps < step:
            self.steps += 1
            self._step()

    def _step(self) -> None:
        self.bid_size = self._rng.randrange(100, 1500, 100)
        if self._rng.random() < 0.2:
            return
        self.ask_size = self._rng.randrange(100, 1500, 100)
        moved = self.last * (1 + self._rng.gauss(0, self._volatility))
        self.last = max(0.01, round(moved, 2))
        self.last_size = self._rng.randrange(100, 900, 100)
        self.volume += self.last_size
        self.high = max(self.high, self.last)
        self.low = min(self.low, self.last)


class Quotes:
    """The market data of every contract in the catalogue, as strings keyed by field id."""

    def __init__(self, catalogue: Catalogue, seed: int, interval: float, clock: Clock) -> None:
        self._catalogue = catalogue
        self._seed = seed
        self._interval = interval
        self._clock = clock
        self._begin = clock.elapsed()
        self._walks: dict[int, Walk] = {}
        self._account = Walk(f"{seed}/account", 1000.0, 0.002)

    @property
    def _step(self) -> int:
        return int((self._clock.elapsed() - self._begin) / self._interval)

    def account_change(self) -> float:
        """Return by how much the account's value differs from its value at the start."""
        self._account.advance_to(self._step)
        return round((self._account.last - self._account.prior_close) * 10, 2)

    def head(self, conid: int) -> dict[str, Any]:
        """Return the keys that every row of market data has, prices known or not."""
        return {
            "conid": conid,
            "conidEx": str(conid),
            "_updated": int(self._clock.now() * 1000),
            "server_id": f"q{conid % 1000}",
            "6509": AVAILABILITY if conid in self._catalogue.contracts else "N",
        }

    def fields(self, conid: int, wanted: set[str]) -> dict[str, Any]:
        """Return those of the wanted fields that the contract has now."""
        contract = self._catalogue.contracts.get(conid)
        if contract is None:
            return {}
        walk = self._walks.get(conid)
        if walk is None:
            walk = self._walks[conid] = Walk(f"{self._seed}/{conid}", contract.price)
        walk.advance_to(self._step)
        values = _fields(contract, walk)
        return {name: values[name] for name in values if name in wanted}


def _fields(contract: Contract, walk: Walk) -> dict[str, Any]:
    # The prefix stays with the contract, so that a test meets each kind again and again.
    prefix = {0: "C", 1: "H"}.get(contract.conid % 11, "")
    last = walk.last
    change = last - walk.prior_close
    spread = 0.01 if last < 500 else 0.02
    return {
        "31": f"{prefix}{last:.2f}",
        "55": contract.symbol,
        "70": f"{walk.high:.2f}",
        "71": f"{walk.low:.2f}",
        "82": f"{change:+.2f}" if change else "0.00",
        "83": f"{change / walk.prior_close * 100:.2f}%",
        "84": f"{max(0.0, last - spread):,.2f}",
        "85": f"{walk.ask_size:,}",
        "86": f"{last + spread:,.2f}",
        "87": compact(walk.volume),
        "88": f"{walk.bid_size:,}",
        "6008": contract.conid,
        "6070": contract.asset_class,
        "7051": contract.name,
        "7059": f"{walk.last_size:,}",
        "7184": "1",
        "7219": contract.title,
        "7221": contract.exchange,
        "7295": f"{walk.open:.2f}",
        "7296": f"{walk.prior_close:.2f}",
        "7635": f"{last:.2f}",
        "7741": f"{walk.prior_close:.2f}",
        "7762": str(walk.volume),
    }


def compact(number: float) -> str:
    """Write a number as the wire does for volumes: 950, 1.2K, 50.1M, 2.5B."""
    for size, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if number >= size:
            return f"{number / size:.1f}{suffix}"
    return f"{number:.0f}"
