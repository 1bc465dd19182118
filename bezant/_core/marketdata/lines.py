"""Counts market data lines: the contracts for which IBKR sends market data at the same time.

A stream and the snapshots of a contract share one line. A snapshot keeps its line in use after the
response, so the client releases lines of old snapshots when too many lines are in use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final, cast
from urllib.parse import parse_qs

from ..._wire.conid_ex import is_combination, without_exchange
from ..decoding.decoder import loads
from ..http.messages import Request

# Number of lines that a user of IBKR has by default. Users can buy more.
DEFAULT_LINES: Final = 100
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
        return len(self._current(now).keys() | set(map(without_exchange, streamed)))

    def idle(self, streamed: AbstractSet[str], now: float, keep: Iterable[str] = ()) -> list[str]:
        """Return the contracts with a recent snapshot but no open stream, oldest snapshot first.

        Combinations are left out. All combinations of a currency share one conid, and IBKR ends
        subscriptions by conid, so releasing one combination would end the others, too.

        Args:
            streamed: contracts for which streams are open.
            now: monotonic time.
            keep: other contracts to leave out of the result.
        """
        kept = set(map(without_exchange, (*streamed, *keep)))
        return [
            each for each in self._current(now) if each not in kept and not is_combination(each)
        ]

    def surplus(
        self, streamed: AbstractSet[str], now: float, keep: Iterable[str] = ()
    ) -> list[str]:
        """Return contracts to release so that at most `DEFAULT_LINES` market data lines are used.

        The contracts are the first ones that `idle` returns, as many as are necessary, or all of
        them if they do not suffice. Each contract in `keep` counts as using a line.
        """
        surplus = self.count({*streamed, *keep}, now) - DEFAULT_LINES
        return self.idle(streamed, now, keep)[: max(surplus, 0)]

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
