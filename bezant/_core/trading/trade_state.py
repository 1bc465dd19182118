"""State of one order, merged from responses and executions in any order of arrival."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from ..._wire.order_status import CREATED, FILLED, INACTIVE, OrderState, state_of_order
from ..._wire.record import Record
from ...models._base import peek
from ...models.orders import Execution, LiveOrder, OrderStatus

# Seconds. A new order is Inactive for a moment. An order that stays Inactive for longer was refused
# or never transmitted.
INACTIVE_LASTS: Final = 10.0
_ZERO: Final = Decimal(0)


class Report(Record, frozen=True):
    """State of an order, as one response gives it.

    Attributes:
        status: IBKR's status.
        detail: the order's ``order_ccp_status``.
        filled: quantity filled so far; None if the response lacks it.
        quantity: ordered quantity; None if the response lacks it.
        average_price: average price of the fills; None if the response lacks it.
    """

    status: str | None
    detail: str | None = None
    filled: Decimal | None = None
    quantity: Decimal | None = None
    average_price: Decimal | None = None


def report_of(row: OrderStatus | LiveOrder) -> Report:
    """Return the state of an order in a response."""
    status: str | None = peek(row, "status")
    filled: Decimal | None = peek(row, "filled_quantity")
    left_name = "size" if isinstance(row, OrderStatus) else "remaining_quantity"
    left: Decimal | None = peek(row, left_name)
    total: Decimal | None = peek(row, "quantity")
    if filled is not None and left is not None:
        both = filled + left
        total = both if total is None else max(total, both)
    return Report(status, row.order_ccp_status, filled, total, row.average_price)


class TradeState:
    """State of one order.

    Reports and executions may arrive late, twice and out of order, so the filled quantity never
    decreases, and an order that has ended never works again.

    Attributes:
        order_id: IBKR's id of the order; None until it is known.
        status: IBKR's status of the order; empty until it is known.
        quantity: ordered quantity; None until it is known.
        executions: the known executions, by id.
        version: number of changes so far.
    """

    def __init__(self, quantity: Decimal | None = None) -> None:
        self.order_id: int | None = None
        self.status: str = ""
        self.quantity: Decimal | None = quantity
        self.executions: dict[str, Execution] = {}
        self.version: int = 0
        self._state: OrderState | None = None
        self._filled = _ZERO
        self._average: Decimal | None = None
        self._inactive_since: float | None = None

    @property
    def created(self) -> bool:
        """Whether the order is only being created; IBKR may wait for a reply to a question."""
        return self._state is CREATED

    @property
    def ended(self) -> bool:
        """Whether the order has ended: filled, cancelled, rejected or expired."""
        return self._state is not None and self._state.final

    def done(self, now: float) -> bool:
        """Return whether nothing more can happen to the order: it ended, or stays inactive."""
        since = self._inactive_since
        return self.ended or (since is not None and now - since >= INACTIVE_LASTS)

    @property
    def executed(self) -> Decimal:
        """Quantity of the known executions."""
        return sum((each.size for each in self.executions.values()), _ZERO)

    @property
    def filled(self) -> Decimal:
        """Quantity filled so far."""
        return max(self._filled, self.executed)

    @property
    def remaining(self) -> Decimal | None:
        """Quantity that is not filled; None until the ordered quantity is known."""
        return None if self.quantity is None else max(self.quantity - self.filled, _ZERO)

    @property
    def settled(self) -> bool:
        """Whether the order's executions are all known, each with its commission."""
        return self.executed >= self.filled and all(
            each.commission is not None for each in self.executions.values()
        )

    @property
    def average_price(self) -> Decimal | None:
        """Average price of the fills; None if nothing is filled, or the price is not known."""
        executed = self.executed
        if not executed or executed < self._filled:
            return self._average if self._filled else None
        total = sum((each.price * each.size for each in self.executions.values()), _ZERO)
        return total / executed

    @property
    def commission(self) -> Decimal | None:
        """Commission of all fills; None until it is known for each of them."""
        if not self.settled or not (self.filled or self.ended):
            return None
        return sum((each.commission or _ZERO for each in self.executions.values()), _ZERO)

    def told(self, report: Report, now: float) -> None:
        """Merge the state of the order in a response; `now` is a monotonic time in seconds."""
        before = (self.status, self._filled, self._average, self.quantity, self._state)
        state = state_of_order(report.status, report.detail)
        # A cached list may still show an ended order as working.
        if report.status and (not self.ended or state.final) and self._state is not FILLED:
            self._state = state
            self.status = report.status
        if report.quantity:
            self.quantity = report.quantity
        if report.filled is not None and report.filled >= self._filled:
            self._filled = report.filled
            self._average = report.average_price or self._average
        if self._state is not INACTIVE:
            self._inactive_since = None
        elif self._inactive_since is None:
            self._inactive_since = now
        self._complete()
        if before != (self.status, self._filled, self._average, self.quantity, self._state):
            self.version += 1

    def execute(self, execution: Execution) -> None:
        """Merge an execution, which may be known already, with or without its commission.

        An execution without an id, a size or a price is ignored.
        """
        if not all(execution.has(name) for name in ("execution_id", "size", "price")):
            return
        key = execution.execution_id
        known = self.executions.get(key)
        if known is not None and (execution.commission is None or known == execution):
            return
        self.executions[key] = execution
        self._complete()
        self.version += 1

    def changed(self, quantity: Decimal | None) -> None:
        """Record that the order's quantity was changed."""
        self.quantity = quantity
        self.version += 1

    def _complete(self) -> None:
        """Record that the order is filled, if its fills show it before its status does."""
        if self.quantity and self.filled >= self.quantity and self._state is not FILLED:
            self._state = FILLED
            self.status = FILLED.spellings[0]
            self._inactive_since = None
