"""Collects market data snapshots from several responses.

The first call for a contract only makes IBKR subscribe to its fields. The values come with later
responses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final, Generic, TypeVar, cast

from ..._wire import converters
from ..._wire.availability import NEVER, STILL, availability_of
from ..._wire.conid_ex import conid_of, is_combination, without_exchange
from ...errors import CompetingSession, InvalidRequest
from ...models._session import AuthStatus
from ...models.stream import MarketData
from ..http.backoff import Backoff
from ..operations.market_data import GET_MD_SNAPSHOT
from .contract import HasConid, contract_text
from .fields import MAX_FIELDS, MarketDataFields
from .quote_row import QuoteRow

# IBKR accepts up to 100 contracts in one call.
MAX_CONTRACTS: Final = 100

POLL: Final = Backoff(0.1, 1.0)
_AVAILABILITY: Final = "6509"
# IBKR sends one of these texts for a field without a value.
_NOTHING: Final = ("", "-", "N/A")
# After this many responses without a new value, the missing values are not expected to come.
_QUIET_ROUNDS: Final = 3


C = TypeVar("C", bound=int | str | HasConid)


class QuoteRequest(Generic[C]):
    """Contracts and fields whose quotes a program wants.

    Args:
        contracts: the contracts, as conids (IBKR's contract ids), as texts such as
            ``265598@NYSE``, or as objects with a ``conid``.
        fields: fields to request; None for `MarketDataFields.default_l1`.
        real_time_only: whether values that are not in real time count as missing.

    Raises:
        InvalidRequest: a contract is not valid, or there is none; or there are 50 fields, and the
            availability is not among them.
    """

    def __init__(
        self, contracts: Iterable[C], fields: MarketDataFields | None, *, real_time_only: bool
    ) -> None:
        if isinstance(contracts, str):
            raise InvalidRequest(
                f"contracts must be a list of contracts, not text; pass [{contracts[:40]!r}]"
            )
        self._given = [(each, contract_text(each)) for each in contracts]
        if not self._given:
            raise InvalidRequest("no contract was given; pass at least one conid")
        asked = fields or MarketDataFields.default_l1()
        self._asked = frozenset(asked)
        self._real_time_only = real_time_only
        self.fields: MarketDataFields = asked
        if _AVAILABILITY not in asked:
            if len(asked) < MAX_FIELDS:
                self.fields = asked | MarketDataFields.from_codes(_AVAILABILITY)
            elif real_time_only:
                raise InvalidRequest(
                    f"real_time_only needs the field availability, and IBKR accepts {MAX_FIELDS} "
                    "fields; pass one field less"
                )
        self._waiting: list[str] = list(dict.fromkeys(text for _, text in self._given))
        self._found: dict[str, MarketData] = {}

    def next_part(self, streamed: AbstractSet[str], free: int) -> list[str]:
        """Return the contracts to request next; an empty list if all were requested.

        Args:
            streamed: contracts that have a line already.
            free: number of free market data lines. The result has as many contracts without a line,
                but at least one.
        """
        lines = set(map(without_exchange, streamed))
        most = len(lines) + max(free, 1)
        part: list[str] = []
        for text in self._waiting:
            lines.add(without_exchange(text))
            if len(lines) > most:
                break
            part.append(text)
        del self._waiting[: len(part)]
        return part

    def add(self, found: Mapping[str, MarketData]) -> None:
        """Record quotes that have arrived, by the contract's text."""
        self._found.update(found)

    def rows(self) -> list[QuoteRow[C]]:
        """Return one row for each contract, in the order in which they were given."""
        return [
            QuoteRow(
                given,
                text,
                self._found.get(text),
                self._asked,
                real_time_only=self._real_time_only,
            )
            for given, text in self._given
        ]


class Quotes:
    """Quotes of some contracts, merged from several responses.

    Args:
        contracts: the contracts as text, in IBKR's spelling.
        fields: fields to request.
    """

    def __init__(self, contracts: Iterable[str], fields: MarketDataFields) -> None:
        self.codes: list[str] = list(fields)
        self._contracts = list(dict.fromkeys(contracts))
        self._rows: dict[str, dict[str, Any]] = {}
        self._rounds: dict[str, int] = dict.fromkeys(self._contracts, 0)
        self._quiet: dict[str, int] = dict.fromkeys(self._contracts, 0)

    @property
    def complete(self) -> bool:
        """Whether no more values are expected: all arrived, or the missing ones will not come."""
        return not any(map(self._is_open, self._contracts))

    def batches(self) -> Iterator[list[str]]:
        """Iterate over the contracts that still lack values, in batches of one call each.

        The text of a combination contains commas, and so cannot be in a list of contracts. Each
        combination is a batch of its own.
        """
        left = [each for each in self._contracts if self._is_open(each)]
        plain = [each for each in left if not is_combination(each)]
        for start in range(0, len(plain), MAX_CONTRACTS):
            yield plain[start : start + MAX_CONTRACTS]
        yield from ([each] for each in left if is_combination(each))

    def add(self, asked: list[str], rows: Iterable[object]) -> None:
        """Merge the response to a call; a field that the response lacks keeps its earlier value.

        `asked` are the contracts of the call.

        `rows` are the objects in the response, one for each contract.
        """
        for contract in asked:
            self._rounds[contract] += 1
            self._quiet[contract] += 1
        for row in rows:
            if isinstance(row, dict):
                news = cast("dict[str, Any]", row)
                for contract in _matches(news, asked):
                    if self._has(news) - self._has(self._rows.get(contract, {})):
                        self._quiet[contract] = 0
                    self._rows[contract] = {**self._rows.get(contract, {}), **news}

    def found(self) -> dict[str, MarketData]:
        """Return the quotes that have arrived, by contract."""
        return {
            text: MarketData(
                conid=conid_of(text),
                conid_ex=text if is_combination(text) else str(row.get("conidEx") or text),
                raw=row,
            )
            for text in self._contracts
            if (row := self._rows.get(text)) is not None
        }

    def lost_to_another_session(self, status: AuthStatus | None) -> CompetingSession | None:
        """Return the error to raise if IBKR sends the market data to another session; else None.

        IBKR sends market data to only one session of a user name. If another session is open and no
        contract has a value, the other session gets the market data.

        Args:
            status: the session's last known status; None if it is not known.
        """
        if status is None or not status.competing or any(map(self._has, self._rows.values())):
            return None
        return CompetingSession(
            "no contract has market data, and another session of this user name is open: IBKR "
            "sends market data to one of them; end the other one, then try again",
            operation=GET_MD_SNAPSHOT.operation.name,
            status=status,
        )

    def _is_open(self, contract: str) -> bool:
        row = self._rows.get(contract)
        if row is None:
            return True
        has = self._has(row)
        if has and self._has_all(row):
            return False
        availability = availability_of(row.get(_AVAILABILITY))
        if availability in NEVER and self._rounds[contract] > 1:
            # Nothing more will come: the user has no market data subscription for the contract, and
            # fields that need none have arrived with the second response.
            return False
        # Placeholders such as "-" come before the real values, but also for a conid that does not
        # exist. So waiting ends after some responses without a new value.
        still = availability in STILL or (not has and self._has_all(row))
        return not (still and self._quiet[contract] >= _QUIET_ROUNDS)

    def _has_all(self, row: dict[str, Any]) -> bool:
        """Return whether a row has all requested fields; the availability may be missing."""
        return all(code in row for code in self.codes if code != _AVAILABILITY)

    def _has(self, row: dict[str, Any]) -> set[str]:
        """Return the ids of the requested fields that have a value in `row`."""
        return {
            code
            for code in self.codes
            if code != _AVAILABILITY and row.get(code) not in (None, *_NOTHING)
        }


def _matches(row: dict[str, Any], asked: list[str]) -> list[str]:
    """Return the requested contracts that a row is about."""
    name = row.get("conidEx")
    if isinstance(name, str) and name in asked:
        return [name]
    try:
        conid = converters.to_int(row.get("conid"))
    except (ValueError, ArithmeticError):
        return []
    return [each for each in asked if conid_of(each) == conid]
