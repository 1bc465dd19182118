"""Tests of the stream's set of orders: updates are merged, and its size is limited."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bezant import OrderUpdate
from bezant._core.stream import order_book
from bezant._wire.order_status import OrderState, state_of_order

from ..samples import Drifts


def order(order_id: int, **raw: object) -> OrderUpdate:
    return OrderUpdate(order_id=order_id, raw={"orderId": order_id, **raw})


def test_finished_orders_are_forgotten_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_book, "MAX_ORDERS", 2)
    book = order_book.OrderBook(Drifts())
    book.update([order(1, status="Filled"), order(2), order(3)])
    assert book.working() == [2, 3]
    assert set(book._rows) == {2, 3}
    book.update([order(4), order(5)])
    assert book.working() == [2, 3, 4, 5]
    # The limit of 2 orders does not apply to open orders. Only finished orders are dropped, the
    # earliest first.
    book.update([order(6, status="Filled")])
    assert set(book._rows) == {2, 3, 4, 5}
    monkeypatch.setattr(order_book, "MAX_ORDERS", 4)
    book.update([order(3, status="Filled")])
    book.update([order(2, status="Cancelled")])
    book.update([order(7)])
    assert set(book._rows) == {2, 4, 5, 7}
    book.update([order(2, status="Submitted")])
    assert set(book.working()) == {2, 4, 5, 7}


def test_a_message_costs_the_same_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_book, "MAX_ORDERS", 10)
    looked = 0

    def counting(status: object, detail: object) -> OrderState:
        nonlocal looked
        looked += 1
        return state_of_order(status, detail)

    monkeypatch.setattr(order_book, "state_of_order", counting)
    for status in ("Submitted", "WarnState", "Filled"):
        book = order_book.OrderBook(Drifts())
        looked = 0
        for number in range(100):
            book.update([order(number, status=status)])
        assert looked == 100


OLD: dict[str, object] = {
    "conid": 7,
    "status": "Submitted",
    "ticker": "A",
    "price": 5,
    "avgPrice": 4,
}


def interrupted() -> order_book.OrderBook:
    book = order_book.OrderBook(Drifts())
    book.update([order(1, **OLD)])
    book.settle()
    book.interrupt("the connection is lost")
    book.begin_check()
    return book


def test_a_list_after_an_interruption_leaves_no_older_value() -> None:
    book = interrupted()
    book.update([order(1, filledQuantity=2)])
    book.take_list([{"orderId": 1, "status": "Submitted", "price": 6}], None, again=False)
    known = book.orders()[1]
    assert (known.price, known.filled_quantity) == (Decimal(6), Decimal(2))
    assert (known.average_price, known.ticker) == (None, None)
    # The order combines all values since the interruption, from the stream and from REST lists.
    book.take_list([{"orderId": 1, "status": "Submitted", "ticker": "A"}], None, again=False)
    assert (book.orders()[1].price, book.orders()[1].ticker) == (Decimal(6), "A")


def test_a_status_after_an_interruption_leaves_no_older_value() -> None:
    book = interrupted()
    changed = book.take_status(1, {"orderId": 1, "status": "PendingCancel", "price": 6})
    assert changed is not None
    assert changed.average_price is None
    assert (book.orders()[1].price, book.orders()[1].average_price) == (Decimal(6), None)


def test_an_order_without_a_status_after_an_interruption_keeps_what_identifies_it() -> None:
    book = interrupted()
    assert book.take_status(1, None) is None
    known = book.orders()[1]
    assert (known.ticker, known.conid) == ("A", 7)
    assert (known.status, known.price, known.average_price) == (None, None, None)
    book.update([order(1, price=8)])
    assert (book.orders()[1].price, book.orders()[1].average_price) == (Decimal(8), None)


def test_an_order_without_a_status_keeps_what_this_connection_said() -> None:
    book = order_book.OrderBook(Drifts())
    book.update([order(1, **OLD)])
    assert book.take_status(1, None) is None
    assert (book.orders()[1].status, book.orders()[1].price) == (None, Decimal(5))
