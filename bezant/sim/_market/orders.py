"""Orders and executions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Side = Literal["BUY", "SELL"]
Kind = Literal["MKT", "LMT", "STP", "STOP_LIMIT", "TRAIL", "TRAILLMT", "MIDPRICE"]
Tif = Literal["DAY", "GTC", "IOC"]
Status = Literal["PreSubmitted", "Submitted", "PendingCancel", "Filled", "Cancelled"]

ZERO = Decimal(0)
DONE: frozenset[Status] = frozenset({"Filled", "Cancelled"})


class OrderRefused(Exception):
    """The exchange does not take an order, a change or a cancellation; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSpec:
    """What an order is to be.

    Attributes:
        conid: the contract.
        side: `BUY` or `SELL`.
        kind: the order's type.
        quantity: how much.
        limit: the limit of `LMT`, `STOP_LIMIT` and `TRAILLMT`, the cap of `MIDPRICE`.
        stop: the price at which `STP`, `STOP_LIMIT`, `TRAIL` and `TRAILLMT` begin to work. That of
            the last two follows the market, and `TRAILLMT`'s limit follows the stop.
        tif: how long it works.
        outside_rth: whether it works outside the regular session, too.
        client_id: the client's own id of it (`cOID`), unique for a day.
        parent: the `client_id` of the order that has to be filled first.
        group: whether the orders placed together cancel each other (OCA).
        trail: how far the stop of `TRAIL` and `TRAILLMT` is from the market at most.
        percent: whether that is in per cent of the price.
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
        """Whether there is a stop to be reached before it trades."""
        return self.stop is not None or self.trail is not None


@dataclass(slots=True)
class Order:
    """An order and what became of it. Read it; only the exchange changes it.

    Attributes:
        order_id: the exchange's id.
        spec: what it is to be, changes included.
        placed: when it was placed, in seconds since 1970.
        status: as on the wire: `PreSubmitted` while it waits for its parent, its stop or the
            market's opening, `Submitted`, `PendingCancel`, `Filled`, `Cancelled`.
        filled: how much was filled.
        average_price: what was paid on average for what was filled; 0 before.
        commission: what its executions have cost.
        updated: when it changed last, in seconds since 1970.
        expires: when it ends unless filled, in seconds since 1970.
        triggered: whether its stop was reached; always true without one.
        parent_id: the `order_id` of its parent, None without one.
        group_id: what it shares with the orders that its execution cancels; None without any.
        cancels_at: when a cancellation that was asked for takes place.
        reason: why it was cancelled, where that was not asked for.
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
        """How much is left to fill."""
        return self.spec.quantity - self.filled

    @property
    def done(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in DONE


@dataclass(frozen=True, slots=True)
class Execution:
    """A trade.

    Attributes:
        execution_id: its id, in the wire's spelling.
        order_id: the order that was filled, wholly or in part.
        client_id: the client's own id of the order, `""` without one.
        conid: the contract.
        side: `BUY` or `SELL`.
        quantity: how much.
        price: the price of one unit.
        commission: what it cost.
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
