"""Market data snapshots, collected over several calls.

IBKR's first response for a contract only subscribes to its fields; the values come later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

from ..._wire import converters
from ..._wire.availability import NEVER, STILL, availability_of
from ..._wire.redaction import shown
from ...errors import CompetingSession, InvalidRequest
from ...models._session import AuthStatus
from ...models.stream import MarketData
from ..http.backoff import Backoff
from ..operations.market_data import GET_MD_SNAPSHOT
from .fields import MarketDataFields

# IBKR accepts up to 100 contracts in one call.
MAX_CONTRACTS: Final = 100

POLL: Final = Backoff(0.1, 1.0)
_AVAILABILITY: Final = "6509"
# IBKR sends one of these texts for a field without a value.
_NOTHING: Final = ("", "-", "N/A")
# After this many responses without a new value, no further values are expected.
_QUIET_ROUNDS: Final = 3


class Quotes:
    """Quotes of some contracts, merged from several responses.

    Args:
        conids: IBKR's ids of the contracts.
        fields: requested fields; None for `MarketDataFields.default_l1`.

    Raises:
        InvalidRequest: a conid is not a positive whole number, or ``conids`` is empty.
    """

    def __init__(self, conids: Iterable[int], fields: MarketDataFields | None) -> None:
        self.codes: list[str] = list(fields or MarketDataFields.default_l1())
        self._conids = list(dict.fromkeys(conids))
        self._rows: dict[int, dict[str, Any]] = {}
        self._rounds: dict[int, int] = dict.fromkeys(self._conids, 0)
        self._quiet: dict[int, int] = dict.fromkeys(self._conids, 0)
        if not self._conids:
            raise InvalidRequest("no contract was given; pass at least one conid")
        for conid in self._conids:
            if isinstance(conid, bool) or not isinstance(conid, int) or conid < 1:
                raise InvalidRequest(
                    f"a conid must be a positive whole number such as 265598, not {shown(conid)}"
                )

    @property
    def complete(self) -> bool:
        """Whether all fields of all contracts that can have a value have arrived."""
        return not any(map(self._is_open, self._conids))

    def batches(self) -> Iterator[list[int]]:
        """Iterate over the contracts that are not complete, in batches for one call each."""
        left = [conid for conid in self._conids if self._is_open(conid)]
        for start in range(0, len(left), MAX_CONTRACTS):
            yield left[start : start + MAX_CONTRACTS]

    def add(self, asked: Iterable[int], rows: Iterable[object]) -> None:
        """Merge a response; fields that the response lacks keep their earlier values."""
        for conid in asked:
            self._rounds[conid] += 1
            self._quiet[conid] += 1
        for row in rows:
            if isinstance(row, dict):
                news = cast("dict[str, Any]", row)
                conid = _conid_of(news)
                if conid in self._rounds:
                    if self._has(news) - self._has(self._rows.get(conid, {})):
                        self._quiet[conid] = 0
                    self._rows[conid] = {**self._rows.get(conid, {}), **news}

    def found(self) -> dict[int, MarketData]:
        """Return the quotes that have arrived, by conid, in the order of the request."""
        return {
            conid: MarketData(
                conid=conid,
                conid_ex=str(self._rows[conid].get("conidEx") or conid),
                raw=self._rows[conid],
            )
            for conid in self._conids
            if conid in self._rows
        }

    def lost_to_another_session(self, status: AuthStatus | None) -> CompetingSession | None:
        """Return the error if no contract has a value while another session competes, else None.

        Args:
            status: the session's flags, as last received.
        """
        if status is None or not status.competing or any(map(self._has, self._rows.values())):
            return None
        return CompetingSession(
            "no contract has market data, and another session of this user name is open: IBKR "
            "sends market data to one of them; end the other one, then try again",
            operation=GET_MD_SNAPSHOT.operation.name,
            status=status,
        )

    def _is_open(self, conid: int) -> bool:
        row = self._rows.get(conid)
        if row is None:
            return True
        has = self._has(row)
        if has and all(code in row for code in self.codes):
            return False
        availability = availability_of(row.get(_AVAILABILITY))
        if availability in NEVER and self._rounds[conid] > 1:
            return False  # by then, fields that need no subscription have arrived
        # IBKR sends placeholders before the values arrive, and for a conid without a contract;
        # after some responses without news they count as final.
        still = availability in STILL or (not has and all(code in row for code in self.codes))
        return not (still and self._quiet[conid] >= _QUIET_ROUNDS)

    def _has(self, row: dict[str, Any]) -> set[str]:
        """Return the requested fields that have a value in a row."""
        return {code for code in self.codes if row.get(code) not in (None, *_NOTHING)}


def _conid_of(row: dict[str, Any]) -> int:
    """Return the conid of a row; 0 if the row has none."""
    try:
        return converters.to_int(row.get("conid")) or 0
    except (ValueError, ArithmeticError):
        return 0
