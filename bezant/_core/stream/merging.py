"""What messages amount to: deltas merged into wholes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from ..._wire.order_status import is_working
from ...models.stream import LedgerUpdate, MarketData, OrderUpdate, TradeUpdate
from ..decoding.drift import Report
from .parser import ledger_row, order_row, trade_row

# What is no longer working is kept for a while, because a later message may tell more of it.
MAX_ROWS: Final = 5_000
# The usual spellings, which are looked up faster.
_WORKING: Final = ("Submitted", "PreSubmitted", "PendingSubmit", "PendingCancel")
# A new order is "Inactive" for a moment, so that is not the end of it.
_NOT_FINAL: Final = "inactive"

_Row = dict[str, Any]

NOT_SUBSCRIBED: Final = (
    "the orders are not known, because nobody has subscribed to them: call subscribe_orders() and "
    "wait with ws.orders.wait(timeout=...)"
)


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

    After an interruption `known` is False until the book is complete again. Orders that were
    working before are stale until the stream or REST confirms their status.

    Attributes:
        version: counts the changes.
        known: whether it holds every working order as it is.
        reason: why it is not known, and what to do.
        unconfirmed: orders whose status nobody could tell after an interruption.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._rows: dict[int, _Row] = {}
        self._wholes: dict[int, OrderUpdate] = {}
        self._working: dict[int, None] = {}
        # The order that finished first comes first.
        self._finished: dict[int, None] = {}
        self._told: set[int] = set()
        self._checking = False
        # Fields that the stream has sent since REST was asked.
        self._news: dict[int, _Row] = {}
        self._stale: set[int] = set()
        self.version: int = 0
        self.known: bool = False
        self.reason: str = NOT_SUBSCRIBED
        self.unconfirmed: set[int] = set()

    def interrupt(self, reason: str) -> None:
        """Mark the book as unknown: the stream may have missed something."""
        self.known = False
        self.reason = reason
        self._told.clear()
        self._stale = set(self._working)
        self.version += 1

    @property
    def complete(self) -> bool:
        """Whether the stream has sent some orders, and all that were working before."""
        return bool(self._told) and not self._stale

    def settle(self) -> None:
        """Mark the book as complete."""
        self._checking = False
        self._news.clear()
        if not self.known:
            self.known = True
            self.version += 1

    def update(self, updates: Iterable[OrderUpdate]) -> bool:
        """Apply updates; return whether one is the first of its order on this connection."""
        fresh = False
        for update in updates:
            order_id = update.order_id
            if not isinstance(order_id, int):
                continue
            row = update.raw
            old = self._rows.get(order_id)
            if order_id not in self._told and ("status" in row or old is None):
                fresh = True
                self._told.add(order_id)
                self._confirm(order_id)
            if self._checking:
                self._news[order_id] = {**self._news.get(order_id, {}), **row}
            if old is None or ("status" in row and "conid" in row):
                self._put(order_id, dict(row))
            else:
                self._put(order_id, {**old, **row})
        self.version += 1
        return fresh

    def _confirm(self, order_id: int) -> None:
        self._stale.discard(order_id)
        self.unconfirmed.discard(order_id)

    def _put(self, order_id: int, row: _Row) -> None:
        self._rows[order_id] = row
        self._wholes.pop(order_id, None)
        if row.get("status") in _WORKING or is_working(row):
            if order_id not in self._working:
                self._finished.pop(order_id, None)
                self._working[order_id] = None
        else:
            self._working.pop(order_id, None)
            self._stale.discard(order_id)
            self._finished[order_id] = None
        # Working orders are never dropped.
        while len(self._rows) > MAX_ROWS and self._finished:
            self._drop(next(iter(self._finished)))

    def _drop(self, order_id: int) -> None:
        del self._finished[order_id]
        del self._rows[order_id]
        self._wholes.pop(order_id, None)
        self._told.discard(order_id)
        self._news.pop(order_id, None)

    # Comparing it with REST

    def begin_check(self) -> None:
        """Note that REST is about to be asked: later updates of the stream are newer."""
        self._checking = True
        self._news.clear()

    def take_list(
        self, rows: Iterable[_Row], statuses: frozenset[str] | None, *, again: bool
    ) -> tuple[list[OrderUpdate], list[int]]:
        """Take over REST's list of orders.

        Args:
            rows: the orders, in the stream's spelling.
            statuses: the only statuses that the stream sends; None for all.
            again: whether the stream has sent its list a while ago.

        Returns:
            The orders whose status is another one than the stream said, and the ids of working
            orders whose status the list does not tell.
        """
        changed: list[OrderUpdate] = []
        listed: set[int] = set()
        # They may have left these statuses without a word.
        hiding = statuses is not None and again
        for row in rows:
            order_id = row["orderId"]
            old = self._rows.get(order_id)
            status = row.get("status")
            if not isinstance(status, str):
                continue
            listed.add(order_id)
            if old is None:
                if statuses is None or plain_status(status) in statuses:
                    self._put(order_id, row)
                continue
            news = self._news.get(order_id, {})
            told = order_id in self._told and not (hiding or _is_final(row))
            if "status" in news or told or _is_final(old):
                # The stream is at least as new.
                self._put(order_id, {**row, **old})
                continue
            self._confirm(order_id)
            whole = {**old, **row, **news}
            self._put(order_id, whole)
            if old.get("status") != whole["status"]:
                changed.append(order_row(whole, self._report))
        self.version += 1
        doubtful = set(self._stale | self.unconfirmed)
        if hiding:
            doubtful.update(key for key in self._working if "status" not in self._news.get(key, {}))
        return changed, sorted(doubtful - listed)

    def take_status(self, order_id: int, row: _Row | None) -> OrderUpdate | None:
        """Apply REST's answer about one order, None if it has no status.

        Returns:
            The order, if its status is another one than the stream said.
        """
        old = self._rows.get(order_id)
        if old is None or "status" in self._news.get(order_id, {}):
            return None
        self.version += 1
        if row is None:
            self._put(order_id, {key: old[key] for key in old if key != "status"})
            self._stale.discard(order_id)
            self._told.discard(order_id)
            self.unconfirmed.add(order_id)
            return None
        self._confirm(order_id)
        whole = {**old, **row, **self._news.get(order_id, {})}
        self._put(order_id, whole)
        return None if old.get("status") == row["status"] else order_row(whole, self._report)

    # Reading it

    def working(self) -> list[int]:
        """Return the ids of the orders that are neither filled nor cancelled nor refused."""
        return list(self._working)

    def wholes(self) -> dict[int, OrderUpdate]:
        """Return all that is known about the working orders."""
        return {order_id: self._whole(order_id) for order_id in self._working}

    def __len__(self) -> int:
        return len(self._working)

    def get(self, order_id: int) -> OrderUpdate | None:
        """Return all that is known about a working order."""
        return self._whole(order_id) if order_id in self._working else None

    def _whole(self, order_id: int) -> OrderUpdate:
        whole = self._wholes.get(order_id)
        if whole is None:
            whole = self._wholes[order_id] = order_row(self._rows[order_id], self._report)
        return whole


def _is_final(row: Mapping[str, Any]) -> bool:
    return not is_working(row) and row["status"].strip().lower() != _NOT_FINAL


def plain_status(status: str) -> str:
    """Return a status as it can be compared: ``PreSubmitted`` and ``pre_submitted`` are one."""
    return status.replace("_", "").replace(" ", "").lower()


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
