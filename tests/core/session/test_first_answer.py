"""Tests of lists whose first response may be incomplete, and of which orders are open."""

from __future__ import annotations

from typing import Any

import pytest

from bezant import InvalidRequest, MarketDataFields
from bezant._core.http.operation import Operation
from bezant._core.marketdata.snapshots import POLL, QuoteRequest, Quotes
from bezant._core.session.first_answer import (
    brings_nothing,
    is_open,
    may_be_incomplete,
    never_empty,
    pause_before,
    requests_again,
)
from bezant.models.orders import Execution, LiveOrder, LiveOrders

from ..samples import some


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([], True),
        ([some(Execution)], False),
        (some(LiveOrders), True),
        (some(LiveOrders, orders=None, snapshot=None), True),
        (some(LiveOrders, orders=[], snapshot=False), True),
        (some(LiveOrders, orders=[], snapshot=True), False),
        # The real gateway has sent `snapshot` as false although no order was missing.
        (some(LiveOrders, orders=[some(LiveOrder)], snapshot=False), False),
    ],
)
def test_which_lists_may_hold_more(answer: object, expected: bool) -> None:
    assert may_be_incomplete(answer) is expected


def test_a_call_that_drops_the_list() -> None:
    assert brings_nothing({"filters": None, "force": True})
    assert not brings_nothing({"filters": None, "force": None})
    assert not brings_nothing({"days": 7})


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Submitted", True),
        ("PreSubmitted", True),
        ("PendingCancel", True),  # until the cancel is confirmed, the order can be filled
        ("WarnState", True),
        ("something new", True),
        (None, True),
        ("Filled", False),
        ("Cancelled", False),
        ("Inactive", False),
    ],
)
def test_which_orders_are_open(status: Any, expected: bool) -> None:
    assert is_open(some(LiveOrder, status=status)) is expected


@pytest.mark.parametrize(
    ("status", "detail", "expected"),
    [
        # IBKR has asked a question about the order and waits for the reply.
        ("Inactive", "Pending Submit", True),
        ("Inactive", "Rejected", False),
        ("Inactive", None, False),
        ("Filled", "Pending Submit", False),
    ],
)
def test_inactive_orders_that_are_open(status: str, detail: Any, expected: bool) -> None:
    assert is_open(some(LiveOrder, status=status, order_ccp_status=detail)) is expected


def test_quotes_are_gathered() -> None:
    quotes = Quotes(["3", "1"], MarketDataFields.from_codes(31, 84, 99999))
    assert quotes.codes == ["31", "84", "99999"]
    assert list(quotes.batches()) == [["3", "1"]]
    rows: list[object] = [{"conid": "1", "31": "5", "84": None, "99999": "x"}, {}, {"conid": 2}]
    quotes.add(["3", "1"], [*rows, 7, None, {"conid": "x"}, {"conid": [1]}])
    assert list(quotes.batches()) == [["3"]]
    assert not quotes.complete
    quotes.add(["3"], [{"conid": 3, "31": "C7", "conidEx": "3@NYSE"}])
    quotes.add(["3"], [{"conid": 3, "84": "6", "99999": ""}])
    assert quotes.complete
    three, one = quotes.found().values()
    assert (three.conid, three.conid_ex, three.last, three.bid) == (3, "3@NYSE", 7, 6)
    assert (three.is_close, three.raw["99999"]) == (True, "")
    assert (one.conid, one.conid_ex, one.last, one.bid) == (1, "1", 5, None)


def test_fields_without_a_subscription_are_not_waited_for_twice() -> None:
    quotes = Quotes(["1"], MarketDataFields.from_names("last"))
    row = {"conid": 1, "6509": "NPB"}
    quotes.add(["1"], [row])
    assert not quotes.complete
    quotes.add(["1"], [row])
    assert quotes.complete


def test_contracts_that_cannot_be_requested() -> None:
    bad: list[list[Any]] = [[], [0], [-1], ["AAPL"], [True], [1.0], [2**63]]
    for each in bad:
        with pytest.raises(InvalidRequest):
            QuoteRequest(each, None, real_time_only=False)


def test_pauses_grow_to_a_second() -> None:
    pauses = [POLL.delay(polls) for polls in range(1, 8)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]


def test_how_often_an_empty_response_is_requested_again() -> None:
    plain = Operation("GET", "/x", idempotent=True)
    ready = Operation("GET", "/x", idempotent=True, empty_until_ready=True)
    never = Operation("GET", "/x", idempotent=True, never_empty=True)
    for operation, new, again in (
        (plain, 0, 0),
        (ready, 0, 1),
        (never, 2, 2),
    ):
        assert requests_again(operation, new=False) == new
        assert requests_again(operation, new=True) == again
    assert (pause_before(1), pause_before(2), pause_before(9)) == (0.25, 0.5, 1.0)
    error = never_empty(never)
    assert error.retryable
    assert error.operation == "GET /x"
