"""Finds contracts that send no market data, and compares their prices with snapshots.

IBKR sometimes ends the market data of single contracts without a message. A calm contract sends
nothing, either. So the stream subscribes again to a contract that has sent nothing for some time,
and requests a snapshot: if a price of the snapshot differs from the last known one, market data was
missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..marketdata.liveness import prices_differ
from .quotes import LiveQuote


@dataclass(frozen=True, slots=True)
class SilentQuote:
    """A contract that has sent nothing for some time.

    Attributes:
        key: key of the contract's subscription, such as ``md+265598``.
        live: the contract's newest values.
        known: the values when the silence was noticed, by IBKR's ids.
        version: number of changes when the silence was noticed.
        since: monotonic time since when nothing has come.
        fields: ids of the fields of the subscription.
    """

    key: str
    live: LiveQuote
    known: Mapping[str, Any]
    version: int
    since: float
    fields: tuple[str, ...]

    @property
    def spoke(self) -> bool:
        """Whether a message about the contract has come since the silence was noticed."""
        return self.live.version != self.version

    def differs(self, other: Mapping[str, Any]) -> bool:
        """Return whether a price differs from the one when the silence was noticed."""
        return prices_differ(self.known, other, self.fields)


class SilenceWatch:
    """Finds contracts that have sent nothing for some time.

    Args:
        limit: the time in seconds.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        # The number of changes, and the time when it was first seen, by key.
        self._seen: dict[str, tuple[int, float]] = {}
        self._due = 0.0
        self.found: list[SilentQuote] = []

    def forget(self) -> None:
        """Forget all contracts, because the connection was lost."""
        self._seen.clear()
        self.found.clear()

    def is_due(self, now: float) -> bool:
        """Return whether it is time to call `look`."""
        return now >= self._due

    def look(self, quotes: Iterable[tuple[str, LiveQuote]], now: float) -> list[str]:
        """Return the keys of the contracts that have sent nothing for the time limit.

        Each of them is returned again only after another time limit.
        """
        self._due = now + self._limit / 4
        before, self._seen = self._seen, {}
        silent: list[str] = []
        for key, live in quotes:
            version, since = before.get(key, (-1, now))
            if version != live.version:
                since = now
            elif now - since >= self._limit:
                silent.append(key)
                since = now
            self._seen[key] = live.version, since
        return silent

    def take(self) -> list[SilentQuote]:
        """Return the silent contracts to compare with snapshots, and forget them."""
        found, self.found = self.found, []
        return found
