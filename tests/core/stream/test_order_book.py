"""Order book: updates merged into complete orders, and kept within bounds."""

from __future__ import annotations

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
    # Open orders are never dropped. Of finished orders, the earliest to finish is dropped first.
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
