"""Quotes that come on the second call or later, gathered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

from ..._wire import converters
from ...errors import InvalidRequest
from ...models.stream import MarketData
from ..http.backoff import Backoff
from .fields import MarketDataFields

# What IBKR takes in one call.
MAX_CONTRACTS: Final = 100

POLL: Final = Backoff(0.1, 1.0)
_AVAILABILITY: Final = "6509"


class Quotes:
    """What has come of some contracts, and what has not.

    Args:
        conids: the contracts.
        fields: what is wanted of each; by default the usual ones.

    Raises:
        InvalidRequest: a conid is not a whole number, or there is none.
    """

    def __init__(self, conids: Iterable[int], fields: MarketDataFields | None) -> None:
        self.codes: list[str] = list(fields or MarketDataFields.default_l1())
        self._conids = list(dict.fromkeys(conids))
        self._rows: dict[int, dict[str, Any]] = {}
        self._rounds: dict[int, int] = dict.fromkeys(self._conids, 0)
        if not self._conids:
            raise InvalidRequest("name at least one contract")
        for conid in self._conids:
            if isinstance(conid, bool) or not isinstance(conid, int) or conid < 1:
                raise InvalidRequest(f"{conid!r} is not a contract's id, such as 265598")

    @property
    def complete(self) -> bool:
        """Whether everything has come."""
        return not any(map(self._is_open, self._conids))

    def batches(self) -> Iterator[list[int]]:
        """Iterate over the contracts to ask for, as many at a time as one call takes."""
        left = [conid for conid in self._conids if self._is_open(conid)]
        for start in range(0, len(left), MAX_CONTRACTS):
            yield left[start : start + MAX_CONTRACTS]

    def add(self, asked: Iterable[int], rows: Iterable[object]) -> None:
        """Take an answer; what an earlier one said and this one does not still holds."""
        for conid in asked:
            self._rounds[conid] += 1
        for row in rows:
            if isinstance(row, dict):
                news = cast("dict[str, Any]", row)
                conid = _conid_of(news)
                if conid in self._rounds:
                    self._rows[conid] = {**self._rows.get(conid, {}), **news}

    def found(self) -> dict[int, MarketData]:
        """Return what has come, in the order asked for."""
        return {
            conid: MarketData(
                conid=conid,
                conid_ex=str(self._rows[conid].get("conidEx") or conid),
                raw=self._rows[conid],
            )
            for conid in self._conids
            if conid in self._rows
        }

    def _is_open(self, conid: int) -> bool:
        row = self._rows.get(conid)
        if row is None:
            return True
        if all(code in row for code in self.codes):
            return False
        # N: not subscribed. What is known without a subscription comes on the second call.
        availability = str(row.get(_AVAILABILITY) or "")
        return not (availability.startswith("N") and self._rounds[conid] > 1)


def _conid_of(row: dict[str, Any]) -> int:
    """Return which contract a row is about; 0 where it does not say."""
    try:
        return converters.to_int(row.get("conid")) or 0
    except (ValueError, ArithmeticError):
        return 0
