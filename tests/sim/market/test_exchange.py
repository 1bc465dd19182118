"""Tests of the simulated exchange's order matching, without a gateway."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezant.sim._market import calendar
from bezant.sim._market.exchange import FIRST_ORDER, Exchange
from bezant.sim._market.orders import Order, OrderRefused, OrderSpec
from bezant.sim._market.prices import Hours, Market, Path, spread

from .test_calendar_prices_books import CONTRACTS, FUTURE, NOON, OPTION, STOCK

CASH = {"USD": Decimal(100_000)}


def exchange(*, hours: Hours = "always", now: float = NOON, cash: int = 100_000) -> Exchange:
    market = Market(CONTRACTS, seed=3, start=now, hours=hours)
    here = Exchange(market, CONTRACTS, {"USD": Decimal(cash)}, now=now)
    at(here, 100)
    return here


def at(here: Exchange, last: float | str, size: int = 1000, conid: int = 1) -> None:
    here.set_quote(conid, spread(Decimal(str(last)), size, size, 100))


def spec(side: str = "BUY", quantity: int = 10, kind: str = "LMT", **options: Any) -> OrderSpec:
    for name in ("limit", "stop"):
        if name in options:
            options[name] = Decimal(str(options[name]))
    given: dict[str, Any] = {
        "conid": 1,
        "side": side,
        "kind": kind,
        "quantity": Decimal(quantity),
    } | options
    return OrderSpec(**given)


def place(here: Exchange, *specs: OrderSpec) -> list[Order]:
    return here.place(specs)


def test_market_order() -> None:
    here = exchange()
    [order] = place(here, spec(kind="MKT"))
    assert (order.order_id, status(order), filled(order)) == (FIRST_ORDER, "Filled", 10)
    [done] = here.executions
    assert (done.price, done.commission) == (Decimal("100.01"), Decimal(1))
    assert done.when == NOON
    assert here.books.cash["USD"] == Decimal(100_000) - Decimal("1000.10") - 1
    assert here.books.position(1) == 10
    [sold] = place(here, spec("SELL", 4, "MKT"))
    assert sold.average_price == Decimal("99.99")
    assert here.books.position(1) == 6


def test_limit_order_waits_for_its_price() -> None:
    here = exchange()
    [order] = place(here, spec(limit=99, tif="GTC"))
    assert (status(order), here.working) == ("Submitted", [order])
    at(here, "99.5")
    assert filled(order) == 0
    at(here, "98.5")
    assert (status(order), order.average_price) == ("Filled", Decimal("98.51"))


def test_large_orders_fill_in_parts() -> None:
    here = exchange()
    at(here, 100, size=30)
    [order] = place(here, spec(quantity=70, limit=101))
    [other] = place(here, spec(quantity=20, limit=101))
    assert (filled(order), filled(other)) == (30, 0)
    here.advance(NOON + 0.5)
    assert (filled(order), status(order)) == (60, "Submitted")
    here.advance(NOON + 1)
    # The older order fills first. The newer order gets what is left.
    assert (filled(order), filled(other)) == (70, 20)
    assert [each.quantity for each in here.executions] == [30, 30, 10, 20]
    # The minimum commission is charged once per order, not per execution.
    assert [each.commission for each in here.executions] == [1, 0, 0, 1]


def test_stop_orders() -> None:
    here = exchange()
    [stop] = place(here, spec("SELL", kind="STP", stop=95))
    [limited] = place(here, spec("BUY", kind="STOP_LIMIT", stop=105, limit=106))
    assert status(stop) == status(limited) == "PreSubmitted"
    at(here, "94.5")
    assert (status(stop), stop.average_price) == ("Filled", Decimal("94.49"))
    at(here, 107)
    # The price is beyond both the stop and the limit: the order has become a limit order, without a
    # fill.
    assert (status(limited), filled(limited)) == ("Submitted", 0)
    at(here, 104)
    assert status(limited) == "Filled"


def test_immediate_or_cancel() -> None:
    here = exchange()
    at(here, 100, size=4)
    [order] = place(here, spec(limit=101, tif="IOC"))
    assert (status(order), filled(order)) == ("Cancelled", 4)
    assert "IOC" in order.reason


def test_day_orders_end_with_the_day() -> None:
    here = exchange()
    [day] = place(here, spec(limit=50))
    [longer] = place(here, spec(limit=50, outside_rth=True))
    [good] = place(here, spec(limit=50, tif="GTC"))
    close = calendar.last_session(NOON).closes
    here.advance(close - 1)
    assert status(day) == "Submitted"
    here.advance(close + 3600)
    assert (status(day), day.updated) == ("Cancelled", close)
    assert (status(longer), status(good)) == ("Submitted", "Submitted")
    here.advance(close + 40 * 86_400)
    assert (status(longer), status(good)) == ("Cancelled", "Submitted")
    # The good-till-cancelled order ends at the end of the next quarter.
    here.advance(close + 119 * 86_400)
    assert (status(good), good.updated) == ("Cancelled", 1_782_849_600.0)


def test_cancelling_takes_a_while() -> None:
    here = exchange()
    [order] = place(here, spec(limit=90))
    here.cancel(order.order_id)
    assert status(order) == "PendingCancel"
    here.cancel(order.order_id)
    here.advance(NOON + 0.2)
    assert status(order) == "PendingCancel"
    here.advance(NOON + 1)
    assert (status(order), order.updated) == ("Cancelled", NOON + 0.25)
    with pytest.raises(OrderRefused, match="is Cancelled"):
        here.cancel(order.order_id)
    with pytest.raises(OrderRefused, match="doesn't exist"):
        here.cancel(5)


def test_due_events_happen_in_order() -> None:
    here = exchange()
    [day] = place(here, spec(limit=90))
    [other] = place(here, spec(limit=90))
    here.cancel(other.order_id)
    # Process one long step in which both orders end, each at its own time.
    here._due(NOON + 86_400)
    assert other.updated == NOON + 0.25
    assert day.updated == calendar.last_session(NOON).closes


def test_an_order_can_fill_while_it_is_cancelled() -> None:
    here = exchange()
    [order] = place(here, spec(limit=90))
    here.cancel(order.order_id)
    at(here, 80)
    assert status(order) == "Filled"
    here.advance(NOON + 5)
    assert status(order) == "Filled"


def test_modify() -> None:
    here = exchange()
    at(here, 100, size=4)
    [order] = place(here, spec(limit=101, client_id="mine"))
    wanted = spec(limit=90, quantity=20)
    here.modify(order.order_id, wanted)
    here.advance(NOON + 5)
    assert (filled(order), order.spec.client_id) == (4, "mine")
    for wrong in (
        replace(wanted, side="SELL"), replace(wanted, conid=2), replace(wanted, quantity=Decimal(4))
    ):  # fmt: skip
        with pytest.raises(OrderRefused):
            here.modify(order.order_id, wrong)
    here.modify(order.order_id, spec(kind="MKT", quantity=6))
    assert status(order) == "Filled"
    with pytest.raises(OrderRefused, match="is Filled"):
        here.modify(order.order_id, wanted)
    [stop] = place(here, spec("SELL", kind="STP", stop=95))
    here.modify(stop.order_id, spec("SELL", kind="STP", stop=101, quantity=3))
    assert (stop.triggered, filled(stop)) == (True, 3)
    [last] = place(here, spec(limit=90))
    here.cancel(last.order_id)
    with pytest.raises(OrderRefused, match="being cancelled"):
        here.modify(last.order_id, wanted)


def status(order: Order) -> str:
    return order.status


def filled(order: Order) -> float:
    return float(order.filled)


def bracket(here: Exchange, limit: float = 99) -> list[Order]:
    return place(
        here,
        spec(limit=limit, client_id="parent"),
        spec("SELL", limit=110, parent="parent", tif="GTC"),
        spec("SELL", kind="STP", stop=95, parent="parent", tif="GTC"),
    )


def test_bracket() -> None:
    here = exchange()
    parent, gain, loss = bracket(here)
    assert [status(each) for each in (parent, gain, loss)] == [
        "Submitted", "PreSubmitted", "PreSubmitted",
    ]  # fmt: skip
    at(here, 111)
    assert (filled(gain), filled(loss)) == (0, 0)
    at(here, 98)
    assert (status(parent), status(gain), status(loss)) == ("Filled", "Submitted", "PreSubmitted")
    at(here, 111)
    assert (status(gain), status(loss)) == ("Filled", "Cancelled")
    assert here.books.position(1) == 0
    assert "group" in loss.reason


def test_bracket_whose_parent_ends() -> None:
    here = exchange()
    parent, gain, loss = bracket(here)
    here.cancel(parent.order_id)
    here.advance(NOON + 1)
    assert (status(gain), status(loss)) == ("Cancelled", "Cancelled")
    here = exchange()
    at(here, 98, size=3)
    parent, gain, loss = bracket(here)
    here.cancel(parent.order_id)
    here.advance(NOON + 0.3)
    # The parent was filled with 3 before its cancellation, so its exits have this quantity.
    assert (status(parent), filled(parent)) == ("Cancelled", 3)
    assert gain.spec.quantity == loss.spec.quantity == 3


def test_child_of_an_order_that_works_already() -> None:
    here = exchange()
    [parent] = place(here, spec(limit=99, client_id="first"))
    [child] = place(here, spec("SELL", limit=120, parent=str(parent.order_id)))
    assert child.parent_id == parent.order_id
    with pytest.raises(OrderRefused, match="Parent order"):
        place(here, spec(limit=99, parent="nobody"))


def test_one_of_a_group() -> None:
    here = exchange()
    low, high = place(
        here,
        spec(limit=99, group=True, tif="GTC"),
        spec(conid=1, limit=98, group=True, tif="GTC"),
    )
    [apart] = place(here, spec(limit=97, tif="GTC"))
    at(here, 97, size=5)
    assert (filled(low), status(low), filled(high), status(high)) == (
        5,
        "Submitted",
        0,
        "Cancelled",
    )
    assert status(apart) == "Submitted"


def test_what_is_refused() -> None:
    here = exchange()
    with pytest.raises(OrderRefused, match="no sec defs"):
        place(here, spec(conid=77, limit=5))
    place(here, spec(limit=50, client_id="a"))
    with pytest.raises(OrderRefused, match="already registered"):
        place(here, spec(limit=50, client_id="a"))
    with pytest.raises(OrderRefused, match="already registered"):
        place(here, spec(limit=50, client_id="b"), spec(limit=51, client_id="b"))
    assert len(here.orders) == 1
    here.advance(NOON + 90_000)
    place(here, spec(limit=50, client_id="a"))
    with pytest.raises(OrderRefused):
        here.set_quote(77, spread(Decimal(1), 1, 1, 1))


def test_buying_power() -> None:
    here = exchange(cash=1000)
    with pytest.raises(OrderRefused, match=r"initial margin of 1000\.10 USD, and 1000\.00"):
        here.check([spec("BUY", 40, "MKT")])
    [order] = place(here, spec(quantity=20, limit=90, tif="GTC"))
    # The open order reserves 450 USD of the 1,000 USD.
    with pytest.raises(OrderRefused, match=r"550\.00 USD are available"):
        place(here, spec(quantity=30, limit=90))
    with pytest.raises(OrderRefused, match="initial margin"):
        here.modify(order.order_id, spec(quantity=50, limit=90))
    here.modify(order.order_id, spec(quantity=40, limit=90))
    at(here, 89)
    assert status(order) == "Filled"
    # Selling the position of 40 needs no margin, and neither does a short position of the same
    # size.
    assert here.margin(spec("SELL", 40, "MKT"), Decimal(89)) == 0
    assert here.margin(spec("SELL", 80, "MKT"), Decimal(89)) == 0
    assert here.margin(spec("SELL", 84, "MKT"), Decimal(100)) == 100
    option = spec(conid=OPTION.conid, quantity=1, limit=4)
    assert here.margin(option, Decimal(4)) == 400
    assert here.margin(replace(option, side="SELL"), Decimal(4)) == 100
    assert here.margin(replace(option, conid=FUTURE.conid), Decimal(5000)) == 25_000
    assert STOCK.multiplier == 0


def test_outside_the_hours() -> None:
    day = calendar.last_session(NOON)
    here = exchange(hours="regular", now=day.closes + 60.0)
    [market] = place(here, spec(kind="MKT"))
    [limit] = place(here, spec(limit=120, outside_rth=True))
    assert (status(market), status(limit)) == ("PreSubmitted", "Filled")
    here.advance(calendar.following(day).opens - 1.0)
    assert status(market) == "PreSubmitted"
    here.advance(calendar.following(day).opens + 1.0)
    assert status(market) == "Filled"


def test_daily_gain() -> None:
    here = exchange()
    here.market.unpin(1)
    close = calendar.previous(calendar.last_session(NOON)).closes
    here.books.hold(STOCK, Decimal(100), Decimal(90))
    prior = here.market.path(1).last(close)
    at(here, 101)
    assert here.daily_gain == 100 * (101 - prior)
    place(here, spec("SELL", 100, "MKT"))
    assert here.daily_gain == 100 * (Decimal("100.99") - prior) - 1
    assert here.books.totals().realized == 100 * (Decimal("100.99") - 90) - 1
    here.advance(NOON + 86_400)
    assert here.daily_gain == 0
    assert here.books.totals().realized == 0


def test_trading_against_an_order() -> None:
    here = exchange()
    [order] = place(here, spec(limit=90))
    here.trade_against(order.order_id, Decimal(3))
    assert (filled(order), float(order.average_price)) == (3, 90)
    here.trade_against(order.order_id, Decimal(30))
    assert status(order) == "Filled"
    here.trade_against(order.order_id, Decimal(1))
    assert len(here.executions) == 2


def test_time_passes_in_long_steps_too() -> None:
    one = exchange()
    one.market.unpin(1)
    [order] = place(one, spec(limit="99.5", tif="GTC"))
    one.advance(NOON + 3 * 86_400)
    one.advance(NOON)
    assert one.now == NOON + 3 * 86_400
    assert status(order) == "Filled"
    assert one.executions[0].when > NOON


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["BUY", "SELL"]),
            st.sampled_from(
                ["LMT", "STP", "STOP_LIMIT", "BRACKET", "TRAIL", "TRAIL%", "TRAILLMT", "MIDPRICE"]
            ),
            st.decimals("98", "102", places=2),
            st.sampled_from(["DAY", "GTC"]),
            st.booleans(),
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 30),
    st.sampled_from(["always", "regular"]),
    st.sampled_from([NOON, NOON + 14_000.0, NOON + 30_000.0]),
    st.floats(1, 900),
)
def test_steps_in_which_nothing_can_happen_are_passed_over(
    wanted: list[tuple[str, str, Decimal, Any, bool]],
    seed: int,
    hours: Hours,
    now: float,
    seconds: float,
) -> None:
    """Skipping steps in which nothing can happen gives the same result as computing every step."""

    def outcome(parts: int, *, every: bool) -> tuple[list[Order], list[Any]]:
        market = Market(CONTRACTS, seed=seed, start=now, hours=hours)
        here = Exchange(market, CONTRACTS, {"USD": Decimal(10**9)}, now=now)
        if every:
            here._wake = lambda: here.now  # type: ignore[method-assign]
        for number, (side, kind, price, tif, outside) in enumerate(wanted):
            options: dict[str, Any] = {"tif": tif, "outside_rth": outside}
            if kind in ("LMT", "STOP_LIMIT", "BRACKET", "TRAILLMT", "MIDPRICE"):
                options["limit"] = price
            if kind in ("STP", "STOP_LIMIT", "TRAILLMT"):
                options["stop"] = price
            if kind.startswith("TRAIL"):
                options |= {"trail": abs(price - 100) + Decimal("0.1"), "percent": kind[-1] == "%"}
                kind = kind.strip("%")
            sent = [spec(side, 3000, kind if kind != "BRACKET" else "LMT", **options)]
            if kind == "BRACKET":
                other = "SELL" if side == "BUY" else "BUY"
                sent = [replace(sent[0], client_id=f"b{number}")]
                sent.append(spec(other, 3000, limit=price, parent=f"b{number}"))
            place(here, *sent)
        for part in range(1, parts + 1):
            here.advance(now + seconds * part / parts)
        here.cancel(FIRST_ORDER) if not here.orders[FIRST_ORDER].done else None
        here.advance(now + seconds + 100)
        return list(here.orders.values()), here.executions

    assert outcome(1, every=False) == outcome(1, every=True) == outcome(7, every=False)


def levels(order: Order) -> tuple[float, float]:
    return float(order.spec.stop or 0), float(order.spec.limit or 0)


def trailing(side: str, trail: float | str, kind: str = "TRAIL", **options: Any) -> OrderSpec:
    return spec(side, 10, kind, trail=Decimal(str(trail)), **options)


def test_a_stop_that_trails_goes_one_way() -> None:
    here = exchange()
    here.books.hold(STOCK, Decimal(100), Decimal(90))
    [order] = place(here, trailing("SELL", 2))
    assert (status(order), levels(order), order.triggered) == ("PreSubmitted", (98, 0), False)
    at(here, 105)
    assert levels(order)[0] == 103
    at(here, "103.01")
    assert (levels(order), status(order)) == ((103, 0), "PreSubmitted")
    at(here, 103)
    assert (status(order), order.average_price) == ("Filled", Decimal("102.99"))

    [order] = place(here, trailing("BUY", 2))
    at(here, 90)
    assert order.spec.stop == 92
    at(here, "91.99")
    assert status(order) == "PreSubmitted"
    at(here, 94)
    assert (status(order), order.average_price) == ("Filled", Decimal("94.01"))


def test_a_trail_in_per_cent() -> None:
    here = exchange()
    down, up = place(here, trailing("SELL", 10, percent=True), trailing("BUY", 10, percent=True))
    assert (levels(down), levels(up)) == ((90, 0), (110, 0))
    at(here, "105.55")
    # A trailing stop is rounded to whole cents: 10 per cent below 105.55 is 95.
    assert (levels(down), levels(up)) == ((95, 0), (110, 0))
    at(here, 96)
    assert (levels(down), levels(up)) == ((95, 0), (105.6, 0))


def test_the_limit_goes_with_the_stop_until_it_is_reached() -> None:
    here = exchange()
    [order] = place(here, trailing("SELL", 3, "TRAILLMT", stop=96, limit="95.50"))
    # The market, at 100, is more than the trailing amount of 3 above the stop of 96, so the stop
    # moves up to 97.
    assert levels(order) == (97, 96.5)
    at(here, 101)
    assert levels(order) == (98, 97.5)
    at(here, 96)
    assert (status(order), order.triggered) == ("Submitted", True)
    at(here, 97)
    assert (levels(order), status(order)) == ((98, 97.5), "Submitted")
    at(here, 120, size=4)
    assert (levels(order), filled(order)) == ((98, 97.5), 4)


def test_a_trail_begins_when_its_parent_has_filled() -> None:
    here = exchange()
    parent, child = place(
        here, spec(limit=95, client_id="p"), trailing("SELL", 1, parent="p")
    )  # fmt: skip
    at(here, 110)
    assert child.spec.stop is None
    at(here, 94)
    assert (status(parent), status(child)) == ("Filled", "PreSubmitted")
    assert child.spec.stop == 93


def test_changing_a_stop_that_trails() -> None:
    here = exchange()
    [order] = place(here, trailing("SELL", 2))
    at(here, 105)
    # A modification without a stop keeps the current stop. A new trailing amount sets a new stop.
    at(here, 104)
    here.modify(order.order_id, replace(order.spec, quantity=Decimal(5), stop=None))
    assert (levels(order), order.remaining) == ((103, 0), Decimal(5))
    here.modify(order.order_id, replace(order.spec, trail=Decimal(4), stop=None))
    assert order.spec.stop == 100
    here.modify(order.order_id, spec("SELL", kind="LMT", limit=110))
    assert (status(order), order.triggered) == ("Submitted", True)


def test_midprice() -> None:
    here = exchange()
    [order] = place(here, spec(kind="MIDPRICE"))
    assert (status(order), order.average_price) == ("Filled", Decimal(100))
    [capped] = place(here, spec(kind="MIDPRICE", limit=99))
    assert status(capped) == "Submitted"
    at(here, "98.50")
    assert (status(capped), capped.average_price) == ("Filled", Decimal("98.50"))


def test_a_change_that_takes_up_more_margin_has_to_be_afforded() -> None:
    here = exchange(cash=1000)
    [order] = place(here, spec(limit=90, quantity=40))
    with pytest.raises(OrderRefused, match="initial margin"):
        here.modify(order.order_id, replace(order.spec, limit=Decimal(105)))
    assert here.modify(order.order_id, replace(order.spec, limit=Decimal(95))).spec.limit == 95
    # An order may always be reduced, even without funds.
    here.books.cash["USD"] = Decimal(-1000)
    assert here.modify(order.order_id, replace(order.spec, quantity=Decimal(30))).remaining == 30


def test_a_day_with_an_order_far_from_the_market_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    price = Path.last

    def counted(path: Path, when: float) -> Decimal:
        nonlocal looked
        looked += 1
        return price(path, when)

    here = exchange()
    here.market.unpin(1)
    place(here, spec(limit=70, tif="GTC"), spec("SELL", 10, limit=140, tif="GTC"))
    monkeypatch.setattr(Path, "last", counted)
    here.advance(NOON + 900)
    assert looked < 10


def test_an_order_at_the_close_trades_at_the_close_only() -> None:
    here = exchange(hours="regular")
    before, cancelled, child = place(
        here,
        spec(kind="MOC", client_id="a"),
        spec("SELL", kind="LOC", limit=99, client_id="b"),
        spec(kind="MOC", parent="b"),
    )
    close = calendar.end_of_day(NOON)
    assert before.expires == close
    here.advance(close - 1)
    assert (status(before), status(cancelled), status(child)) == (
        "Submitted", "Submitted", "PreSubmitted",
    )  # fmt: skip
    here.cancel(cancelled.order_id)
    here.advance(close + 3600)
    assert (status(before), status(cancelled), status(child)) == (
        "Filled", "Cancelled", "Cancelled",
    )  # fmt: skip
    [done] = here.executions
    assert (done.when, done.price, done.quantity) == (close, Decimal(100), Decimal(10))
    # An order after the close is for the next day.
    [later] = place(here, spec(kind="MOC"))
    assert status(later) == "PreSubmitted"
    assert later.expires == calendar.end_of_day(close + 3600) > close + 3600


def test_an_order_at_the_close_of_a_halted_contract_ends_unfilled() -> None:
    here = exchange(hours="regular")
    [order] = place(here, spec(kind="MOC"))
    here.market.halt(1, here.now)
    here.advance(order.expires)
    assert (status(order), filled(order)) == ("Cancelled", 0)
    assert here.executions == []
