"""Counts market data lines: the contracts for which IBKR sends market data at the same time.

A stream and the snapshots of a contract share one line. A snapshot keeps its line in use after the
response, so the client releases lines of old snapshots when too many lines are in use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final, cast
from urllib.parse import parse_qs

from ..._wire.conid_ex import is_combination, without_exchange
from ...errors import TooManyLines
from ..decoding.decoder import loads
from ..http.messages import Request

# In seconds. IBKR ends the subscription behind a snapshot about 15 minutes after the contract's
# last snapshot request.
_LIFETIME: Final = 900.0


class MarketDataLines:
    """Record of the contracts for which snapshots were requested recently.

    The record lets you count the market data lines in use, and find contracts to release.

    It does not contain the contracts of open streams, which use lines, too. Pass these contracts as
    `streamed` to the methods that need them.
    """

    def __init__(self) -> None:
        # Time of the last snapshot request, by contract. The oldest request comes first.
        self._snapshots: dict[str, float] = {}
        # How many calls in progress need each contract's line.
        self._reserved: Counter[str] = Counter()

    def sent(self, request: Request, now: float) -> None:
        """Record that a request is sent, if it uses market data lines."""
        if request.operation.lines == "uses":
            query = parse_qs(request.target.partition("?")[2])
            contracts = ",".join(query.get("conids", ())).split(",")
            self.requested(filter(None, map(str.strip, contracts)), now)

    def answered(self, request: Request, status: int) -> None:
        """Record the response to a request, if the request releases market data lines.

        Args:
            request: the request.
            status: the HTTP status of the response. IBKR responds with 500 if the subscription of a
                contract has ended already.
        """
        if not 200 <= status < 300 and status != 500:
            return
        if request.operation.lines == "releases all":
            self._snapshots.clear()
        elif request.operation.lines == "releases":
            self.released(_contract_in(request.body))

    def requested(self, contracts: Iterable[str], now: float) -> None:
        """Record a request for snapshots of contracts."""
        for contract in map(without_exchange, contracts):
            self._snapshots.pop(contract, None)
            self._snapshots[contract] = now

    def released(self, contract: str) -> None:
        """Record that IBKR's subscription for snapshots of a contract has ended."""
        self._snapshots.pop(without_exchange(contract), None)

    def count(self, streamed: AbstractSet[str], now: float) -> int:
        """Return how many market data lines are in use, by streams and snapshots together."""
        return len(self._current(now).keys() | self._busy(streamed))

    def _busy(self, streamed: AbstractSet[str]) -> set[str]:
        """Return the contracts whose lines cannot be released."""
        return {*map(without_exchange, streamed), *self._reserved}

    def free(self, streamed: AbstractSet[str], now: float, limit: int) -> int:
        """Return how many lines are free, or can be released because only snapshots use them."""
        releasable = len(self.idle(streamed, now))
        return max(limit - self.count(streamed, now) + releasable, 0)

    def reserve(
        self, contracts: Iterable[str], streamed: AbstractSet[str], now: float, limit: int
    ) -> list[str]:
        """Reserve lines for contracts, and return the contracts to release before they are used.

        `unreserve` ends the reservation.

        Raises:
            TooManyLines: there are not enough lines, even after all releases.
        """
        names = {*map(without_exchange, contracts)}
        idle = self.idle(streamed, now, names)
        kept = self._current(now).keys() - set(idle) | self._busy(streamed)
        needed, free = len(names - kept), max(limit - len(kept), 0)
        if needed > free:
            raise TooManyLines(
                f"market data of {needed} more contracts needs {needed} market data lines, but "
                f"only {free} of {limit} are free; nothing was requested. End subscriptions, or "
                "pass max_market_data_lines to the client if IBKR gives you more lines",
                needed=needed,
                free=free,
                limit=limit,
            )
        surplus = idle[: max(needed + len(kept) + len(idle) - limit, 0)]
        self._reserved.update(names)
        return surplus

    def unreserve(self, contracts: Iterable[str]) -> None:
        """End a reservation."""
        self._reserved -= Counter({*map(without_exchange, contracts)})

    def idle(self, streamed: AbstractSet[str], now: float, keep: Iterable[str] = ()) -> list[str]:
        """Return the contracts with a recent snapshot but no open stream, oldest snapshot first.

        Combinations are left out. All combinations of a currency share one conid, and IBKR ends
        subscriptions by conid, so releasing one combination would end the others, too.

        Args:
            streamed: contracts for which streams are open.
            now: monotonic time.
            keep: other contracts to leave out of the result.
        """
        kept = self._busy(streamed) | set(map(without_exchange, keep))
        return [
            each for each in self._current(now) if each not in kept and not is_combination(each)
        ]

    def _current(self, now: float) -> dict[str, float]:
        for contract, since in list(self._snapshots.items()):
            if now - since < _LIFETIME:
                break
            del self._snapshots[contract]
        return self._snapshots


def _contract_in(body: bytes) -> str:
    """Return the contract in the body of a request to unsubscribe; empty without one."""
    try:
        found: object = loads(body)
    except (ValueError, RecursionError):
        return ""
    conid = cast("Mapping[str, object]", found).get("conid") if isinstance(found, Mapping) else None
    return "" if conid is None else str(conid)
