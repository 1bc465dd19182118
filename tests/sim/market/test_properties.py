"""Tests of invariants of the simulated exchange under random actions."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from decimal import Decimal
from typing import get_args

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bezant.sim._market.exchange import Exchange
from bezant.sim._market.order_types import Kind
from bezant.sim._market.orders import Order, OrderRefused, OrderSpec, Side, Tif
from bezant.sim._market.prices import Market, spread

from .test_calendar_prices_books import CONTRACTS, NOON

RATES = {"USD": Decimal(1), "EUR": Decimal("1.17")}
CLOSE_ENOUGH = Decimal("1e-9")
prices = st.decimals(80, 120, places=2)
quantities = st.integers(1, 400).map(Decimal)
conids = st.sampled_from(sorted(CONTRACTS))
LIMITED = ("LMT", "STOP_LIMIT", "TRAILLMT", "MIDPRICE")
STOPPED = ("STP", "STOP_LIMIT", "TRAILLMT")
SIDES: tuple[Side, ...] = ("BUY", "SELL")


@st.composite
def specs(draw: st.DrawFn) -> OrderSpec:
    conid = draw(conids)
    scale = Decimal(str(CONTRACTS[conid].price)) / 100
    kind = draw(st.sampled_from(get_args(Kind)))
    trails = kind in ("TRAIL", "TRAILLMT")
    tifs: tuple[Tif, ...] = ("DAY", "GTC", "IOC")
    return OrderSpec(
        conid=conid,
        side=draw(st.sampled_from(SIDES)),
        kind=kind,
        quantity=draw(quantities),
        limit=draw(prices) * scale if kind in LIMITED else None,
        stop=draw(prices) * scale if kind in STOPPED else None,
        trail=draw(st.decimals("0.1", 5, places=2)) if trails else None,
        percent=trails and draw(st.booleans()),
        tif=draw(st.sampled_from(tifs)),
        outside_rth=draw(st.booleans()),
    )


class ExchangeMachine(RuleBasedStateMachine):
    """Hypothesis state machine: orders, changes, cancellations, prices and time in random order."""

    @initialize(seed=st.integers(0, 50), cash=st.integers(1000, 10_000_000))
    def begin(self, seed: int, cash: int) -> None:
        self.cash = {"USD": Decimal(cash), "EUR": Decimal(5000)}
        self.here = Exchange(
            Market(CONTRACTS, seed=seed, start=NOON), CONTRACTS, self.cash, now=NOON
        )
        self.here.books.hold(CONTRACTS[1], Decimal(300), Decimal(90))
        self.first = {1: Decimal(300)}
        self.base = cash + 5000 * RATES["EUR"] + 300 * 90
        self.names = 0
        self.seen = 0
        self.done: dict[int, Order] = {}
        self.stops: dict[tuple[int, object], Decimal] = {}

    def attempt(self, *wanted: OrderSpec) -> None:
        with contextlib.suppress(OrderRefused):
            self.here.place(wanted)

    @rule(spec=specs())
    def place(self, spec: OrderSpec) -> None:
        self.attempt(spec)

    @rule(many=st.lists(specs(), min_size=2, max_size=4))
    def place_a_group(self, many: list[OrderSpec]) -> None:
        self.attempt(*(replace(each, group=True) for each in many))

    @rule(parent=specs(), children=st.lists(specs(), min_size=1, max_size=2))
    def place_a_bracket(self, parent: OrderSpec, children: list[OrderSpec]) -> None:
        self.names += 1
        name = f"parent-{self.names}"
        side: Side = "SELL" if parent.side == "BUY" else "BUY"
        self.attempt(
            replace(parent, client_id=name),
            *(replace(each, conid=parent.conid, side=side, parent=name) for each in children),
        )

    @rule(number=st.integers(0, 100))
    def cancel(self, number: int) -> None:
        if self.here.orders:
            order_id = list(self.here.orders)[number % len(self.here.orders)]
            with contextlib.suppress(OrderRefused):
                self.here.cancel(order_id)

    @rule(number=st.integers(0, 100), spec=specs())
    def modify(self, number: int, spec: OrderSpec) -> None:
        if self.here.orders:
            order = list(self.here.orders.values())[number % len(self.here.orders)]
            old = order.spec
            with contextlib.suppress(OrderRefused):
                self.here.modify(order.order_id, replace(spec, conid=old.conid, side=old.side))

    @rule(conid=conids, price=prices, size=st.integers(0, 300))
    def move(self, conid: int, price: Decimal, size: int) -> None:
        scale = Decimal(str(CONTRACTS[conid].price)) / 100
        self.here.set_quote(conid, spread(price * scale, size, size, 10))

    @rule(conid=conids)
    def let_move(self, conid: int) -> None:
        self.here.market.unpin(conid)

    @rule(seconds=st.floats(0.1, 120))
    def wait(self, seconds: float) -> None:
        self.here.advance(self.here.now + seconds)

    @invariant()
    def cash_and_positions_are_the_whole(self) -> None:
        here, books = self.here, self.here.books
        flows = dict(self.cash)
        held = dict(self.first)
        for each in here.executions:
            contract = CONTRACTS[each.conid]
            signed = each.quantity if each.side == "BUY" else -each.quantity
            held[each.conid] = held.get(each.conid, Decimal(0)) + signed
            if contract.asset_class != "FUT":
                per = Decimal(str(contract.multiplier or 1))
                flows[contract.currency] -= signed * each.price * per + each.commission
        for conid, quantity in held.items():
            assert books.position(conid) == quantity
        assert set(books.holdings) == set(held)
        if 2 not in held:
            # This does not hold with futures (contract 2), whose gains reach the cash only when
            # closed.
            assert books.cash == flows
        value = sum(
            books.holdings[conid].value(here.market.quote(conid, here.now).last)
            * RATES[CONTRACTS[conid].currency]
            for conid in held
        )
        cash = sum(amount * RATES[name] for name, amount in books.cash.items())
        totals = books.totals()
        # Both sides add decimals, rounded to 28 digits, in different orders, so they may differ a
        # little.
        assert abs(totals.net_liquidation - cash - value) < CLOSE_ENOUGH
        gained = totals.realized + totals.unrealized
        assert abs(totals.net_liquidation - self.base - gained) < CLOSE_ENOUGH

    @invariant()
    def executions_are_what_was_filled(self) -> None:
        for order in self.here.orders.values():
            parts = [each for each in self.here.executions if each.order_id == order.order_id]
            assert sum(each.quantity for each in parts) == order.filled <= order.spec.quantity
            assert (order.status == "Filled") == (not order.remaining)
            assert sum(each.commission for each in parts) == order.commission
            assert order.done == (order not in self.here.working)

    @invariant()
    def no_fill_is_worse_than_its_limit(self) -> None:
        for each in self.here.executions[self.seen :]:
            limit = self.here.orders[each.order_id].spec.limit
            if limit is not None:
                assert each.price <= limit if each.side == "BUY" else each.price >= limit
        self.seen = len(self.here.executions)

    @invariant()
    def a_stop_that_trails_goes_the_orders_way(self) -> None:
        stops: dict[tuple[int, object], Decimal] = {}
        for order in self.here.orders.values():
            spec = order.spec
            if spec.trail is None or spec.stop is None:
                continue
            place = (order.order_id, (spec.trail, spec.percent, spec.quantity, spec.limit))
            stops[place] = spec.stop
            before = self.stops.get(place, spec.stop)
            assert spec.stop <= before if spec.side == "BUY" else spec.stop >= before
        self.stops = stops

    @invariant()
    def a_group_fills_one(self) -> None:
        filled: dict[str, int] = {}
        for order in self.here.orders.values():
            if order.group_id is not None and order.filled:
                assert filled.setdefault(order.group_id, order.order_id) == order.order_id

    @invariant()
    def children_wait(self) -> None:
        for order in self.here.orders.values():
            if order.parent_id is not None and order.filled:
                assert self.here.orders[order.parent_id].done

    @invariant()
    def what_is_done_stays(self) -> None:
        for number, order in self.here.orders.items():
            if order.done:
                assert self.done.setdefault(number, replace(order)) == order


ExchangeMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestExchange = ExchangeMachine.TestCase
