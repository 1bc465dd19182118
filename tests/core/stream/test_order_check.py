"""Tests of the check whether the stream's orders are complete, and of its REST requests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bezant import OrderUpdate
from bezant._core.stream import order_check
from bezant._core.stream.order_book import OrderBook
from bezant._core.stream.order_check import (
    CALM_INTERVAL,
    FILTERED_INTERVAL,
    QUIET,
    OrderCheck,
    OrderRequest,
)
from bezant.models.orders import LiveOrder, OrderStatus

from ..samples import Drifts, some

ALL: dict[str, Any] = {}
FILTERED = {"filters": ["Submitted", "pre_submitted"]}
RETRY = 5.0


def order(order_id: int, status: str | None = "Submitted", **raw: object) -> OrderUpdate:
    row = {"orderId": order_id, **raw}
    if status is not None:
        row["status"] = status
    return OrderUpdate(order_id=order_id, raw=row)


def listed(order_id: int, status: str = "Submitted", price: int = 1) -> LiveOrder:
    return some(LiveOrder, order_id=order_id, status=status, price=Decimal(price))


class Stream:
    """Orders of a stream and the check of them, without the stream itself."""

    def __init__(self, arguments: dict[str, Any] = ALL, now: float = 0.0) -> None:
        self.book = OrderBook(Drifts())
        self.check = OrderCheck(self.book)
        self.check.start(arguments, "started", now)

    def tell(self, now: float, *orders: OrderUpdate) -> None:
        self.check.received(now, fresh=self.book.update(orders))

    def ask(self, now: float) -> OrderRequest:
        step = self.check.next(now)
        assert isinstance(step, OrderRequest), step
        return step

    def answer(self, now: float, *orders: LiveOrder) -> None:
        ask = self.ask(now)
        assert ask.order_id is None
        self.check.take_list(ask, orders, now)

    def statuses(self) -> dict[int, object]:
        return {key: each.status for key, each in self.book.orders().items()}


def known_stream(*orders: OrderUpdate, arguments: dict[str, Any] = ALL) -> Stream:
    """Return a stream that knows these orders, has just been interrupted, and has reconnected."""
    stream = Stream(arguments)
    stream.tell(0, *orders)
    if arguments:
        stream.answer(0, *(listed(int(each.raw["orderId"])) for each in orders))
    stream.check.next(QUIET)
    assert stream.book.known
    stream.check.stop("cut")
    assert not stream.book.known
    stream.check.start(arguments, "started", 10)
    return stream


def test_a_snapshot_in_several_messages_is_complete_when_no_further_order_comes() -> None:
    stream = Stream()
    for number in range(4):
        stream.tell(number * 0.5, order(number))
        assert stream.check.next(number * 0.5) == QUIET
    stream.tell(3, order(0, "PreSubmitted"), order(1, None, price=5))
    assert stream.check.next(1.5 + QUIET) == CALM_INTERVAL
    assert stream.book.known
    assert len(stream.book) == 4


def test_without_a_snapshot_orders_are_requested() -> None:
    stream = Stream()
    assert stream.check.next(0) == QUIET
    version = stream.book.version
    stream.answer(QUIET, listed(7))
    assert stream.check.next(QUIET) == CALM_INTERVAL
    assert stream.book.known
    assert stream.book.version > version
    assert stream.statuses() == {7: "Submitted"}
    assert stream.check.updates == []


def test_an_empty_snapshot_is_no_proof() -> None:
    stream = known_stream(order(1), order(2), order(3))
    stream.check.changed = False
    stream.check.received_empty_list(10)
    assert stream.check.changed
    stream.answer(10, listed(1, "Filled"), listed(3))
    ask = stream.ask(10)
    assert ask.order_id == 2
    assert not stream.book.known
    stream.check.take_status(ask, some(OrderStatus, status="Cancelled"), 10)
    assert stream.check.next(10) == CALM_INTERVAL
    assert stream.book.known
    assert stream.statuses() == {3: "Submitted"}
    assert [(each.order_id, each.status) for each in stream.check.updates] == [
        (1, "Filled"),
        (2, "Cancelled"),
    ]
    stream.check.received_empty_list(11)
    assert stream.book.known


def test_an_order_that_no_source_knows_has_no_status() -> None:
    stream = known_stream(order(1, ticker="A"), order(2))
    stream.answer(10 + QUIET)
    for order_id, status in ((1, None), (2, some(OrderStatus, status="", quantity=Decimal(1)))):
        ask = stream.ask(20)
        assert ask.order_id == order_id
        stream.check.take_status(ask, status, 20 - order_check._STATUS_PAUSE)
    wait = stream.check.next(20)
    assert wait == 30
    assert stream.book.known
    assert stream.book.unconfirmed == {1, 2}
    assert not stream.book.orders()[1].status
    assert stream.book.orders()[1].ticker == "A"
    assert stream.check.take_lost() == [1, 2]
    assert stream.check.take_lost() == []
    # The check requests the status of each unconfirmed order again. No request has a result here.
    stream.answer(50)
    stream.check.take_status(stream.ask(50), None, 49)
    stream.tell(50, order(2, "Filled"))
    stream.check.take_status(stream.ask(50), None, 49)
    assert stream.check.take_lost() == []
    assert stream.check.next(50) == 60
    assert stream.book.known
    assert stream.book.unconfirmed == {1}
    status = some(OrderStatus, status="Filled", quantity=Decimal(3), filled_quantity=Decimal(2))
    stream.answer(110)
    stream.check.take_status(stream.ask(110), status, 110)
    assert stream.check.next(110) == CALM_INTERVAL
    assert stream.book.unconfirmed == set()
    (update,) = stream.check.updates
    sizes = [update.quantity, update.filled_quantity, update.remaining_quantity]
    assert sizes == [Decimal(3), Decimal(2), Decimal(1)]
    # The message lacks values from before the interruption.
    assert update.ticker is None


def test_stream_messages_during_a_request_are_newer() -> None:
    stream = known_stream(order(1), order(2), order(3), order(4, "Filled"))
    ask = stream.ask(10 + QUIET)
    stream.tell(12, order(1, "PendingCancel"), order(2, None, price="9"), order(5))
    rows = [
        listed(1), listed(2), listed(4), listed(5, "Filled"),
        some(LiveOrder, order_id=6), some(LiveOrder),
    ]  # fmt: skip
    stream.check.take_list(ask, rows, 12)
    ask = stream.ask(12)
    assert ask.order_id == 3
    stream.tell(12, order(3, "PreSubmitted"))
    stream.check.take_status(ask, some(OrderStatus, status="Submitted"), 12)
    stream.check.next(12)
    assert stream.statuses() == {
        1: "PendingCancel", 2: "Submitted", 3: "PreSubmitted", 5: "Submitted",
    }  # fmt: skip
    assert stream.book.orders()[2].price == 9
    assert stream.book.orders()[1].price == 1
    assert stream.check.updates == []
    # After the check, a complete row from the stream replaces the stored row.
    stream.tell(13, order(2, "Submitted", conid=5))
    assert stream.book.orders()[2].raw == {"orderId": 2, "status": "Submitted", "conid": 5}


def test_a_final_status_wins_over_an_earlier_message() -> None:
    stream = Stream(FILTERED)
    stream.tell(0, order(1), order(2), order(3))
    stream.answer(0, listed(1, "Filled"), listed(2, "Inactive"), listed(3, "PendingCancel"))
    stream.check.next(0)
    assert stream.statuses() == {2: "Submitted", 3: "Submitted"}


def test_with_a_filter_orders_are_requested_at_once_and_periodically() -> None:
    stream = Stream(FILTERED)
    stream.tell(0, order(1), order(2))
    stream.answer(0, listed(1), listed(8, "PreSubmitted"), listed(9, "PendingSubmit"))
    # Order 2 is not in the list. But the stream has just reported it, so the check does not request
    # its status.
    assert stream.check.next(0) == FILTERED_INTERVAL
    assert stream.book.known
    assert set(stream.statuses()) == {1, 2, 8}
    ask = stream.ask(FILTERED_INTERVAL)
    assert stream.book.known
    stream.tell(FILTERED_INTERVAL, order(1, "PreSubmitted"))
    stream.check.take_list(ask, [listed(8, "Filled")], FILTERED_INTERVAL)
    ask = stream.ask(FILTERED_INTERVAL)
    assert ask.order_id == 2
    status = some(OrderStatus, status="Filled", filled_quantity=Decimal(1))
    stream.check.take_status(ask, status, FILTERED_INTERVAL)
    stream.check.next(FILTERED_INTERVAL)
    assert stream.statuses() == {1: "PreSubmitted"}
    stream.answer(2 * FILTERED_INTERVAL, listed(1, "PendingCancel"))
    assert stream.statuses() == {1: "PendingCancel"}
    assert stream.check.next(2 * FILTERED_INTERVAL) == FILTERED_INTERVAL
    now = 3 * FILTERED_INTERVAL
    stream.tell(now, order(8))
    stream.answer(now, listed(1))
    ask = stream.ask(now)
    assert ask.order_id == 8
    stream.check.take_status(ask, None, now)
    assert stream.book.unconfirmed == {8}
    # A message about order 8 confirms it, without a further request.
    stream.tell(now, order(8))
    assert stream.book.unconfirmed == set()
    assert stream.book.orders()[8].status == "Submitted"


def test_only_changes_are_no_snapshot() -> None:
    stream = known_stream(order(1), arguments={"realtimeUpdatesOnly": True})
    stream.tell(10, order(1))
    stream.check.received_empty_list(10)
    stream.answer(10, listed(1), listed(2))
    assert stream.check.next(10) == CALM_INTERVAL
    assert stream.statuses() == {1: "Submitted", 2: "Submitted"}


def test_failures_are_tried_again_after_a_pause() -> None:
    stream = known_stream(order(1))
    now = 10 + QUIET
    for pause in (5, 10, 20, 40, 60, 60):
        stream.check.failed(stream.ask(now), now)
        assert stream.check.next(now) == pause
        now += pause
    stream.check.failed(stream.ask(now), now, at_least=600)
    assert stream.check.next(now) == 600
    now += 600
    stream.answer(now)
    stream.check.failed(stream.ask(now), now)
    assert not stream.book.known
    ask = stream.ask(now + RETRY)
    assert ask.order_id is None


def test_responses_from_before_an_interruption_are_dropped() -> None:
    stream = known_stream(order(1))
    old = stream.ask(10 + QUIET)
    stream.check.missed("unreadable", 12)
    assert stream.book.reason == "unreadable"
    stream.check.take_list(old, [], 12)
    stream.check.failed(old, 12)
    stream.answer(12)
    old = stream.ask(12)
    stream.check.stop("gone")
    stream.check.take_status(old, None, 12)
    stream.check.missed("unreadable", 12)
    assert stream.book.reason == "gone"
    assert stream.check.next(12) is None
    assert stream.statuses() == {1: "Submitted"}


def test_part_of_an_order_after_an_interruption_is_completed_without_old_values() -> None:
    stream = known_stream(order(1, filledQuantity=3, conid=5), order(2, conid=5))
    stream.tell(11, order(1), order(2, None, price=2))
    stream.tell(11, order(1), order(2, "Submitted", conid=5))
    first = stream.book.get(1)
    assert first is not None
    assert (first.status, first.filled_quantity, first.conid) == ("Submitted", None, None)
    stream.answer(11 + QUIET, listed(1, price=9), listed(2))
    assert stream.check.next(20) == CALM_INTERVAL
    assert stream.book.known
    first = stream.book.get(1)
    assert first is not None
    assert (first.price, first.filled_quantity) == (Decimal(9), None)
    assert stream.check.updates == []
