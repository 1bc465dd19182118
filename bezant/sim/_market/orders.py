"""Orders and executions of the simulated exchange."""

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
    """The simulated exchange refuses an order, a change or a cancellation; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSpec:
    """Terms of an order: contract, side, quantity, type and prices.

    Attributes:
        conid: the contract's id.
        side: `BUY` or `SELL`.
        kind: the order's type.
        quantity: the quantity.
        limit: limit price of `LMT`, `STOP_LIMIT`, `TRAILLMT` and `LOC`; price cap of `MIDPRICE`.
        stop: stop price of `STP`, `STOP_LIMIT`, `TRAIL` and `TRAILLMT`. The stop price of `TRAIL`
            and `TRAILLMT` follows the market, and the limit price of `TRAILLMT` follows the stop
            price.
        tif: time in force.
        outside_rth: whether the order also trades outside the regular session.
        client_id: the client's order id (`cOID`), which must be unique for a day; empty without
            one.
        parent: `client_id` or order id of the parent order, which must be filled first; empty
            without a parent.
        group: whether the order belongs to a group with the other orders of its request: if one is
            filled, the others are cancelled (OCA).
        trail: for `TRAIL` and `TRAILLMT`, how far the stop price may be from the market price.
        percent: whether `trail` is a percentage of the market price.
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
        """Whether the order has a stop price that the market must reach before it trades."""
        return self.stop is not None or self.trail is not None


@dataclass(slots=True)
class Order:
    """An order and its progress. Only the simulated exchange changes this object.

    Attributes:
        order_id: the exchange's id.
        spec: the order's terms, with all changes so far.
        placed: when the order was placed, in seconds since 1970.
        status: IBKR's name of the status: `PreSubmitted` while the order waits for its parent, its
            stop price or the market's opening, `Submitted`, `PendingCancel`, `Filled`, `Cancelled`.
        filled: filled quantity.
        average_price: average price of the fills; 0 before the first fill.
        commission: total commission of the order's executions.
        updated: when the order last changed, in seconds since 1970.
        expires: when the order expires, in seconds since 1970.
        triggered: whether the market has reached the stop price; true for an order without a stop.
        parent_id: `order_id` of the parent order; None without a parent.
        group_id: id of the order's group: if one order of a group is filled, the others are
            cancelled. None without a group.
        cancels_at: when a requested cancellation takes effect, in seconds since 1970; None if no
            client has requested one.
        reason: why the exchange cancelled the order; empty if a client requested the cancellation.
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
        """The quantity that is not filled yet."""
        return self.spec.quantity - self.filled

    @property
    def done(self) -> bool:
        """Whether the order's status is final."""
        return self.status in DONE


@dataclass(frozen=True, slots=True)
class Execution:
    """One trade of an order.

    Attributes:
        execution_id: the execution's id, as IBKR spells it.
        order_id: the exchange's id of the order.
        client_id: the client's id of the order; empty without one.
        conid: IBKR's id of the contract.
        side: `BUY` or `SELL`.
        quantity: the quantity.
        price: the price of one unit.
        commission: the commission of this trade.
        when: the time of the trade, in seconds since 1970.
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
