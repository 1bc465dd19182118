"""Orders and executions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .order_types import Kind

Side = Literal["BUY", "SELL"]
Tif = Literal["DAY", "GTC", "IOC"]
Status = Literal["PreSubmitted", "Submitted", "PendingCancel", "Filled", "Cancelled"]

ZERO = Decimal(0)
DONE: frozenset[Status] = frozenset({"Filled", "Cancelled"})


class OrderRefused(Exception):
    """The exchange refuses an order, a change or a cancellation; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSpec:
    """Specification of an order.

    Attributes:
        conid: the contract.
        side: `BUY` or `SELL`.
        kind: the order's type.
        quantity: the quantity.
        limit: limit price of `LMT`, `STOP_LIMIT` and `TRAILLMT`; cap of `MIDPRICE`.
        stop: stop price of `STP`, `STOP_LIMIT`, `TRAIL` and `TRAILLMT`. That of the last two
            follows the market, and the limit of `TRAILLMT` follows the stop.
        tif: time in force.
        outside_rth: whether it also works outside the regular session.
        client_id: the client's order id (`cOID`), unique for a day.
        parent: `client_id` of the order that must be filled first.
        group: whether orders placed together cancel each other (OCA).
        trail: largest distance of the stop of `TRAIL` and `TRAILLMT` from the market.
        percent: whether `trail` is a percentage of the price.
    """

    conid: int
    side: Side
    kind: Kind
    quantity: Decimal
    limit: Decimal | None = None
    stop: Decimal | None = None
    tif: Tif = "DAY"
    outside_rth: bool = False
    client_id: str = ""
    parent: str = ""
    group: bool = False
    trail: Decimal | None = None
    percent: bool = False

    @property
    def waits(self) -> bool:
        """Whether it trades only after the market reaches a stop."""
        return self.stop is not None or self.trail is not None


@dataclass(slots=True)
class Order:
    """An order and its progress. Only the exchange changes it.

    Attributes:
        order_id: the exchange's id.
        spec: the specification, with all changes.
        placed: when it was placed, in seconds since 1970.
        status: as on the wire: `PreSubmitted` while it waits for its parent, its stop or the
            market's opening, `Submitted`, `PendingCancel`, `Filled`, `Cancelled`.
        filled: filled quantity.
        average_price: average price of the fills; 0 before the first.
        commission: commission of its executions.
        updated: when it last changed, in seconds since 1970.
        expires: when it expires, in seconds since 1970.
        triggered: whether the market has reached its stop; true without a stop.
        parent_id: `order_id` of its parent; None without one.
        group_id: common to the orders that its execution cancels; None without any.
        cancels_at: when a requested cancellation takes effect.
        reason: why it was cancelled, if nobody requested that.
    """

    order_id: int
    spec: OrderSpec
    placed: float
    status: Status = "Submitted"
    filled: Decimal = ZERO
    average_price: Decimal = ZERO
    commission: Decimal = ZERO
    updated: float = 0.0
    expires: float = 0.0
    triggered: bool = True
    parent_id: int | None = None
    group_id: str | None = None
    cancels_at: float | None = None
    reason: str = ""

    @property
    def remaining(self) -> Decimal:
        """The quantity that is not filled."""
        return self.spec.quantity - self.filled

    @property
    def done(self) -> bool:
        """Whether its status is final."""
        return self.status in DONE


@dataclass(frozen=True, slots=True)
class Execution:
    """A trade.

    Attributes:
        execution_id: its id, in the wire's spelling.
        order_id: the order.
        client_id: the client's order id; empty without one.
        conid: the contract.
        side: `BUY` or `SELL`.
        quantity: the quantity.
        price: the price of one unit.
        commission: the commission.
        when: the time, in seconds since 1970.
    """

    execution_id: str
    order_id: int
    client_id: str
    conid: int
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal
    when: float
