"""Deltas merged into wholes, and kept within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bezant import LedgerUpdate, OrderUpdate, TradeUpdate
from bezant._core.stream import merging
from bezant._wire import order_status

from ..samples import Drifts


def order(order_id: int, **raw: object) -> OrderUpdate:
    return OrderUpdate(order_id=order_id, raw={"orderId": order_id, **raw})


def test_finished_orders_are_forgotten_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MAX_ROWS", 2)
    book = merging.OrderBook(Drifts())
    book.update([order(1, status="Filled"), order(2), order(3)])
    assert book.working() == [2, 3]
    assert set(book._rows) == {2, 3}
    book.update([order(4), order(5)])
    assert book.working() == [2, 3, 4, 5]
    # Working orders are never dropped; of the others, the first to finish is the first to go.
    book.update([order(6, status="Filled")])
    assert set(book._rows) == {2, 3, 4, 5}
    monkeypatch.setattr(merging, "MAX_ROWS", 4)
    book.update([order(3, status="Filled")])
    book.update([order(2, status="Cancelled")])
    book.update([order(7)])
    assert set(book._rows) == {2, 4, 5, 7}
    book.update([order(2, status="Submitted")])
    assert set(book.working()) == {2, 4, 5, 7}


def test_a_message_costs_the_same_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MAX_ROWS", 10)
    looked = 0
    working = order_status.is_working

    def counting(row: Mapping[str, Any]) -> bool:
        nonlocal looked
        looked += 1
        return working(row)

    monkeypatch.setattr(order_status, "is_working", counting)
    for status in ("Submitted", "WarnState", "Filled"):
        book = merging.OrderBook(Drifts())
        looked = 0
        for number in range(100):
            book.update([order(number, status=status)])
        assert looked <= 100


def test_old_executions_are_forgotten_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MAX_ROWS", 2)
    book = merging.TradeBook(Drifts())
    for key in "abc":
        trade = TradeUpdate(execution_id=key, raw={"execution_id": key})
        assert book.update(trade) is trade
        assert book.update(trade) is None
    assert len(book._rows) == 2


def test_what_has_no_key_is_left_as_it_is() -> None:
    ledger = LedgerUpdate(raw={})
    assert merging.LedgerBook(Drifts()).update(ledger) is ledger
    trade = TradeUpdate(raw={})
    assert merging.TradeBook(Drifts()).update(trade) is trade
