"""Tests of trades: merged state, results of a request, the search for lost orders."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from bezant import Buy, InvalidRequest, Order, Sell
from bezant._core.trading.lookup import LIST_INTERVAL, Change, Lookup, Verdict
from bezant._core.trading.placement import Placement, fits
from bezant._core.trading.rebuilding import order_in
from bezant._core.trading.tickets import Leg
from bezant._core.trading.trade_state import INACTIVE_LASTS, Report, TradeState, report_of
from bezant.models.orders import Execution, LiveOrder, OrderReply, OrderStatus

D = Decimal


def untyped(*numbers: Any) -> tuple[Any, ...]:
    """Return numbers without their static types, to be compared with ints."""
    return numbers


def execution(key: str, size: Any, price: Any, commission: Any = None, **more: Any) -> Execution:
    return Execution(
        account_id="DU1",
        conid=1,
        execution_id=key,
        size=D(size),
        price=D(price),
        commission=None if commission is None else D(commission),
        sec_type="STK",
        side="BUY",
        symbol="A",
        time=datetime(2026, 11, 20, tzinfo=UTC),
        **more,
    )


EVENTS: list[Any] = [
    lambda state: state.told(Report("Submitted", filled=D(0), quantity=D(10)), 0.0),
    lambda state: state.told(Report("Submitted", filled=D(4), average_price=D(2)), 0.0),
    lambda state: state.execute(execution("a", 4, 2, 1)),
    lambda state: state.execute(execution("b", 6, 4)),
    lambda state: state.execute(execution("b", 6, 4, 2)),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(EVENTS)))), ids=str)
def test_fills_may_come_twice_and_in_any_order(order: tuple[int, ...]) -> None:
    state = TradeState(D(10))
    filled = D(0)
    for at in (*order, *order):
        EVENTS[at](state)
        assert state.filled >= filled
        filled = state.filled
    assert untyped(state.status, state.filled, state.remaining) == ("Filled", 10, 0)
    assert untyped(state.average_price, state.commission) == (D("3.2"), 3)
    assert state.settled
    assert state.ended
    before = state.version
    EVENTS[0](state)
    EVENTS[2](state)
    assert (state.status, state.version) == ("Filled", before)


def test_an_ended_order_does_not_work_again() -> None:
    state = TradeState(D(10))
    state.told(Report("Cancelled", filled=D(3)), 0.0)
    state.told(Report("Submitted", filled=D(2)), 0.0)
    assert untyped(state.status, state.filled, state.remaining) == ("Cancelled", 3, 7)
    assert state.commission is None
    state.execute(execution("a", 10, 2))
    assert state.status == "Filled"
    state.told(Report("Cancelled"), 0.0)
    assert state.status == "Filled"


def test_the_average_is_reported_until_the_executions_explain_it() -> None:
    state = TradeState()
    assert state.remaining is None
    assert state.average_price is None
    state.told(Report("Submitted", filled=D(4), quantity=D(10), average_price=D(2)), 0.0)
    assert untyped(state.average_price, state.remaining) == (2, 6)
    state.execute(execution("a", 1, 5))
    assert state.average_price == 2
    assert not state.settled
    state.changed(D(4))
    assert state.quantity == 4


def test_an_execution_without_a_size_is_ignored() -> None:
    state = TradeState(D(10))
    state.execute(msgspec.structs.replace(execution("a", 1, 1), size=UNSET))
    assert state.executions == {}


def test_a_cancelled_order_without_fills_costs_nothing() -> None:
    state = TradeState(D(10))
    assert state.commission is None
    state.told(Report("Cancelled"), 0.0)
    assert state.commission == 0


def test_an_inactive_order_ends_only_after_some_seconds() -> None:
    state = TradeState(D(10))
    assert not state.done(0.0)
    state.told(Report("Inactive", "Pending Submit"), 0.0)
    assert state.created
    assert not state.done(INACTIVE_LASTS + 1)
    state.told(Report("Inactive"), 1.0)
    state.told(Report("Inactive"), 5.0)
    assert not state.done(INACTIVE_LASTS)
    assert state.done(INACTIVE_LASTS + 1)
    state.told(Report("PreSubmitted"), 20.0)
    assert not state.done(100.0)
    assert not state.created


def status(**values: Any) -> OrderStatus:
    usual: dict[str, Any] = {
        "conid": 1, "order_id": 5, "status": "Submitted", "order_type": "LMT", "sec_type": "STK",
        "side": "BUY", "size": D(10), "symbol": "A", "time_in_force": "DAY", "quantity": D(10),
        "limit_price": D(5), "filled_quantity": D(0),
    }  # fmt: skip
    return OrderStatus(**(usual | values))


def bare(**values: Any) -> OrderStatus:
    """Return a status without the fields that are not given."""
    missing = ("order_type", "side", "size", "time_in_force", "quantity", "conid", "symbol")
    gone: dict[str, Any] = dict.fromkeys(missing, UNSET)
    return status(**(gone | {"limit_price": None, "filled_quantity": None} | values))


def listed(**values: Any) -> LiveOrder:
    usual: dict[str, Any] = {
        "account_id": "DU1", "conid": 1, "order_id": 5, "status": "Submitted", "order_type": "LMT",
        "sec_type": "STK", "side": "BUY", "ticker": "A", "time_in_force": "DAY", "price": D(5),
        "order_description": "", "remaining_quantity": D(10), "filled_quantity": D(0),
    }  # fmt: skip
    return LiveOrder(**(usual | values))


def test_the_quantity_of_a_report_includes_the_filled_part() -> None:
    assert report_of(listed()).quantity == 10
    assert report_of(listed(filled_quantity=D(4), quantity=D(20))).quantity == 20
    # IBKR's `total_size` is the rest or the whole quantity.
    assert report_of(status(filled_quantity=D(4), size=D(6), quantity=D(6))).quantity == 10
    assert report_of(bare(quantity=D(7))).quantity == 7


ENTRY = Leg(Buy(1, 10, limit=5), 1, "me")
PROFIT = Leg(Sell(1, 10, limit=6), 1, parent="me")
STOP = Leg(Sell(1, 10, stop=4), 1, parent="me")


def test_replies_are_paired_by_id_and_terms() -> None:
    placement = Placement((ENTRY, PROFIT, STOP))
    placement.add(
        [
            OrderReply(order_id=8, parent_order_id=6, status="PreSubmitted"),
            OrderReply(order_id=7, parent_order_id=6),
            OrderReply(order_id=6, client_order_id="me"),
            OrderReply(order_id=6, client_order_id="me"),
        ]
    )
    assert placement.ids == {0: 6}
    assert placement.unpaired == (8, 7)
    assert placement.complete
    assert placement.statuses == {8: "PreSubmitted", 7: "", 6: ""}
    placement.pair({7: status(side="SELL", limit_price=D(9))})
    assert placement.unpaired == (8, 7)
    placement.pair({8: status(side="SELL", order_type="STP", limit_price=None, stop_price=D(4))})
    assert placement.ids == {0: 6, 1: 7, 2: 8}
    assert set(placement.placed) == {6, 7, 8}


def test_an_exit_of_another_entry_is_not_the_exit() -> None:
    placement = Placement((ENTRY, STOP))
    placement.add([OrderReply(order_id=6, client_order_id="me")])
    placement.add([OrderReply(order_id=7, parent_order_id=5)])
    assert set(placement.placed) == {6, 7}
    assert not placement.complete


def test_exits_with_equal_terms_are_interchangeable() -> None:
    placement = Placement((ENTRY, PROFIT, PROFIT))
    placement.add([OrderReply(order_id=6, client_order_id="me")])
    placement.add([OrderReply(order_id=7), OrderReply(order_id=8)])
    placement.pair({7: status(side="SELL", limit_price=D(6))})
    assert placement.ids == {0: 6, 1: 7, 2: 8}


def test_questions_and_refusals_are_kept() -> None:
    placement = Placement((ENTRY,))
    placement.add([OrderReply(id="q", message_ids=["o163"]), OrderReply(error="no"), OrderReply()])
    assert list(placement.questions) == ["q"]
    assert placement.refusals == ["no"]
    assert not placement.complete
    placement.add([OrderReply(order_id=6)])
    assert placement.ids == {0: 6}
    assert not placement.complete


@pytest.mark.parametrize(
    ("leg", "row", "expected"),
    [
        (ENTRY, listed(), True),
        (ENTRY, listed(price=D("5.0")), True),
        (ENTRY, listed(price=D(6)), False),
        (ENTRY, listed(conid=2), False),
        (ENTRY, listed(side="SELL"), False),
        (ENTRY, listed(order_type="MKT"), False),
        (ENTRY, listed(order_type="Other", original_order_type="LMT"), True),
        (ENTRY, status(), True),
        (ENTRY, status(limit_price=None, price=D(5)), True),
        (ENTRY, status(stop_price=D(3)), False),
        (STOP, status(side="SELL", order_type="STP", limit_price=None, price=D(4)), True),
        (STOP, listed(side="SELL", order_type="STP", price=D(4)), True),
        (Leg(Buy(1, 1), 0), listed(order_type="MKT", price=None), True),
    ],
)
def test_an_order_fits_by_its_terms(leg: Leg, row: Any, expected: bool) -> None:
    assert fits(leg, row) is expected


def search(*legs: Leg, known: tuple[int, ...] = ()) -> Lookup:
    return Lookup(legs, "DU1", known)


def test_a_lost_order_is_found_by_its_name() -> None:
    lookup = search(ENTRY)
    lookup.listed([listed(order_id=4), listed(client_order_id="you")], 0.0, complete=False)
    assert lookup.verdict is Verdict.UNKNOWN
    row = listed(client_order_id="me")
    lookup.listed([row], 0.0, complete=False)
    assert (lookup.verdict, lookup.found) == (Verdict.FOUND, {0: 5})
    later = listed(client_order_id="me", status="Filled")
    lookup.listed([later], 1.0, complete=True)
    assert lookup.rows == {5: later}
    assert lookup.parent_id is None


def test_a_lost_order_is_found_by_its_executions() -> None:
    lookup = search(ENTRY)
    lookup.executed(
        [
            execution("a", 1, 1),
            execution("b", 1, 1, client_order_id="me"),
            execution("c", 1, 1, client_order_id="me", order_id=5),
        ]
    )
    assert (lookup.verdict, lookup.found, lookup.rows) == (Verdict.FOUND, {0: 5}, {})


def test_a_lost_order_never_arrived_only_after_two_lists_and_the_executions() -> None:
    lookup = search(ENTRY)
    lookup.executed([])
    lookup.listed([], 0.0, complete=False)
    lookup.listed([], 100.0, complete=True)
    lookup.listed([], 100.0 + LIST_INTERVAL, complete=True)
    assert lookup.verdict is Verdict.UNKNOWN
    lookup.executed([])
    assert untyped(lookup.verdict) == (Verdict.ABSENT,)
    lookup = search(ENTRY)
    lookup.listed([], 0.0, complete=True)
    lookup.executed([])
    lookup.listed([], LIST_INTERVAL - 0.1, complete=True)
    assert lookup.verdict is Verdict.UNKNOWN


def test_a_lost_order_is_only_missing_while_a_question_may_be_open() -> None:
    lookup = Lookup((ENTRY,), "DU1", asked_until=60.0)
    for at in (0.0, LIST_INTERVAL):
        lookup.listed([], at, complete=True)
        lookup.executed([])
    assert lookup.verdict is Verdict.MISSING
    lookup.listed([], 60.0, complete=True)
    lookup.executed([])
    lookup.listed([], 60.0 + LIST_INTERVAL - 0.1, complete=True)
    assert untyped(lookup.verdict) == (Verdict.MISSING,)
    lookup.listed([], 60.0 + LIST_INTERVAL, complete=True)
    assert untyped(lookup.verdict) == (Verdict.ABSENT,)
    lookup = Lookup((ENTRY,), "DU1", asked_until=60.0)
    lookup.listed([], 0.0, complete=True)
    lookup.executed([])
    for at in (60.0, 60.0 + LIST_INTERVAL):
        lookup.listed([], at, complete=True)
    assert lookup.verdict is Verdict.MISSING


def test_a_change_is_only_unchanged_while_a_question_may_be_open() -> None:
    change = Change(Buy(1, 10, limit=5), Buy(1, 10, limit=6), 2 * LIST_INTERVAL)
    told(change, status(), status())
    assert (change.unchanged, change.absent) == (True, False)
    told(change, *[status()] * 4)
    assert change.absent
    hidden = Change(Buy(1, 10, limit=5), Buy(1, 10, limit=5, outside_rth=True))
    told(hidden, status(), status())
    assert (hidden.applied, hidden.unchanged, hidden.absent) == (False, False, False)


def test_an_order_that_is_being_created_may_wait_for_a_reply() -> None:
    lookup = search(ENTRY)
    row = listed(client_order_id="me", status="Inactive", order_ccp_status="Pending Submit")
    lookup.listed([row], 0.0, complete=True)
    assert lookup.verdict is Verdict.ASKED


def child(order_id: int, **values: Any) -> LiveOrder:
    return listed(order_id=order_id, side="SELL", **values)


def test_lost_exits_are_found_by_ids_or_terms() -> None:
    entry = listed(order_id=6, client_order_id="me")
    stop = child(8, order_type="STP", price=D(4))
    lookup = search(ENTRY, PROFIT, STOP, known=(9,))
    lookup.listed([entry, child(9, price=D(6))], 0.0, complete=True)
    assert (lookup.verdict, lookup.parent_id) == (Verdict.PARENT_ONLY, 6)
    lookup.listed([entry, child(7, price=D(6), parent_order_id=6)], 1.0, complete=True)
    assert lookup.found == {0: 6, 1: 7}
    # Two orders with these terms: either could be the exit.
    lookup.listed([stop, child(10, order_type="STP", price=D(4))], 2.0, complete=True)
    assert lookup.verdict is Verdict.PARENT_ONLY
    lookup.children(status(order_id=6, children_order_ids=[8]))
    lookup.children(status(order_id=6))
    lookup.listed([stop, child(10, order_type="STP", price=D(4))], 3.0, complete=True)
    assert (lookup.verdict, lookup.found) == (Verdict.FOUND, {0: 6, 1: 7, 2: 8})


def test_exits_without_their_entry_are_not_overlooked() -> None:
    lookup = search(ENTRY, STOP)
    for at in (0.0, LIST_INTERVAL):
        lookup.listed([child(8, order_type="STP", price=D(4))], at, complete=True)
        lookup.executed([])
    assert lookup.verdict is Verdict.UNKNOWN
    lookup.listed([], 2 * LIST_INTERVAL, complete=True)
    assert untyped(lookup.verdict) == (Verdict.ABSENT,)


def test_a_single_order_with_the_terms_of_an_exit_is_the_exit() -> None:
    lookup = search(ENTRY, STOP)
    entry = listed(order_id=6, client_order_id="me")
    lookup.listed([entry, child(8, order_type="STP", price=D(4))], 0.0, complete=True)
    assert lookup.verdict is Verdict.FOUND


@pytest.mark.parametrize("account", ["DU2", "du1"])
def test_a_client_order_id_is_found_in_each_account(account: str) -> None:
    lookup = search(ENTRY)
    lookup.listed([listed(account_id=account, client_order_id="me")], 0.0, complete=True)
    assert lookup.verdict is Verdict.FOUND


def test_an_older_order_or_another_quantity_is_not_the_exit() -> None:
    lookup = search(ENTRY, STOP)
    entry = listed(order_id=6, client_order_id="me")
    for other in (
        child(5, order_type="STP", price=D(4)),
        child(8, order_type="STP", price=D(4), remaining_quantity=D(3)),
        child(8, order_type="STP", price=D(4), account_id="DU2"),
    ):
        lookup.listed([entry, other], 0.0, complete=True)
        assert lookup.verdict is Verdict.PARENT_ONLY
    lookup.listed(
        [entry, child(8, order_type="STP", price=D(4), account_id="du1")], 1.0, complete=True
    )
    assert untyped(lookup.verdict) == (Verdict.FOUND,)


def told(change: Change, *statuses: OrderStatus, every: float = LIST_INTERVAL) -> Change:
    for at, each in enumerate(statuses):
        change.told(each, at * every)
    return change


def test_a_lost_change_is_found_in_the_terms() -> None:
    before, after = Buy(1, 10, limit=5), Buy(1, 10, limit=6)
    changed = status(limit_price=D(6))
    assert told(Change(before, after), status(), changed).applied
    assert told(Change(before, after), status(), status()).absent
    assert not told(Change(before, after), status(), status(), every=1.0).absent
    other = status(limit_price=D(7))
    assert not told(Change(before, after), status(), other, status()).absent
    assert not told(Change(None, after), status(), status()).absent
    assert told(
        Change(before, before.replace(quantity=7)), status(quantity=D(7), size=D(7))
    ).applied
    assert not told(Change(before, before.replace(quantity=7)), status()).applied
    assert not told(Change(None, before.replace(time_in_force="GTC")), status()).applied
    assert told(Change(None, before), status(limit_price=None, price=D(5), size=D(4))).applied
    stop = bare(order_type="STP", stop_price=D(4))
    assert told(Change(None, Sell(1, 1, stop=4)), stop).applied
    assert not told(Change(None, Sell(1, 1, stop=3)), stop).applied
    by_price = bare(order_type="STP", price=D(4))
    assert told(Change(None, Sell(1, 1, stop=4)), by_price).applied
    assert told(Change(None, Buy(1, cash_quantity=100)), bare(order_type="MKT")).applied
    trailing = status(limit_price=None, stop_price=D("3.7"))
    assert told(Change(None, Buy(1, 10, trail=1)), trailing).applied


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (status(), Buy(1, 10, limit=5)),
        (status(filled_quantity=D(4), size=D(6), quantity=D(6)), Buy(1, 10, limit=5)),
        (status(limit_price=None, price=D(5)), Buy(1, 10, limit=5)),
        (
            status(order_type="STP", limit_price=None, stop_price=D(4), side="SELL"),
            Sell(1, 10, stop=4),
        ),
        (
            status(order_type="STP", limit_price=None, price=D(4), side="SELL"),
            Sell(1, 10, stop=4),
        ),
        (status(order_type="MKT", limit_price=None), Buy(1, 10)),
        (
            status(time_in_force="GTC", outside_rth=True, all_or_none=True),
            Buy(1, 10, limit=5, time_in_force="GTC", outside_rth=True, all_or_none=True),
        ),
    ],
)
def test_an_order_is_read_back(row: OrderStatus, expected: Order) -> None:
    assert order_in(row) == expected


@pytest.mark.parametrize(
    "row",
    [
        status(order_type="TRAIL"),
        status(order_type="PEG MID"),
        status(time_in_force="GTD"),
        status(side="EXER"),
        status(conid_ex="28812380;;;1/1,2/-1"),
        bare(),
    ],
)
def test_an_order_whose_terms_are_not_shown_is_not_changed(row: OrderStatus) -> None:
    with pytest.raises(InvalidRequest, match="cannot be changed here"):
        order_in(row)
