"""Order book: the session's orders, each complete, compared with REST after interruptions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ..._wire.order_status import OrderState, plain_spelling, state_of_order
from ...models._base import peek
from ...models.stream import OrderUpdate
from ..decoding.drift import Report
from .topics.orders import is_whole, order_from

# Of more orders than this, finished ones are dropped. Finished orders are kept for a while, because
# a later message may add to them.
MAX_ORDERS: Final = 5_000

_Row = dict[str, Any]
# Keys whose values cannot change during an interruption.
_IDENTITY: Final = frozenset(
    {
        *("orderId", "order_ref", "acct", "account", "side", "conid", "conidex", "ticker"),
        *("secType", "listingExchange", "companyName", "description1", "description2", "cashCcy"),
    }
)

NOT_SUBSCRIBED: Final = (
    "the orders are not known: there is no subscription to them; call subscribe_orders(), then "
    "wait with ws.orders.wait(timeout=...)"
)


def _state(row: _Row) -> OrderState:
    return state_of_order(row.get("status"), row.get("order_ccp_status"))


class OrderBook:
    """The orders of the session by id, each complete.

    After an interruption `known` is False until the book is complete again. Orders that were
    working before are stale until the stream or REST confirms their status.

    Attributes:
        version: number of changes.
        known: whether the book has every working order with its current status.
        reason: text of the error while the orders are not known.
        unconfirmed: ids of orders whose status IBKR did not know after an interruption.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._rows: dict[int, _Row] = {}
        self._orders: dict[int, OrderUpdate] = {}
        self._working: dict[int, None] = {}
        # The keys are in the order in which the orders finished.
        self._finished: dict[int, None] = {}
        self._received: set[int] = set()
        self._checking = False
        # These fields came from the stream after the request to REST was sent, so they are newer
        # than its response.
        self._newer: dict[int, _Row] = {}
        self._stale: set[int] = set()
        # These orders have values from before the interruption, which must not mix with later
        # values.
        self._outdated: set[int] = set()
        self.version: int = 0
        self.known: bool = False
        self.reason: str = NOT_SUBSCRIBED
        self.unconfirmed: set[int] = set()

    def interrupt(self, reason: str) -> None:
        """Mark the orders as not known, because updates may be missing."""
        self.known = False
        self.reason = reason
        self._received.clear()
        self._stale = set(self._working)
        self._outdated = set(self._working)
        self.version += 1

    @property
    def complete(self) -> bool:
        """Whether the stream has sent orders, including all that were working before."""
        return bool(self._received) and not self._stale

    def settle(self) -> None:
        """Mark the book as complete."""
        self._checking = False
        self._newer.clear()
        if not self.known:
            self.known = True
            self.version += 1

    def update(self, updates: Iterable[OrderUpdate]) -> bool:
        """Apply updates; return whether one is the first of its order on this connection."""
        fresh = False
        for update in updates:
            order_id = peek(update, "order_id")
            if not isinstance(order_id, int):
                continue
            row = dict(update.raw)
            old = self._rows.get(order_id)
            if order_id not in self._received and (old is None or self._confirms(order_id, row)):
                fresh = True
                self._received.add(order_id)
                self._confirm(order_id)
            if self._checking:
                self._newer[order_id] = {**self._newer.get(order_id, {}), **row}
            outdated = "status" in row and order_id in self._outdated
            if outdated:
                self._outdated.discard(order_id)
            if old is None or outdated or is_whole(row):
                self._put(order_id, row)
            else:
                self._put(order_id, {**old, **row})
        self.version += 1
        return fresh

    def _confirms(self, order_id: int, row: _Row) -> bool:
        """Return whether a row confirms an order that the book knows already.

        After an interruption, part of an order is not enough: REST has to complete it.
        """
        if "status" not in row:
            return False
        return order_id not in self._stale or is_whole(row) or _state(row).final

    def _confirm(self, order_id: int) -> None:
        self._stale.discard(order_id)
        self.unconfirmed.discard(order_id)

    def _put(self, order_id: int, row: _Row) -> None:
        self._rows[order_id] = row
        self._orders.pop(order_id, None)
        if _state(row).working:
            if order_id not in self._working:
                self._finished.pop(order_id, None)
                self._working[order_id] = None
        else:
            self._working.pop(order_id, None)
            self._stale.discard(order_id)
            self._finished[order_id] = None
        # Working orders are never dropped.
        while len(self._rows) > MAX_ORDERS and self._finished:
            self._drop(next(iter(self._finished)))

    def _drop(self, order_id: int) -> None:
        del self._finished[order_id]
        del self._rows[order_id]
        self._orders.pop(order_id, None)
        self._received.discard(order_id)
        self._newer.pop(order_id, None)

    # Comparison with REST.

    def begin_check(self) -> None:
        """Record that a request to REST is about to be sent, to which later updates are newer."""
        self._checking = True
        self._newer.clear()

    def take_list(
        self, rows: Iterable[_Row], statuses: frozenset[str] | None, *, again: bool
    ) -> tuple[list[OrderUpdate], list[int]]:
        """Apply REST's list of orders.

        Args:
            rows: the orders as rows of the stream.
            statuses: the only statuses that the stream sends; None for all.
            again: whether the stream has sent its list some time ago.

        Returns:
            The orders whose status differs from the stream's, and the ids of working orders that
            the list lacks.
        """
        changed: list[OrderUpdate] = []
        listed: set[int] = set()
        # With such a filter, orders may have left the statuses without a message.
        hiding = statuses is not None and again
        for row in rows:
            order_id = row["orderId"]
            old = self._rows.get(order_id)
            status = row.get("status")
            if not isinstance(status, str):
                continue
            listed.add(order_id)
            if old is None:
                if statuses is None or plain_spelling(status) in statuses:
                    self._put(order_id, row)
                continue
            newer = self._newer.get(order_id, {})
            received = order_id in self._received and not (hiding or _state(row).final)
            if "status" in newer or received or _state(old).final:
                # The stream's row is at least as new as REST's, so it wins.
                self._put(order_id, {**row, **old})
                continue
            self._confirm(order_id)
            merged = {**self._base(order_id), **row, **newer}
            self._put(order_id, merged)
            if old.get("status") != merged["status"]:
                # The message contains only newer fields, and none from before the interruption.
                changed.append(order_from({**row, **newer}, self._report))
        self.version += 1
        doubtful = set(self._stale | self.unconfirmed)
        if hiding:
            doubtful.update(
                key for key in self._working if "status" not in self._newer.get(key, {})
            )
        return changed, sorted(doubtful - listed)

    def take_status(self, order_id: int, row: _Row | None) -> OrderUpdate | None:
        """Apply REST's response about one order; `row` is None if the response has no status.

        Returns:
            The order, if its status differs from the stream's.
        """
        old = self._rows.get(order_id)
        if old is None or "status" in self._newer.get(order_id, {}):
            return None
        self.version += 1
        if row is None:
            names = _IDENTITY if order_id in self._outdated else old.keys() - {"status"}
            self._outdated.discard(order_id)
            self._put(order_id, {key: old[key] for key in old if key in names})
            self._stale.discard(order_id)
            self._received.discard(order_id)
            self.unconfirmed.add(order_id)
            return None
        self._confirm(order_id)
        news = {**row, **self._newer.get(order_id, {})}
        self._put(order_id, {**self._base(order_id), **news})
        return None if old.get("status") == row["status"] else order_from(news, self._report)

    def _base(self, order_id: int) -> _Row:
        """Return what the book knows of an order, without values from before an interruption."""
        if order_id not in self._outdated:
            return self._rows[order_id]
        self._outdated.discard(order_id)
        return {}

    # Access to the orders.

    def working(self) -> list[int]:
        """Return the ids of the orders that are neither filled nor cancelled nor refused."""
        return list(self._working)

    def orders(self) -> dict[int, OrderUpdate]:
        """Return the working orders, each complete."""
        return {order_id: self._order(order_id) for order_id in self._working}

    def __len__(self) -> int:
        return len(self._working)

    def get(self, order_id: int) -> OrderUpdate | None:
        """Return a working order with all its known fields; None if the order is not working."""
        return self._order(order_id) if order_id in self._working else None

    def _order(self, order_id: int) -> OrderUpdate:
        order = self._orders.get(order_id)
        if order is None:
            order = self._orders[order_id] = order_from(self._rows[order_id], self._report)
        return order
