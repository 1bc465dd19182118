"""What messages amount to: deltas merged into wholes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ...models.stream import LedgerUpdate, MarketData, OrderUpdate, TradeUpdate
from ..decode import Report
from .frames import ledger_row, order_row, trade_row

# What is no longer working is kept for a while, because a later message may tell more of it.
MAX_ROWS: Final = 5_000
_FINISHED: Final = frozenset(
    {
        "apicancelled", "cancelled", "canceled", "expired", "filled", "inactive", "rejected",
    }
)  # fmt: skip


class LiveQuote:
    """The newest values of one contract.

    Attributes:
        version: counts the changes.
        fresh: whether something has come on this connection.
    """

    __slots__ = ("conid", "conid_ex", "fresh", "raw", "version")

    def __init__(self, conid: int, conid_ex: str) -> None:
        self.conid: int = conid
        self.conid_ex: str = conid_ex
        self.raw: dict[str, Any] = {}
        self.version: int = 0
        self.fresh: bool = False

    def update(self, quote: MarketData) -> None:
        """Take over what changed."""
        # A new mapping: somebody may be reading the old one.
        self.raw = {**self.raw, **quote.raw}
        self.version += 1
        self.fresh = True

    def whole(self) -> MarketData:
        """Return all that is known."""
        return MarketData(conid=self.conid, conid_ex=self.conid_ex, raw=self.raw)


class OrderBook:
    """Orders by id, each whole.

    Attributes:
        version: counts the changes.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._rows: dict[int, dict[str, Any]] = {}
        self._wholes: dict[int, OrderUpdate] = {}
        self._old: set[int] = set()
        self.version: int = 0

    def restart(self) -> None:
        """Expect all orders anew: those that do not come again are gone."""
        self._old = set(self._rows)

    def update(self, updates: list[OrderUpdate]) -> None:
        """Take over what changed about some orders, all from one message."""
        for update in updates:
            order_id = update.order_id
            if not isinstance(order_id, int):
                continue
            again = order_id in self._old
            self._old.discard(order_id)
            row = {} if again else self._rows.pop(order_id, {})
            self._rows.pop(order_id, None)
            self._rows[order_id] = {**row, **update.raw}
            self._wholes.pop(order_id, None)
        for order_id in self._old:
            self._drop(order_id)
        self._old.clear()
        if len(self._rows) > MAX_ROWS:
            finished = [key for key, row in self._rows.items() if not is_working(row)]
            for order_id in finished[: len(self._rows) - MAX_ROWS]:
                self._drop(order_id)
        self.version += 1

    def _drop(self, order_id: int) -> None:
        del self._rows[order_id]
        self._wholes.pop(order_id, None)

    def working(self) -> list[int]:
        """Return the ids of the orders that are neither filled nor cancelled nor refused."""
        return [key for key, row in self._rows.items() if is_working(row)]

    def get(self, order_id: int) -> OrderUpdate | None:
        """Return all that is known about a working order."""
        row = self._rows.get(order_id)
        if row is None or not is_working(row):
            return None
        whole = self._wholes.get(order_id)
        if whole is None:
            whole = self._wholes[order_id] = order_row(row, self._report)
        return whole


def is_working(row: Mapping[str, Any]) -> bool:
    """Say whether an order can still be filled."""
    status = row.get("status")
    return not isinstance(status, str) or status.strip().lower() not in _FINISHED


class TradeBook:
    """Executions by id, each whole."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._rows: dict[str, dict[str, Any]] = {}

    def clear(self) -> None:
        """Forget all: the next messages are news again."""
        self._rows.clear()

    def update(self, update: TradeUpdate) -> TradeUpdate | None:
        """Return the execution whole; None where the message says nothing new about it."""
        key = update.execution_id
        if not isinstance(key, str):
            return update
        row = dict(update.raw)
        known = self._rows.pop(key, None)
        if known is None:
            if len(self._rows) >= MAX_ROWS:
                del self._rows[next(iter(self._rows))]
            self._rows[key] = row
            return update
        whole = self._rows[key] = {**known, **row}
        if whole == known:
            return None
        return msgspec.structs.replace(trade_row(whole, self._report), raw=row)


class LedgerBook:
    """Ledgers by account and currency, each whole."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._rows: dict[tuple[str, str], dict[str, Any]] = {}

    def update(self, update: LedgerUpdate) -> LedgerUpdate:
        """Return the ledger with what earlier messages said."""
        key = update.key
        if not isinstance(key, str):
            return update
        known = self._rows.get((update.account, key), {})
        row = dict(update.raw)
        whole = self._rows[update.account, key] = {**known, **row}
        if not known:
            return update
        return msgspec.structs.replace(ledger_row(update.account, whole, self._report), raw=row)
