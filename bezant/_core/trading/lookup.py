"""Finds out whether IBKR has the orders whose response was lost.

A lost order counts as found if a list of orders or an execution has its client order id. It counts
as never arrived only if two complete lists of the account, at least `LIST_INTERVAL` seconds apart,
and the account's executions lack it, all of them from a time when no question about the order can
be open any more. A lost response may have been a question, and the order may go live later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import Enum
from typing import Final

from ..._wire.order_status import CREATED, state_of_order
from ...models._base import peek
from ...models.orders import Execution, LiveOrder, OrderStatus
from .orders import Order
from .placement import fits
from .tickets import Leg, price_shown
from .trade_state import report_of

# Seconds between two lists that prove together that an order never arrived.
LIST_INTERVAL: Final = 5.0
# Seconds for which IBKR keeps a question whose text was lost. During this time, another order of
# the account may make the order live that the question was about.
QUESTION_LASTS: Final = 60.0


class Verdict(Enum):
    """Result of a search for lost orders."""

    UNKNOWN = "not known yet"
    FOUND = "IBKR has all orders"
    PARENT_ONLY = "IBKR has the parent; its children are not proven"
    ASKED = "IBKR has the order and may wait for a reply to a question"
    MISSING = "IBKR has none of the orders, but a question about them may be open"
    ABSENT = "IBKR has none of the orders"


class Lookup:
    """Search for the orders of one request in an account's lists.

    Args:
        legs: the orders, a parent first.
        account_id: the account.
        known: ids of orders that were placed before the request.
        asked_until: the monotonic time until which a question about the orders may be open.

    Attributes:
        asked_until: the monotonic time until which a question about the orders may be open.
        found: order ids of the legs that were found, by the leg's position.
        rows: the newest row of each found order, by order id.
    """

    def __init__(
        self,
        legs: Sequence[Leg],
        account_id: str,
        known: Iterable[int] = (),
        asked_until: float = 0.0,
    ) -> None:
        self.legs: tuple[Leg, ...] = tuple(legs)
        self.asked_until: float = asked_until
        self.found: dict[int, int] = {}
        self.rows: dict[int, LiveOrder] = {}
        self._account = account_id
        self._known = frozenset(known)
        self._children: set[int] = set()
        self._lists: list[float] = []
        # Time of the newest complete list when the executions were requested.
        self._executions_checked: float | None = None
        self._orphans = False

    @property
    def parent_id(self) -> int | None:
        """Order id of the parent, if it was found and has children."""
        return self.found.get(0) if len(self.legs) > 1 and self.legs[1].parent else None

    def listed(self, orders: Iterable[LiveOrder], now: float, *, complete: bool) -> None:
        """Record a list of the account's orders.

        Args:
            orders: the list.
            now: a monotonic time in seconds.
            complete: whether the gateway made the list after the orders were sent, and not before.
        """
        rows = {order_id: row for row in orders if (order_id := peek(row, "order_id")) is not None}
        # A client order id is unique, so the account does not matter: that of an order may be
        # another one than that of the request, if the request names a group of accounts.
        for order_id, row in rows.items():
            if order_id in self.found.values():
                self.rows[order_id] = row
            elif row.client_order_id:
                self._name(row.client_order_id, order_id, row)
        mine = {
            order_id: row
            for order_id, row in rows.items()
            if (peek(row, "account_id") or self._account).upper() == self._account.upper()
        }
        if self.parent_id is not None:
            self._find_children(mine, self.parent_id)
        # An order with the terms of a child may be the child without its parent.
        self._orphans = any(
            leg.parent and not row.client_order_id and each not in self._known and fits(leg, row)
            for leg in self.legs
            for each, row in mine.items()
        )
        if complete:
            self._lists.append(now)

    def _name(self, name: str, order_id: int, row: LiveOrder | None) -> None:
        for at, leg in enumerate(self.legs):
            if leg.name and leg.name == name:
                self.found[at] = order_id
                if row is not None:
                    self.rows[order_id] = row

    def children(self, parent: OrderStatus) -> None:
        """Record the status of the parent, which may name its children."""
        self._children.update(parent.children_order_ids or ())

    def _find_children(self, rows: dict[int, LiveOrder], parent_id: int) -> None:
        taken = set(self.found.values())
        sure = {
            order_id: row
            for order_id, row in rows.items()
            if order_id not in taken
            and (row.parent_order_id == parent_id or order_id in self._children)
        }
        for at, leg in enumerate(self.legs):
            if at in self.found:
                continue
            same = [each for each, row in sure.items() if fits(leg, row)]
            if not same:
                # IBKR's list may lack the parent's id. An order with the same terms that was not
                # there before the request can only be the child, if it is the only one. Ids of
                # orders increase, so an order with a lower id than the parent's is older.
                same = [
                    each
                    for each, row in rows.items()
                    if each not in taken
                    and each not in self._known
                    and each > parent_id
                    and not row.client_order_id
                    and row.parent_order_id is None
                    and fits(leg, row)
                    and report_of(row).quantity in (None, leg.order.quantity)
                ]
                if len(same) > 1:
                    continue
            if same:
                self.found[at] = same[0]
                self.rows[same[0]] = rows[same[0]]
                sure.pop(same[0], None)
                taken.add(same[0])

    def executed(self, executions: Iterable[Execution]) -> None:
        """Record a complete list of the account's executions."""
        for each in executions:
            if each.client_order_id and each.order_id is not None:
                self._name(each.client_order_id, each.order_id, None)
        if self._lists:
            self._executions_checked = self._lists[-1]

    @property
    def verdict(self) -> Verdict:
        """Result of the search, as far as it is known."""
        if len(self.found) == len(self.legs):
            first = self.rows.get(self.found[0])
            if first is not None and _is_created(first):
                return Verdict.ASKED
            return Verdict.FOUND
        if self.found:
            return Verdict.PARENT_ONLY
        if self._executions_checked is None or self._orphans or not _prove(self._lists):
            return Verdict.UNKNOWN
        settled = [each for each in self._lists if each >= self.asked_until]
        if _prove(settled) and self._executions_checked >= settled[0]:
            return Verdict.ABSENT
        return Verdict.MISSING


