"""Tests of evidence that an empty list of orders or executions is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bezant import IncompleteList
from bezant._core.http.messages import Request
from bezant._core.session.evidence import Evidence, no_accounts
from bezant._core.session.first_answer import check_account, is_empty, list_key, needed
from bezant._core.session.prerequisites import ACCOUNTS, TRADING_ACCOUNTS
from bezant.errors import InvalidRequest
from bezant.models.orders import Execution, LiveOrder, LiveOrders

from ..samples import row, some

HOUR = 3600.0
DAY = 24 * HOUR
NOW = 1_800_000_000.0


def told(
    evidence: Evidence, call: str, body: object, *, target: str = "", now: float = NOW
) -> None:
    method, path = call.split()
    operation = row(method, path)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    evidence.answered(Request(operation, "/v1/api" + (target or path), []), data, now)


def placed(evidence: Evidence, *rows: dict[str, Any], now: float = NOW) -> None:
    call = "POST /iserver/account/{accountId}/orders"
    told(evidence, call, list(rows), target="/iserver/account/U%201/orders", now=now)


def lacks(evidence: Evidence, account: str | None = None, now: float = NOW) -> tuple[int, ...]:
    error = evidence.lacks_orders(account, (), now)
    return () if error is None else error.order_ids


def lacks_trades(
    evidence: Evidence, days: int = 7, account: str | None = None, now: float = NOW
) -> tuple[str, ...]:
    error = evidence.lacks_executions(account, days, now)
    return () if error is None else error.execution_ids


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ([], ()),
        ([{"accountId": "U1"}, {"id": "U2"}, {"x": 1}, 5], ("U1", "U2")),
        ({"accounts": ["U1", "", 5, None]}, ("U1",)),
        ({"accounts": []}, ()),
        ({"accounts": None}, ()),
        ({"accounts": "U1"}, None),
        ({}, None),
        (b"nonsense", None),
        (b'"text"', None),
    ],
)
def test_accounts(body: object, ids: tuple[str, ...] | None) -> None:
    evidence = Evidence()
    assert evidence.accounts(TRADING_ACCOUNTS) is None
    for operation in (ACCOUNTS, TRADING_ACCOUNTS):
        told(evidence, operation.name, body)
        assert evidence.accounts(operation) == ids


def test_calls_that_say_nothing_are_not_read() -> None:
    evidence = Evidence()
    for call in (
        "GET /trsrv/stocks",
        "GET /iserver/account/U1/summary",
        "DELETE /iserver/account/U1/order/5",
        "GET /portfolio/accounts2",
    ):
        told(evidence, call, [{"order_id": 5, "order_status": "Submitted"}])
    assert lacks(evidence) == ()


def test_an_order_that_was_placed() -> None:
    evidence = Evidence()
    placed(evidence, {"order_id": "5", "order_status": "Inactive"}, {"order_id": 6})
    assert lacks(evidence) == lacks(evidence, "U 1") == (5, 6)
    assert lacks(evidence, "U2") == ()
    assert lacks(evidence, now=NOW + 13 * HOUR) == ()
    assert evidence.lacks_orders(None, {5, 6}, NOW) is None


@pytest.mark.parametrize("number", [0, -5, "x", "", None, True, 1.5, [5], 2**63, "9" * 5000])
def test_numbers_that_are_none(number: object) -> None:
    evidence = Evidence()
    placed(evidence, {"order_id": number})
    assert lacks(evidence) == ()


@pytest.mark.parametrize("body", [b"{", b"[1, null]", b"null", b"\xff", b'[{"order_id":5'])
def test_responses_that_cannot_be_read(body: bytes) -> None:
    evidence = Evidence()
    told(evidence, "POST /iserver/account/U1/orders", body)
    told(evidence, "GET /iserver/account/orders", body)
    told(evidence, "GET /iserver/account/trades", body)
    assert lacks(evidence) == ()
    assert lacks_trades(evidence) == ()


def test_an_order_that_was_placed_by_a_reply() -> None:
    evidence = Evidence()
    placed(evidence, {"id": "q 1", "message": []}, {"id": 5})
    call = "POST /iserver/reply/{replyId}"
    told(evidence, call, [{"order_id": 5}], target="/iserver/reply/q%201")
    told(evidence, call, {"order_id": 6}, target="/iserver/reply/other")
    assert lacks(evidence, "U 1") == (5,)
    assert lacks(evidence) == (5, 6)
    told(evidence, "POST /iserver/account/U3/order/7", {"order_id": 7})
    assert lacks(evidence, "U3") == (7,)


@pytest.mark.parametrize("status", ["Filled", "Cancelled", "Canceled", "Rejected", "Expired"])
def test_an_order_that_has_ended_does_not_begin_again(status: str) -> None:
    evidence = Evidence()
    placed(evidence, {"order_id": 5})
    told(evidence, "GET /iserver/account/orders", {"orders": [{"orderId": 5, "status": status}]})
    assert lacks(evidence) == ()
    # An order that has ended does not become open again, so this older response changes nothing.
    placed(evidence, {"order_id": 5, "order_status": "Submitted"})
    assert lacks(evidence) == ()
    error = evidence.lacks_executions(None, 7, NOW)
    assert (error is not None) is (status == "Filled")
    assert evidence.lacks_executions(None, 0, NOW) is None
    assert evidence.lacks_executions(None, 7, NOW + 13 * HOUR) is None


def test_lists_update_known_orders_and_add_none() -> None:
    evidence = Evidence()
    placed(evidence, {"order_id": 5})
    rows = [{"orderId": 5, "status": "Submitted"}, {"orderId": 6, "status": "Submitted"}]
    told(evidence, "GET /iserver/account/orders", {"orders": rows}, now=NOW + 10 * HOUR)
    assert lacks(evidence, now=NOW + 20 * HOUR) == (5,)
    told(evidence, "GET /iserver/account/order/status/6", {"order_id": 6, "order_status": "x"})
    assert lacks(evidence) == (5,)
    told(evidence, "GET /iserver/account/orders", [])
    told(evidence, "GET /iserver/account/orders", {"orders": None})
    assert lacks(evidence) == (5,)


def test_streams_are_evidence_of_orders() -> None:
    evidence = Evidence()
    # An update without a status does not prove that an unknown order is open.
    evidence.streamed({"orderId": 5, "remainingQuantity": 1}, NOW)
    assert lacks(evidence) == ()
    evidence.streamed({"orderId": 5, "acct": "U2", "status": "PreSubmitted"}, NOW)
    evidence.streamed({"orderId": 5, "remainingQuantity": 1}, NOW)
    assert lacks(evidence, "U2") == (5,)
    # A new order is Inactive at first, and a refused order stays Inactive. Only `order_ccp_status`
    # distinguishes them.
    begun = {"orderId": 5, "status": "Inactive", "order_ccp_status": "Pending Submit"}
    evidence.streamed(begun, NOW)
    assert lacks(evidence) == (5,)
    evidence.streamed({"orderId": 5, "status": "Inactive"}, NOW)
    assert lacks(evidence) == ()
    evidence.streamed({"orderId": 5, "status": "Submitted"}, NOW)
    assert lacks(evidence) == (5,)


def test_executions() -> None:
    evidence = Evidence()
    rows = [
        {"execution_id": "a", "account": "U1", "trade_time_r": int((NOW - HOUR) * 1000)},
        {"execution_id": "b", "accountCode": "U2", "trade_time_r": int((NOW - 2 * DAY) * 1000)},
        {"execution_id": "c", "trade_time_r": "x"},
        {"execution_id": ""},
        {"execution_id": None},
    ]
    told(evidence, "GET /iserver/account/trades", rows)
    assert lacks_trades(evidence) == ("a", "b", "c")
    assert lacks_trades(evidence, 1) == ("a", "c")
    assert lacks_trades(evidence, 0) == ()
    assert lacks_trades(evidence, 7, "U2") == ("b",)
    assert lacks_trades(evidence, 7, "U3") == ()
    assert lacks_trades(evidence, now=NOW + 6 * DAY) == ("a", "c")
    assert lacks_trades(evidence, now=NOW + 7 * DAY) == ()
    # An implausible time is ignored: the execution counts as if it had happened now.
    evidence.streamed({"execution_id": "d", "trade_time_r": 5}, NOW)
    assert "d" in lacks_trades(evidence)


def test_it_is_bounded_and_its_errors_are_short() -> None:
    evidence = Evidence()
    for number in range(1, 1500):
        placed(evidence, {"order_id": number}, {"id": f"q{number}"})
        evidence.streamed({"execution_id": f"e{number}"}, NOW)
    assert lacks(evidence)[0] == 500
    assert len(lacks(evidence)) == len(lacks_trades(evidence)) == 1000
    error = evidence.lacks_orders(None, (), NOW)
    assert error is not None
    assert "order 500, 501, 502, 503, 504 and 995 more" in str(error)
    assert len(str(evidence.lacks_executions(None, 7, NOW))) < 400


def test_an_account_that_the_session_does_not_name() -> None:
    evidence = Evidence()
    assert evidence.lacks_account("U7", TRADING_ACCOUNTS) is None
    told(evidence, TRADING_ACCOUNTS.name, {"accounts": ["U1"]})
    assert evidence.lacks_account("U1", TRADING_ACCOUNTS) is None
    error = evidence.lacks_account("U7", TRADING_ACCOUNTS)
    assert isinstance(error, IncompleteList)
    assert not error.retryable
    assert no_accounts(ACCOUNTS).retryable


def test_helpers_that_compare_lists() -> None:
    assert list_key(some(LiveOrder, order_id=5)) == 5
    assert list_key(some(Execution, order_id=5, execution_id="a")) == "a"
    first, second = some(LiveOrder), some(LiveOrder, ticker="X")
    assert list_key(first) != list_key(second)
    assert needed(row("GET", "/iserver/account/orders"), 3) == 15
    assert needed(row("GET", "/x"), 3) == 0
    check_account("U1")
    for bad in ("", " ", None, 5):
        with pytest.raises(InvalidRequest, match="account_id must be text"):
            check_account(bad)


@pytest.mark.parametrize(
    ("answer", "empty"),
    [
        ([], True), ({}, True), (None, True), ("", True), (some(LiveOrders), True),
        (some(LiveOrders, orders=[]), True), (some(LiveOrders, snapshot=True), False), ([1], False),
        ({"a": 1}, False),
    ],
)  # fmt: skip
def test_empty_responses(answer: object, empty: bool) -> None:
    assert is_empty(answer) is empty
