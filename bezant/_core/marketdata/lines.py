"""Market data lines: the contracts for which IBKR sends market data at a time.

A stream and the snapshots of a contract share one line. A snapshot keeps its line after the
response, so lines of old snapshots are released when there are too many.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from ..._wire.conid_ex import is_combination, without_exchange

# Lines that IBKR gives to a user by default; more can be bought.
DEFAULT_LINES: Final = 100
# Seconds. IBKR ends a subscription about 15 minutes after the last request.
_LIFETIME: Final = 900.0


class MarketDataLines:
    """Contracts with a recent snapshot; the contracts of streams are passed as arguments."""

    def __init__(self) -> None:
        # The contract whose snapshot is the oldest comes first.
        self._snapshots: dict[str, float] = {}

    def requested(self, contracts: Iterable[str], now: float) -> None:
        """Record a request for snapshots."""
        for contract in map(without_exchange, contracts):
            self._snapshots.pop(contract, None)
            self._snapshots[contract] = now

    def released(self, contract: str) -> None:
        """Record that the subscription to a contract has ended."""
        self._snapshots.pop(without_exchange(contract), None)

    def count(self, streamed: AbstractSet[str], now: float) -> int:
        """Return how many lines are in use."""
        return len(self._current(now).keys() | set(map(without_exchange, streamed)))

    def idle(self, streamed: AbstractSet[str], now: float, keep: Iterable[str] = ()) -> list[str]:
        """Return the contracts that only a snapshot uses, the oldest first.

        IBKR ends a subscription by its conid, which all combinations of a currency share, so they
        are left out.

        Args:
            streamed: the contracts of all streams.
            now: monotonic time.
            keep: contracts to leave out.
        """
        kept = set(map(without_exchange, (*streamed, *keep)))
        return [
            each for each in self._current(now) if each not in kept and not is_combination(each)
        ]

    def surplus(
        self, streamed: AbstractSet[str], now: float, keep: Iterable[str] = ()
    ) -> list[str]:
        """Return the idle contracts to release, so that no more lines than usual are in use."""
        surplus = self.count({*streamed, *keep}, now) - DEFAULT_LINES
        return self.idle(streamed, now, keep)[: max(surplus, 0)]

    def _current(self, now: float) -> dict[str, float]:
        for contract, since in list(self._snapshots.items()):
            if now - since < _LIFETIME:
                break
            del self._snapshots[contract]
        return self._snapshots