def _prove(times: Sequence[float]) -> bool:
    """Return whether looks at these times are far enough apart to prove something together."""
    return len(times) > 1 and times[-1] - times[0] >= LIST_INTERVAL


def _is_created(row: LiveOrder) -> bool:
    return state_of_order(peek(row, "status"), row.order_ccp_status) is CREATED


class Change:
    """Search for the effect of a lost modification, by the order's status.

    Args:
        before: the order without the change; None if it is not known.
        after: the order with the change.
        asked_until: the monotonic time until which a question about the change may be open.

    Attributes:
        asked_until: the monotonic time until which a question about the change may be open.
        applied: whether the order has the new terms.
    """

    def __init__(self, before: Order | None, after: Order, asked_until: float = 0.0) -> None:
        self._before = before
        self._after = after
        self.asked_until: float = asked_until
        self._unchanged: list[float] = []
        self.applied: bool = False

    def told(self, status: OrderStatus, now: float) -> None:
        """Record the order's status; `now` is a monotonic time in seconds."""
        new = _has_terms(status, self._after)
        old = self._before is not None and _has_terms(status, self._before)
        # A status does not show all terms: if it fits both orders, it proves nothing.
        if new and not old:
            self.applied = True
        elif old and not new:
            self._unchanged.append(now)
        else:
            self._unchanged.clear()

    @property
    def unchanged(self) -> bool:
        """Whether the order has its old terms, although a question may still be open."""
        return not self.applied and _prove(self._unchanged)

    @property
    def absent(self) -> bool:
        """Whether the order has its old terms for long enough to prove that nothing changed."""
        times = [each for each in self._unchanged if each >= self.asked_until]
        return not self.applied and _prove(times)


def _has_terms(status: OrderStatus, order: Order) -> bool:
    limit, stop = price_shown(order)
    shown: tuple[Decimal | None, Decimal | None] = (status.limit_price, status.stop_price)
    if shown == (None, None) and (limit is not None or stop is not None):
        shown = (status.price, stop) if limit is not None else (None, status.price)
    if (shown[0] or None) != (limit or None):
        return False
    # The stop price of a trailing order moves with the market.
    if not order.row.trails and (shown[1] or None) != (stop or None):
        return False
    if order.quantity is not None:
        filled, left = status.filled_quantity, peek(status, "size")
        total: Decimal | None = peek(status, "quantity")
        if filled is not None and left is not None:
            total = max(total or Decimal(0), filled + left)
        if total is not None and total != order.quantity:
            return False
    return peek(status, "time_in_force") in (None, order.time_in_force)
