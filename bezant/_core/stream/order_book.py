"""Order book: the session's orders, from the stream, or from REST calls after an interruption."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ..._wire.order_status import OrderState, plain_spelling, state_of_order
from ...models._base import peek
from ...models.stream import OrderUpdate
from ..decoding.drift import Report
from .topics.orders import is_whole, order_from

# If there are more orders than this, finished orders are dropped, the earliest first. Until then
# they are kept, because a later message may add fields to them.
MAX_ORDERS: Final = 5_000

_Row = dict[str, Any]
# Fields of an order whose values never change, so that they stay valid after an interruption.
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
    """The orders of the session, each with all its known fields.

    After an interruption of the stream, `known` is False until the book is complete again. An order
    that was working before the interruption counts as stale until the stream or REST confirms its
    status.

    Attributes:
        version: number of changes so far.
        known: whether the book has every working order with its current status.
        reason: why the orders are not known, as text for an error message; used only while
            ``known`` is False.
        unconfirmed: ids of orders that were working before an interruption, and whose status IBKR
            did not tell afterwards.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._rows: dict[int, _Row] = {}
        self._orders: dict[int, OrderUpdate] = {}
        self._working: dict[int, None] = {}
        # Ids of finished orders, in the order in which they finished.
        self._finished: dict[int, None] = {}
        self._received: set[int] = set()
        self._checking = False
        # Fields that the stream has sent since a request to REST was sent. They are newer than the
        # response to that request.
        self._newer: dict[int, _Row] = {}
        self._stale: set[int] = set()
        # Orders whose values are from before the interruption. These must not be mixed with later
        # values.
        self._outdated: set[int] = set()
        self.version: int = 0
        self.known: bool = False
        self.reason: str = NOT_SUBSCRIBED
        self.unconfirmed: set[int] = set()

    def interrupt(self, reason: str) -> None:
        """Mark the orders as not known; `reason` says why, as text for the error."""
        self.known = False
        self.reason = reason
        self._received.clear()
        self._stale = set(self._working)
        self._outdated = set(self._working)
        self.version += 1

    @property
    def complete(self) -> bool:
        """Whether the stream has sent orders, and all orders that were working are confirmed.

        The latter are the orders that were working before the last interruption.
        """
        return bool(self._received) and not self._stale

    def settle(self) -> None:
        """Mark the orders as known."""
        self._checking = False
        self._newer.clear()
        if not self.known:
            self.known = True
            self.version += 1

    def update(self, updates: Iterable[OrderUpdate]) -> bool:
        """Apply updates; return whether any of them is its order's first on this connection."""
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
        """Return whether a row confirms the current values of an order that is in the book.

        After an interruption, a row with only part of the fields does not confirm a working order:
        the order is then requested from REST.
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
        # Only finished orders are dropped, never working ones.
        while len(self._rows) > MAX_ORDERS and self._finished:
            self._drop(next(iter(self._finished)))

    def _drop(self, order_id: int) -> None:
        del self._finished[order_id]
        del self._rows[order_id]
        self._orders.pop(order_id, None)
        self._received.discard(order_id)
        self._newer.pop(order_id, None)

    # Methods that compare the book with REST.

    def begin_check(self) -> None:
        """Record that a request to REST is about to be sent.

        Updates that come after this call are newer than the response to the request.
        """
        self._checking = True
        self._newer.clear()

    def has_missed(self, row: _Row) -> bool:
        """Return whether a row from REST shows that the stream has not sent an order's last change.

        This is the case for a working order that is not in the book, and for a final status of an
        order that is working in the book. Other differences prove nothing, because the gateway
        caches its list.
        """
        order_id, state = row["orderId"], _state(row)
        if order_id not in self._rows:
            return state.working
        newer = "status" in self._newer.get(order_id, {})
        return state.final and order_id in self._working and not newer

    def take_list(
        self, rows: Iterable[_Row], statuses: frozenset[str] | None, *, again: bool
    ) -> tuple[list[OrderUpdate], list[int]]:
        """Update the book with the list of orders from REST.

        Args:
            rows: the orders, as rows in the form that the stream sends.
            statuses: the statuses to which the subscription is limited; None if it is not limited.
            again: True if the book was complete before, and this is a later check; False for the
                first check after a subscription or an interruption.

        Returns:
            Updates for the orders whose status differs from that in the book, and the ids of orders
            that the list lacks although they may still be working.
        """
        changed: list[OrderUpdate] = []
        listed: set[int] = set()
        # The stream sends no message when an order changes to a status outside of `statuses`.
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
                # The values from the stream are at least as new as those from REST, so they have
                # precedence.
                self._put(order_id, {**row, **old})
                continue
            self._confirm(order_id)
            merged = {**self._base(order_id), **row, **newer}
            self._put(order_id, merged)
            if old.get("status") != merged["status"]:
                # Only new fields are delivered, and none from before the interruption.
                changed.append(order_from({**row, **newer}, self._report))
        self.version += 1
        doubtful = set(self._stale | self.unconfirmed)
        if hiding:
            doubtful.update(
                key for key in self._working if "status" not in self._newer.get(key, {})
            )
        return changed, sorted(doubtful - listed)

    def take_status(self, order_id: int, row: _Row | None) -> OrderUpdate | None:
        """Update the book with REST's response about one order.

        `row` is the response in the form of the stream's rows; None if the response has no status.

        Returns:
            An update if the order's status differs from that in the book; otherwise None.
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
        """Return the order's known values, except those from before an interruption."""
        if order_id not in self._outdated:
            return self._rows[order_id]
        self._outdated.discard(order_id)
        return {}

    # Methods that return orders.

    def working(self) -> list[int]:
        """Return the ids of the orders that may still be filled."""
        return list(self._working)

    def orders(self) -> dict[int, OrderUpdate]:
        """Return the working orders by id, each with all its known fields."""
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
