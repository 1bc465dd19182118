"""Contracts that were looked up, with age limits, in memory and in the form of a file's rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, Literal, TypeAlias, cast

from ..._wire.record import Record
from ...errors import DecodeError, SymbolNotFound
from ...models._contract import Contract
from ..decoding.reading import from_json
from .symbols import FORGET_MISSES_AFTER, FORGET_STOCKS_AFTER, STOCKS, Key, SymbolTable

Kind: TypeAlias = Literal["stock", "unknown", "contract", "futures", "strikes", "options", "zone"]
_DAY: Final = 86_400.0
# In seconds: how long a lookup of each kind holds. Within a day, new futures and options may be
# listed.
AGES: Final[dict[Kind, float]] = {
    "stock": FORGET_STOCKS_AFTER,
    "unknown": FORGET_MISSES_AFTER,
    "contract": 7 * _DAY,
    "futures": _DAY,
    "strikes": _DAY,
    "options": _DAY,
    "zone": 30 * _DAY,
}


class Row(Record, frozen=True):
    """One lookup in the form in which a file keeps it.

    Attributes:
        kind: kind of the lookup; a key of `AGES`.
        key: what was looked up.
        saved: time of the lookup, in seconds since 1970.
        value: what was found, as text; None if the lookup is to be forgotten.
    """

    kind: str
    key: str
    saved: float
    value: str | None


class ContractCache:
    """Lookups with their age.

    Values from a file are texts until they are used, so that a file with many contracts is read
    quickly.

    Args:
        has_file: whether changes are to be written to a file.
    """

    def __init__(self, *, has_file: bool) -> None:
        self._has_file = has_file
        self._values: dict[tuple[Kind, str], tuple[float, object]] = {}
        self._texts: dict[tuple[Kind, str], tuple[float, str]] = {}
        self._changes: dict[tuple[str, str], Row] = {}
        self._cleared = False

    def __len__(self) -> int:
        """Return the number of contracts."""
        keys = {*self._values, *self._texts}
        return sum(kind == "contract" for kind, _ in keys)

    def contract(self, conid: int, now: float) -> Contract | None:
        """Return a contract that is not too old; None if it has to be looked up."""
        found = self.contracts("contract", str(conid), now)
        return found[0] if found else None

    def contracts(self, kind: Kind, key: str, now: float) -> list[Contract] | None:
        """Return a list of contracts that is not too old; None if it has to be looked up."""
        value = self._value(kind, key, now)
        if value is None:
            text = self._text(kind, key, now)
            if text is None:
                return None
            try:
                value = [from_json(line, Contract) for line in text[1].splitlines()]
            except DecodeError:
                return None
            self._values[kind, key] = (text[0], value)
        return list(cast("list[Contract]", value))

    def strikes(self, key: str, now: float) -> list[Decimal] | None:
        """Return a list of strikes that is not too old; None if it has to be looked up."""
        value = self._value("strikes", key, now)
        if value is not None:
            return list(cast("list[Decimal]", value))
        text = self._text("strikes", key, now)
        try:
            return None if text is None else [Decimal(line) for line in text[1].splitlines()]
        except ArithmeticError:
            return None

    def zone(self, key: str, now: float) -> str | None:
        """Return the name of a time zone; None if it has to be looked up."""
        text = self._text("zone", key, now)
        return None if text is None else text[1]

    def put(self, kind: Kind, key: str, value: Sequence[Contract | Decimal], now: float) -> None:
        """Keep what a lookup has found."""
        self._values[kind, key] = (now, list(value))
        if self._has_file:
            texts = (each.to_json() if isinstance(each, Contract) else str(each) for each in value)
            self._changes[kind, key] = Row(kind, key, now, "\n".join(texts))

    def put_text(self, kind: Kind, key: str, value: str, now: float) -> None:
        """Keep a text that a lookup has found."""
        self._texts[kind, key] = (now, value)
        if self._has_file:
            self._changes[kind, key] = Row(kind, key, now, value)

    def forget_stock(self, symbol: str, now: float) -> None:
        """Forget the lookups of a stock's symbol, here and in the file."""
        for kind, key in list(self._texts):
            if kind in ("stock", "unknown") and key.split("\t")[0] == symbol:
                del self._texts[kind, key]
                if self._has_file:
                    self._changes[kind, key] = Row(kind, key, now, None)

    def clear(self) -> None:
        """Forget everything, here and in the file."""
        for table in (self._values, self._texts, self._changes):
            table.clear()
        self._cleared = self._has_file

    def load(self, rows: Iterable[Row]) -> None:
        """Take in the rows of a file; what was looked up since then stays."""
        for row in rows:
            if row.kind in AGES and row.value is not None:
                self._texts.setdefault((row.kind, row.key), (row.saved, row.value))

    def take_changes(self) -> tuple[bool, list[Row]]:
        """Return what has to be written: whether to delete all rows first, and the new rows."""
        cleared, rows = self._cleared, list(self._changes.values())
        self._cleared = False
        self._changes.clear()
        return cleared, rows

    def _value(self, kind: Kind, key: str, now: float) -> object | None:
        found = self._values.get((kind, key))
        return found[1] if found is not None and _is_fresh(kind, found[0], now) else None

    def _text(self, kind: Kind, key: str, now: float) -> tuple[float, str] | None:
        found = self._texts.get((kind, key))
        return found if found is not None and _is_fresh(kind, found[0], now) else None

    def fill(self, table: SymbolTable, now: float, moment: float) -> None:
        """Put the stocks of a file into a table of symbols.

        Args:
            table: the table.
            now: the time, in seconds since 1970.
            moment: the same time on the clock that the table uses.
        """
        for (kind, key), (saved, value) in list(self._texts.items()):
            parts = key.split("\t")
            if (
                kind not in ("stock", "unknown")
                or len(parts) != 3
                or not _is_fresh(kind, saved, now)
            ):
                continue
            symbol: Key = (parts[0], parts[1], parts[2])
            if kind == "stock" and value.isdecimal():
                table.found(symbol, int(value), moment - (now - saved))
            elif kind == "unknown":
                error = SymbolNotFound(value, operation=STOCKS.name, symbol=parts[0])
                table.missed(symbol, error, moment - (now - saved))


def stock_key(key: Key) -> str:
    """Return the key of a stock's lookup as a text."""
    return "\t".join(key)


def _is_fresh(kind: Kind, saved: float, now: float) -> bool:
    # The clock may have been set back: a lookup of the future is as doubtful as an old one.
    return -60.0 <= now - saved < AGES[kind]
