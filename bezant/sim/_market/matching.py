"""Matches orders with the market as time passes."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from . import calendar, costs, trailing
from .books import Books
from .order_types import ORDER_TYPES
from .orders import ZERO, Execution, Order
from .prices import CENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .books import Totals
    from .catalogue import Contract
    from .orders import OrderSpec, Side, Status
    from .prices import Market

_MAX_STEPS = 2000
_NEVER = 1 << 62


class Matching:
    """Working orders, the market that they trade with, and the books.

    Call `advance` with the current time before you use any other method. Time never goes back.

    Args:
        market: the prices.
        contracts: contracts by conid.
        cash: cash by currency.
        now: the time, in seconds since 1970.
        commissions: whether executions cost a commission.
    """

    def __init__(
        self,
        market: Market,
        contracts: Mapping[int, Contract],
        cash: Mapping[str, Decimal],
        *,
        now: float,
        commissions: bool = True,
    ) -> None:
        self.market = market
        self.now: float = now
        self.orders: dict[int, Order] = {}
        self.executions: list[Execution] = []
        self.books: Books = Books(cash, lambda conid: market.last(conid, self.now))
        self._contracts = contracts
        self._commissions = commissions
        self._working: dict[int, Order] = {}
        self._taken: dict[tuple[int, Side], Decimal] = {}
        self._day = calendar.last_session(now)
        self._day_ends: float = calendar.following(self._day).opens
        self._day_base: Decimal | None = None
        self._settles: float = self._next_close()
        # Time until which no order trades or ends, unless a test changes the market. `advance`
        # skips the steps before this time.
        self._calm = 0.0
        self._version: int = market.version

    @property
    def working(self) -> list[Order]:
        """The working orders, in order of placement."""
        return list(self._working.values())

    @property
    def daily_gain(self) -> Decimal:
        """Gain of the account since the close of the previous trading day."""
        return self.gained(self.books.totals())

    def gained(self, totals: Totals) -> Decimal:
        """Return the account's gain since the previous trading day's close.

        Args:
            totals: the account's figures now.
        """
        return totals.net_liquidation - self._begun_with()

    def _begun_with(self) -> Decimal:
        if self._day_base is None:
            close = calendar.previous(self._day).closes
            self._day_base = self.books.totals_at(
                lambda conid: self.market.path(conid).last(close)
            ).net_liquidation
        return self._day_base

    def commission(self, spec: OrderSpec, quantity: Decimal) -> Decimal:
        """Return the commission for trading `quantity` units of an order."""
        if not self._commissions:
            return ZERO
        return costs.commission(self._contracts[spec.conid], quantity)

    # Progress of time.

    def advance(self, now: float) -> None:
        """Advance the exchange to `now`, step by step: orders trade, are cancelled and expire.

        If much time has passed since the last call, each step covers more time, so that the number
        of steps stays limited.
        """
        if now <= self.now:
            return
        market = self.market
        if self._working:
            begin, end = market.step(self.now), market.step(now)
            stride = max(1, -(-(end - begin) // _MAX_STEPS))
            if self._calm <= self.now or self._version != market.version:
                self._calm, self._version = self._wake(), market.version
            # Nothing happens in the steps before `_calm`, so they are skipped.
            step = begin + self._strides(begin, stride)
            while step <= end:
                self._due(market.time_of(step))
                self._taken.clear()
                self._match()
                if not self._working:
                    break
                self._calm = self._wake()
                step += self._strides(step, stride)
        if market.step(now) != market.step(self.now):
            self._taken.clear()
        self._due(now)

    def _strides(self, step: int, stride: int) -> int:
        """Return the number of steps from `step` to the next step in which something may happen.

        The result is a multiple of `stride`, the number of steps that `advance` takes at a time.
        """
        if self._calm == math.inf:
            return _NEVER
        # Round down: to stop a step too early costs a little time, but a step too late would miss
        # a trade.
        left = int((self._calm - self.market.time_of(step)) / self.market.interval)
        return max(1, left // stride) * stride

    def _wake(self) -> float:
        """Return a time before which no order can trade, end or become active."""
        wake = math.inf
        for order in self._working.values():
            cancels = math.inf if order.cancels_at is None else order.cancels_at
            wake = min(wake, order.expires, cancels, self._idle_until(order))
            if wake <= self.now:
                break
        return wake

    def _idle_until(self, order: Order) -> float:
        if order.parent_id in self._working or ORDER_TYPES[order.spec.kind].at_close:
            return math.inf
        spec = order.spec
        buying = spec.side == "BUY"
        if spec.trail is not None and not order.triggered:
            between = trailing.still_between(spec)
            return self.now if between is None else self._within(spec, *between)
        if not order.triggered:
            # A buy stop triggers when the price rises, but a buy limit trades when the price falls.
            # For sells it is the reverse.
            price, above = spec.stop, buying
        else:
            price, above = spec.limit, not buying
        if price is None:
            return self.now
        return self._within(spec, *((None, price) if above else (price, None)))

    def _within(self, spec: OrderSpec, low: Decimal | None, high: Decimal | None) -> float:
        return self.market.within(spec.conid, self.now, low, high)

    def _due(self, now: float) -> None:
        """End the orders whose expiry or cancellation is due at `now` or earlier.

        The exchange's time moves to each of these moments, and then to `now`.
        """
        ends: list[tuple[float, int, str]] = []
        for order in self._working.values():
            if order.expires <= now:
                ends.append((order.expires, order.order_id, "Its time in force has ended."))
            if order.cancels_at is not None and order.cancels_at <= now:
                ends.append((order.cancels_at, order.order_id, ""))
        for when, order_id, reason in sorted(ends):
            order = self.orders[order_id]
            if not order.done:
                self.now = max(self.now, when)
                if not (reason and self._trade_at_close(order)):
                    self._cancel(order, reason)
        self.now = max(self.now, now)
        if self.now >= self._settles:
            self._settle()
            self._settles = self._next_close()
        if self.now >= self._day_ends:
            self._day = calendar.last_session(self.now)
            self._day_ends = calendar.following(self._day).opens
            self._day_base = None
            self.books.new_day()

    def _next_close(self) -> float:
        session = calendar.last_session(self.now)
        return (session if self.now < session.closes else calendar.following(session)).closes

    def _settle(self) -> None:
        """Close the positions in futures that have expired, at their last prices."""
        for conid, holding in self.books.holdings.items():
            if not holding.quantity or holding.contract.asset_class != "FUT":
                continue
            end = calendar.expires(holding.contract.expiry)
            if end <= self.now:
                self._begun_with()
                self.books.settle(holding, self.market.last(conid, end))

    def _trade_at_close(self, order: Order) -> bool:
        """Fill an order at the close, if it is for the close; return whether it was filled.

        The whole quantity trades at the last price: an auction has no bid and ask.
        """
        spec = order.spec
        held = order.parent_id in self._working or self.market.is_halted(spec.conid)
        if held or not ORDER_TYPES[spec.kind].at_close:
            return False
        price, limit = self.market.quote(spec.conid, self.now).last, spec.limit
        if limit is not None and (price > limit if spec.side == "BUY" else price < limit):
            return False
        self._fill(order, order.remaining, price)
        return True

    def _match(self) -> None:
        """Let every working order trade with the current market."""
        self._calm = 0.0
        moved = True
        while moved:
            # A filled order activates its child orders, which may trade at once. So go through the
            # orders again after each fill.
            moved = False
            for order in list(self._working.values()):
                moved = self._try(order) or moved

    def _try(self, order: Order) -> bool:
        """Trade an order as far as the market allows; return whether any quantity traded."""
        if order.done:
            return False
        spec = order.spec
        cancelling = order.cancels_at is not None
        extended = spec.outside_rth and spec.limit is not None
        if (
            order.parent_id in self._working
            or self.market.is_halted(spec.conid)
            or not self.market.is_open(self.now, extended=extended)
        ):
            if not cancelling:
                self._set(order, "PreSubmitted")
            return False
        if ORDER_TYPES[spec.kind].at_close:
            if not cancelling:
                self._set(order, "Submitted")
            return False
        quote = self.market.quote(spec.conid, self.now)
        buying = spec.side == "BUY"
        if not order.triggered:
            if spec.trail is not None:
                spec = self._followed(order, quote.last)
            stop = spec.stop or ZERO
            order.triggered = quote.last >= stop if buying else quote.last <= stop
        if not cancelling:
            self._set(order, "Submitted" if order.triggered else "PreSubmitted")
        if not order.triggered:
            return False
        price = quote.ask if buying else quote.bid
        if spec.kind == "MIDPRICE":
            price = ((quote.bid + quote.ask) / 2).quantize(CENT)
        limit = spec.limit
        if limit is not None and (price > limit if buying else price < limit):
            return False
        key = (spec.conid, spec.side)
        there = Decimal(quote.ask_size if buying else quote.bid_size)
        quantity = min(order.remaining, there - self._taken.get(key, ZERO))
        if quantity <= 0:
            return False
        self._taken[key] = self._taken.get(key, ZERO) + quantity
        self._fill(order, quantity, price)
        return True

    def _followed(self, order: Order, last: Decimal) -> OrderSpec:
        """Move an order's trailing stop along with the market, and return the order's terms."""
        spec = trailing.follow(order.spec, last)
        if spec is not order.spec:
            order.spec = spec
            order.updated = self.now
        return spec

    def _fill(self, order: Order, quantity: Decimal, price: Decimal) -> None:
        spec = order.spec
        total = order.filled + quantity
        # The minimum commission applies to the whole order, not to each of its executions.
        fee = max(self.commission(spec, total) - order.commission, ZERO)
        execution = Execution(
            f"0000e0d5.{len(self.executions) + 1:08x}.01.01",
            order.order_id,
            spec.client_id,
            spec.conid,
            spec.side,
            quantity,
            price,
            fee,
            self.now,
        )
        # If this is the first trade of the day, compute the account's value at the day's start, on
        # which the day's gain is based, before the trade changes the positions.
        self._begun_with()
        self.executions.append(execution)
        self.books.apply(self._contracts[spec.conid], execution)
        order.average_price = (order.average_price * order.filled + price * quantity) / total
        order.commission += fee
        order.filled = total
        order.updated = self.now
        if not order.remaining:
            self._set(order, "Filled")
        if order.group_id is not None:
            for other in list(self._working.values()):
                if other.group_id == order.group_id and other is not order:
                    self._cancel(other, "Another order of its group was filled.")

    def _cancel(self, order: Order, reason: str) -> None:
        self._calm = 0.0
        order.reason = reason
        self._set(order, "Cancelled")
        for child in list(self._working.values()):
            if child.parent_id != order.order_id:
                continue
            if order.filled:
                # The cancelled parent was partly filled. Its child orders close this part only.
                quantity = min(child.spec.quantity, order.filled)
                child.spec = replace(child.spec, quantity=quantity)
            else:
                self._cancel(child, "Its parent was cancelled.")

    def _set(self, order: Order, status: Status) -> None:
        if order.status != status:
            order.status = status
            order.updated = self.now
        if order.done:
            self._working.pop(order.order_id, None)
