"""Simulated exchange: accepts or refuses orders, changes and cancellations."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from . import calendar, costs
from .matching import Matching
from .orders import ZERO, Order, OrderRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from .catalogue import Contract
    from .orders import OrderSpec
    from .prices import Market, Quote

FIRST_ORDER = 1_370_093_238
_DAY = 86_400.0


class Exchange(Matching):
    """Simulated exchange with its orders, executions and the account's positions and cash.

    Call `advance` with the current time before you use any other method. Time never goes back.

    Args:
        market: the prices.
        contracts: contracts by conid.
        cash: cash by currency.
        now: the time, in seconds since 1970.
        cancel_delay: seconds from a request to cancel an order until the order is cancelled.
        commissions: whether executions cost a commission.
    """

    def __init__(
        self,
        market: Market,
        contracts: Mapping[int, Contract],
        cash: Mapping[str, Decimal],
        *,
        now: float,
        cancel_delay: float = 0.25,
        commissions: bool = True,
    ) -> None:
        super().__init__(market, contracts, cash, now=now, commissions=commissions)
        self._cancel_delay = cancel_delay
        self._ids = itertools.count(FIRST_ORDER)
        self._groups = itertools.count(1)

    # Valuation of orders.

    def margin(self, spec: OrderSpec, price: Decimal) -> Decimal:
        """Return the margin that an order needs, in the base currency.

        Args:
            spec: the order.
            price: price at which the order is valued.
        """
        contract = self._contracts[spec.conid]
        return costs.margin(contract, spec, self.books.position(spec.conid), price)

    def reference(self, spec: OrderSpec) -> Decimal:
        """Return the price at which an order is valued before it trades.

        This is its limit price, otherwise its stop price, otherwise the price in the market.
        """
        if spec.limit is not None:
            return spec.limit
        if spec.stop is not None:
            return spec.stop
        quote = self.market.quote(spec.conid, self.now)
        return quote.ask if spec.side == "BUY" else quote.bid

    # Requests of clients.

    def check(self, specs: Sequence[OrderSpec]) -> None:
        """Check whether all of several orders can be placed, and raise an error if not.

        Raises:
            OrderRefused: an order is invalid, or the account lacks the margin for the orders.
        """
        placed = self._recent_ids()
        parents: set[str] = set()
        needed = ZERO
        for spec in specs:
            if spec.conid not in self._contracts:
                msg = f"no sec defs returned forSecDef {spec.conid}"  # the wording of IBKR
                raise OrderRefused(msg)
            if calendar.expires(self._contracts[spec.conid].expiry) <= self.now:
                msg = f"The contract {spec.conid} has expired."
                raise OrderRefused(msg)
            if spec.client_id and spec.client_id in placed | parents:
                msg = f"Local order ID={spec.client_id} is already registered."
                raise OrderRefused(msg)
            if spec.parent and spec.parent not in parents and not self._parent(spec.parent):
                msg = f"Parent order {spec.parent} was not found or is done."
                raise OrderRefused(msg)
            if spec.client_id:
                parents.add(spec.client_id)
            if not spec.parent:
                needed += self.margin(spec, self.reference(spec))
        self._afford(needed)

    def _afford(self, needed: Decimal, but: Order | None = None) -> None:
        """Check that the account has enough money for additional margin.

        Args:
            needed: the additional margin, in the base currency. The margin of the working orders is
                added to it.
            but: working order whose own margin is not counted, because it is to be changed.

        Raises:
            OrderRefused: the account has too little margin.
        """
        if not needed:
            return
        reserved = sum(
            (
                self.margin(each.spec, self.reference(each.spec))
                for each in self._working.values()
                if each.parent_id is None and each is not but
            ),
            ZERO,
        )
        left = max(self.books.totals().available - reserved, ZERO)
        if needed > left:
            msg = (
                f"The order is not accepted: it needs an initial margin of {needed:.2f} USD, "
                f"and {left:.2f} USD are available."
            )
            raise OrderRefused(msg)

    def place(self, specs: Sequence[OrderSpec]) -> list[Order]:
        """Place orders, which trade at once as far as the market allows.

        Raises:
            OrderRefused: an order cannot be placed. Then none of the orders is placed.
        """
        self.check(specs)
        together = f"oca{next(self._groups)}"
        orders: list[Order] = []
        for spec in specs:
            order = Order(next(self._ids), spec, self.now, updated=self.now)
            if spec.parent:
                parent = self._parent(spec.parent)
                assert parent is not None  # noqa: S101 - checked above
                order.parent_id = parent.order_id
                # Orders with the same parent (the exits of a bracket) always cancel each other,
                # even if the request does not ask for a group.
                order.group_id = f"child{parent.order_id}"
            elif spec.group:
                order.group_id = together
            order.triggered = not spec.waits
            order.expires = self._expiry(spec)
            self.orders[order.order_id] = self._working[order.order_id] = order
            orders.append(order)
        self._match()
        for order in orders:
            self._end_immediate(order)
        return orders

    def _end_immediate(self, order: Order) -> None:
        waits = order.parent_id in self._working
        if order.spec.tif == "IOC" and not order.done and not waits:
            self._cancel(order, "The part of an IOC order that can't trade at once is cancelled.")

    def modify(self, order_id: int, spec: OrderSpec) -> Order:
        """Change an order's price, quantity, time in force or type.

        Raises:
            OrderRefused: the order does not exist, or this change is not possible.
        """
        order = self._open(order_id)
        old = order.spec
        if order.status == "PendingCancel":
            msg = f"Order {order_id} is being cancelled and can't be changed."
            raise OrderRefused(msg)
        if (spec.conid, spec.side) != (old.conid, old.side):
            msg = "The contract and the side of an order can't be changed."
            raise OrderRefused(msg)
        if spec.quantity <= order.filled:
            msg = f"The quantity can't be changed to {spec.quantity}: {order.filled} are filled."
            raise OrderRefused(msg)
        needed = self.margin(spec, self.reference(spec))
        if order.parent_id is None and needed > self.margin(old, self.reference(old)):
            self._afford(needed, order)
        return self._change(order, spec)

    def reprice(self, order_id: int, limit: Decimal) -> None:
        """Change the limit price of an order, without checking the margin.

        Nothing happens if the order is no longer working or is being cancelled.
        """
        order = self._working.get(order_id)
        if order is not None and order.status != "PendingCancel":
            self._change(order, replace(order.spec, limit=limit))

    def _change(self, order: Order, spec: OrderSpec) -> Order:
        old = order.spec
        trails = (spec.trail, spec.percent)
        same = trails == (old.trail, old.percent)
        if spec.trail is not None and spec.stop is None and same:
            spec = replace(spec, stop=old.stop)
        order.spec = replace(
            spec, client_id=old.client_id, parent=old.parent, group=old.group
        )  # fmt: skip
        if not spec.waits:
            order.triggered = True
        elif spec.stop != old.stop or not same:
            order.triggered = False
        order.expires = self._expiry(spec)
        order.updated = self.now
        self._match()
        self._end_immediate(order)
        return order

    def cancel(self, order_id: int) -> Order:
        """Begin to cancel an order. It can still fill during the next `cancel_delay` seconds.

        Raises:
            OrderRefused: the order does not exist, or its status is final.
        """
        order = self._open(order_id)
        if order.cancels_at is None:
            order.cancels_at = self.now + self._cancel_delay
            self._calm = 0.0
            self._set(order, "PendingCancel")
        return order

    def trade_against(self, order_id: int, quantity: Decimal) -> None:
        """Fill a quantity of a limit order at its limit price, whatever the market's price is.

        Nothing happens if the order is no longer working.
        """
        order = self._working.get(order_id)
        if order is not None and order.spec.limit is not None:
            # The fill may activate orders that wait for this order, so `advance` must not skip the
            # next steps.
            self._calm = 0.0
            self._fill(order, min(quantity, order.remaining), order.spec.limit)

    def set_quote(self, conid: int, quote: Quote) -> None:
        """Fix the quote of a contract, and let orders trade at this quote.

        Raises:
            OrderRefused: the contract does not exist.
        """
        if conid not in self._contracts:
            msg = f"there is no contract {conid}"
            raise OrderRefused(msg)
        self.market.pin(conid, quote)
        for side in ("BUY", "SELL"):
            self._taken.pop((conid, side), None)
        self._match()

    def resume(self, conid: int) -> None:
        """Resume trading in a halted contract, and let its orders trade."""
        self.market.resume(conid)
        self._match()

    def _expiry(self, spec: OrderSpec) -> float:
        if spec.tif == "GTC":
            ends = calendar.end_of_next_quarter(self.now)
        else:
            ends = calendar.end_of_day(self.now, extended=spec.outside_rth)
        return min(ends, calendar.expires(self._contracts[spec.conid].expiry))

    def _recent_ids(self) -> set[str]:
        """Return the client order ids of the orders placed in the last 24 hours."""
        found: set[str] = set()
        for order in reversed(self.orders.values()):
            if order.placed <= self.now - _DAY:
                break
            found.add(order.spec.client_id)
        return found

    def _parent(self, name: str) -> Order | None:
        for order in reversed(self._working.values()):
            if name in (order.spec.client_id, str(order.order_id)):
                return order
        return None

    def _open(self, order_id: int) -> Order:
        order = self.orders.get(order_id)
        if order is None:
            msg = f"OrderID {order_id} doesn't exist"
            raise OrderRefused(msg)
        if order.done:
            msg = f"Order {order_id} is {order.status} and can't be changed or cancelled."
            raise OrderRefused(msg)
        return order
