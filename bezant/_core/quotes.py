"""Quotes that come on the second call or later, gathered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec import UNSET

from ..errors import InvalidRequest
from ..models.market_data import Snapshot
from .stream.fields import MarketDataFields

# What IBKR takes in one call.
MAX_CONTRACTS: Final = 100

FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 1.0

_ATTRIBUTES: Final = {each.encode_name: each.name for each in msgspec.structs.fields(Snapshot)}


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
        # Fields that the model does not have are lost anyway: nobody can wait for them.
        self._names = [_ATTRIBUTES[code] for code in self.codes if code in _ATTRIBUTES]
        self._conids = list(dict.fromkeys(conids))
        self._rows: dict[int, Snapshot] = {}
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

    def add(self, asked: Iterable[int], rows: Iterable[Snapshot]) -> None:
        """Take an answer; what an earlier one said and this one does not still holds."""
        for conid in asked:
            self._rounds[conid] += 1
        for row in rows:
            if isinstance(row.conid, int) and row.conid in self._rounds:
                before = self._rows.get(row.conid)
                self._rows[row.conid] = row if before is None else _joined(before, row)

    def found(self) -> dict[int, Snapshot]:
        """Return what has come, in the order asked for."""
        return {conid: self._rows[conid] for conid in self._conids if conid in self._rows}

    def _is_open(self, conid: int) -> bool:
        row = self._rows.get(conid)
        if row is None:
            return True
        if all(getattr(row, name) is not UNSET for name in self._names):
            return False
        # N: not subscribed. What is known without a subscription comes on the second call.
        availability = row.market_data_availability or ""
        return not (availability.startswith("N") and self._rounds[conid] > 1)


def _joined(before: Snapshot, row: Snapshot) -> Snapshot:
    values = {name: getattr(row, name) for name in row.__struct_fields__}
    news = {name: value for name, value in values.items() if value is not UNSET}
    return msgspec.structs.replace(before, **news)


def next_pause(pause: float) -> float:
    """Return the pause after this one."""
    return min(pause * 2, _LONGEST_PAUSE)
