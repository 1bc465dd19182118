"""Decides when the order book is complete, and which requests to REST it needs.

After a subscription, the stream sends its list of orders. The list has no end mark, may come in
several messages, and does not come at all if there are no orders. It counts as complete if it has
every order that was working before, and no further order has come for a while. If it is not
complete by then, the list is requested from REST.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import msgspec

from ..._wire.order_status import plain_spelling
from ...models._base import peek
from ...models.stream import OrderUpdate
from ..http.backoff import Backoff
from .order_book import OrderBook

if TYPE_CHECKING:
    from ...models.orders import LiveOrder, OrderStatus

# In seconds. The stream's list of orders counts as finished when no further order has come for this
# long. The gateway sends the list as a burst of messages; recorded bursts took 0.3 s.
QUIET: Final = 1.0
# In seconds. If the subscription is limited to certain statuses, the list is requested from REST at
# this interval, because the stream does not tell when an order changes to another status.
FILTERED_INTERVAL: Final = 60.0
# In seconds. Without such a limit, the list is requested at this interval, to notice that the
# gateway no longer sends orders: a calm subscription and a dead one look the same.
CALM_INTERVAL: Final = 600.0
_RETRY: Final = Backoff(5.0, 60.0)
# Pause between calls for single orders, in seconds. The gateway responds with errors after many
# such calls in a short time.
_STATUS_PAUSE: Final = 0.1
_UNCONFIRMED: Final = Backoff(30.0, 600.0)


class OrderRequest(NamedTuple):
    """Request to REST for the list of orders or for the status of one order.

    Attributes:
        number: number of the interruption that caused the request. If another interruption happens
            before the response comes, the response is ignored.
        order_id: id of the order whose status is requested; None to request the list of orders.
    """

    number: int
    order_id: int | None = None


class _Stage(Enum):
    OFF = "nobody subscribes to orders, or there is no connection"
    SNAPSHOT = "the stream sends its list"
    LIST = "the list has to be requested"
    STATUS = "the status of single orders has to be requested"
    DONE = "complete"


class OrderCheck:
    """State machine that makes the order book complete after an interruption.

    Attributes:
        changed: whether the plan has changed since the last call of `next`, so that a request may
            be due earlier than that call has returned.
        updates: updates of orders whose status REST has corrected, not delivered yet. The stream
            delivers them to the program and then removes them from this list.
    """

    def __init__(self, book: OrderBook) -> None:
        self._book = book
        self._stage = _Stage.OFF
        self._number = 0
        self._due = math.inf
        self._statuses: frozenset[str] | None = None
        self._recognisable = True
        self._to_request: deque[int] = deque()
        self._failures = 0
        self._rounds = 0
        self._again = False
        self.changed: bool = False
        self.updates: list[OrderUpdate] = []
        self._lost: list[int] = []

    def start(self, arguments: Mapping[str, Any], reason: str, now: float) -> None:
        """Start the check after the stream has sent the command to subscribe to orders.

        Args:
            arguments: the arguments of the subscription.
            reason: why the orders are not known yet, as text for an error message.
            now: monotonic time.
        """
        filters = arguments.get("filters")
        self._statuses = None if filters is None else frozenset(map(plain_spelling, filters))
        self._recognisable = filters is None and not arguments.get("realtimeUpdatesOnly")
        self._begin(_Stage.SNAPSHOT, reason, now + QUIET if self._recognisable else now)

    def stop(self, reason: str) -> None:
        """Stop the check; `reason` says why no orders are received, as text for the error."""
        self._begin(_Stage.OFF, reason, math.inf)

    def _begin(self, stage: _Stage, reason: str, due: float) -> None:
        self._book.interrupt(reason)
        self._number += 1
        self._stage = stage
        self._due = due
        self._to_request.clear()
        self._failures = self._rounds = 0
        self._again = False
        self.changed = True

    def received(self, now: float, *, fresh: bool) -> None:
        """Record that the stream has sent updates of orders.

        `fresh` is whether one of them is the first update of its order on this connection.
        """
        if fresh and self._recognisable and self._stage is _Stage.SNAPSHOT:
            self._due = now + QUIET

    def received_empty_list(self, now: float) -> None:
        """Record that the stream has sent an empty list of orders."""
        if self._stage is _Stage.SNAPSHOT:
            self._due = now
            self.changed = True

    def missed(self, reason: str, now: float) -> None:
        """Record that a message about orders could not be read, and plan to request the list now.

        `reason` says why the orders are not known, as text for the error.
        """
        if self._stage is not _Stage.OFF:
            self._begin(_Stage.LIST, reason, now)

    def next(self, now: float) -> OrderRequest | float | None:
        """Return the request to send now, or the seconds until a request is due.

        The result is None if no request is planned.
        """
        self.changed = False
        if self._stage is _Stage.SNAPSHOT and now >= self._due:
            if self._recognisable and self._book.complete:
                self._finish(now)
            else:
                self._stage = _Stage.LIST
        if self._stage is _Stage.STATUS and not self._to_request:
            self._finish(now)
        if self._due == math.inf:
            return None
        if now < self._due:
            return self._due - now
        if self._stage is _Stage.STATUS:
            return OrderRequest(self._number, self._to_request[0])
        self._stage = _Stage.LIST
        self._book.begin_check()
        return OrderRequest(self._number)

    def _finish(self, now: float) -> None:
        self._stage = _Stage.DONE
        self._again = True
        self._due = now + (CALM_INTERVAL if self._statuses is None else FILTERED_INTERVAL)
        if self._book.unconfirmed:
            self._rounds += 1
            self._due = min(self._due, now + _UNCONFIRMED.delay(self._rounds))
        self._book.settle()

    def take_list(self, request: OrderRequest, orders: Iterable[LiveOrder], now: float) -> bool:
        """Process the list of orders from REST.

        Returns:
            Whether the list has something that the stream should have sent but has not sent yet.
        """
        if request.number != self._number:
            return False
        rows = [_list_row(order) for order in orders if isinstance(peek(order, "order_id"), int)]
        calm = self._again and self._statuses is None
        missed = calm and any(map(self._book.has_missed, rows))
        changed, doubtful = self._book.take_list(rows, self._statuses, again=self._again)
        self.updates += changed
        self._failures = 0
        self._to_request = deque(doubtful)
        self._stage = _Stage.STATUS
        self._due = now
        return missed

    def take_status(self, request: OrderRequest, status: OrderStatus | None, now: float) -> None:
        """Process REST's response about one order; `status` is None if REST does not know it."""
        if request.number != self._number or request.order_id is None:
            return
        order_id = self._to_request.popleft()
        known = order_id in self._book.unconfirmed
        update = self._book.take_status(order_id, _status_row(order_id, status))
        if update is not None:
            self.updates.append(update)
        if order_id in self._book.unconfirmed and not known:
            self._lost.append(order_id)
        self._due = now + _STATUS_PAUSE

    def take_lost(self) -> list[int]:
        """Return ids of orders for which REST gave no status; each id is returned only once."""
        lost, self._lost = self._lost, []
        return lost

    def failed(self, request: OrderRequest, now: float, *, at_least: float = 0.0) -> None:
        """Record that a request failed, and plan to request the list again.

        The next request is due `at_least` seconds later or more.
        """
        if request.number != self._number:
            return
        self._stage = _Stage.LIST
        self._failures += 1
        self._due = now + max(_RETRY.delay(self._failures), at_least)


def _list_row(order: LiveOrder) -> dict[str, Any]:
    """Convert an order from REST's list to a row of the stream, which has the same field names."""
    return cast("dict[str, Any]", msgspec.to_builtins(order))


def _status_row(order_id: int, status: OrderStatus | None) -> dict[str, Any] | None:
    """Convert an order's status from REST to a row of the stream; None if there is no status."""
    if status is None:
        return None
    state = peek(status, "status")
    if not isinstance(state, str) or not state:
        return None
    row: dict[str, Any] = {"orderId": order_id, "status": state}
    total, filled = peek(status, "quantity"), peek(status, "filled_quantity")
    if isinstance(total, Decimal):
        row["totalSize"] = str(total)
    if isinstance(filled, Decimal):
        row["filledQuantity"] = str(filled)
        if isinstance(total, Decimal):
            row["remainingQuantity"] = str(total - filled)
    return row
