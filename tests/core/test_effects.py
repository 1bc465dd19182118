"""Calls with an effect whose answers do not say what became of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bezant import AnswerTooLarge, DecodeError, InvalidRequest, OutcomeUnknown, UpstreamError
from bezant._core.answers import check_type, read
from bezant._core.effects import Questions, _count, advice, broken_off, is_order, unreadable
from bezant._core.endpoints import orders, session
from bezant._core.files import BinaryAnswer
from bezant._core.wire import Operation, Request
from bezant.models.orders import OrderReply

from .samples import READ, WRITE, Drifts, answer

PLACE = orders.SUBMIT_NEW_ORDERS.operation
REPLY = orders.CONFIRM_ORDER_REPLY.operation
REPLIES = list[OrderReply]


def raw(method: str, path: str) -> Operation:
    return Operation(method, path, idempotent=method == "GET")


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (PLACE, True),
        (REPLY, True),
        (orders.MODIFY_OPEN_ORDER.operation, True),
        (orders.CANCEL_OPEN_ORDER.operation, True),
        (raw("POST", "/iserver/account/U1/orders"), True),
        (raw("POST", "/iserver/reply/abc"), True),
        (raw("GET", "/iserver/account/U1/orders"), False),
        (orders.PREVIEW_MARGIN_IMPACT.operation, False),
        (session.INITIALIZE_SESSION.operation, False),
        (raw("POST", "/iserver/account/U1/alert"), False),
        (raw("POST", "/iserver/account/U1/ordersome"), False),
    ],
    ids=lambda each: each.name if isinstance(each, Operation) else "",
)
def test_what_is_an_order(operation: Operation, expected: bool) -> None:
    assert is_order(operation) is expected
    assert ("look for the order before" in advice(operation)) is expected


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"<html>proxy", b"7", b"[]", b"[null]", b'[""]', b"{}", b'[{"order_id":1},null]',
     b'[{"order_id":1},{"x":1}]', b'"' + b"[" * 3],
    ids=repr,
)  # fmt: skip
def test_an_answer_that_does_not_say_what_became_of_an_order(body: bytes) -> None:
    for operation in (PLACE, REPLY):
        with pytest.raises(OutcomeUnknown, match="look for the order") as caught:
            read(answer(body), operation, REPLIES, Drifts())
        assert type(caught.value.__cause__) is DecodeError
        assert (caught.value.status, caught.value.retryable) == (200, False)
        assert caught.value.operation == operation.name


def test_a_leg_that_was_refused_says_so() -> None:
    body = b'[{"order_id":"1"},{"error":"stop price is invalid","cOID":"a-stop"}]'
    replies = read(answer(body), PLACE, REPLIES, Drifts())
    assert replies == [OrderReply(order_id=1), OrderReply(error="stop price is invalid")]


def test_types_of_the_users_own() -> None:
    class Row(msgspec.Struct):
        order_id: int

    class Nothing(msgspec.Struct):
        pass

    operation = raw("POST", "/iserver/account/U1/orders")
    body = b'[{"order_id":1}]'
    assert read(answer(body), operation, list[Row], Drifts()) == [Row(1)]
    assert read(answer(body), operation, list[Nothing], Drifts()) == [Nothing()]
    plain: Any = Any
    assert read(answer(body), operation, plain, Drifts()) == [{"order_id": 1}]
    assert read(answer(b"", 204), operation, plain, Drifts()) is None
    with pytest.raises(OutcomeUnknown, match="empty"):
        read(answer(b""), operation, plain, Drifts())
    assert read(answer(b""), WRITE, plain, Drifts()) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"oops", b"<html>", b"{}", b'[{"error":"no"}]', b'{"error":"Unknown"}',
     b'{"error":"Internal Server Error."}', b'{"error":"upstream timed out"}', b'{"error":"'],
    ids=repr,
)  # fmt: skip
def test_a_500_that_does_not_say_what_was_refused(body: bytes) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        read(answer(body, 500), PLACE, REPLIES, Drifts())
    assert caught.value.status == 500
    with pytest.raises(UpstreamError):
        read(answer(body, 500), READ, REPLIES, Drifts())


@pytest.mark.parametrize("key", ["error", "message"])
def test_a_500_that_refuses(key: str) -> None:
    body = msgspec.json.encode({key: "Invalid order price fields", "statusCode": 500})
    with pytest.raises(UpstreamError, match="price fields"):
        read(answer(body, 500), PLACE, REPLIES, Drifts())


def test_what_else_has_an_effect_speaks_of_no_order() -> None:
    error = unreadable(AnswerTooLarge("too long"), WRITE, None)
    assert str(error) == (
        "POST /orders: too long; it may have been carried out: look before you send it again"
    )
    assert isinstance(error.__cause__, AnswerTooLarge)


def test_what_is_said_of_a_call_that_was_broken_off() -> None:
    assert broken_off(PLACE, ("a", "b")).endswith("send it again (client order id a, b)")
    assert broken_off(WRITE, ()).endswith("look before you send it again")


def request(operation: Operation, target: str, body: bytes = b"") -> Request:
    return Request(operation, target, [], body)


def placing(name: str) -> Request:
    body = msgspec.json.encode({"orders": [{"cOID": name}]})
    return request(PLACE, "/v1/api/iserver/account/U1/orders", body)


def replying(question: str) -> Request:
    return request(REPLY, f"/v1/api/iserver/reply/{question}", b'{"confirmed":true}')


def test_a_question_is_about_the_orders_that_raised_it() -> None:
    known = Questions()
    known.answered(placing("mine"), [OrderReply(id="q/1"), OrderReply(order_id=7)])
    assert known.names(replying("q%2F1")) == ("mine",)
    known.answered(replying("q%2F1"), [{"id": "q2"}, {"id": 3}, {"id": ""}, None])
    assert known.names(replying("q2")) == ("mine",)
    known.answered(replying("q2"), {"id": "q3"})
    assert known.names(replying("q3")) == ("mine",)
    assert known.names(replying("other")) == ()
    known.answered(replying("other"), [OrderReply(id="q4")])
    assert known.names(replying("q4")) == ()
    assert known.names(request(WRITE, "/v1/api/orders")) == ()


def test_few_questions_are_remembered() -> None:
    known = Questions()
    for number in range(1000):
        known.answered(placing(str(number)), [OrderReply(id=f"q{number}")])
    assert known.names(replying("q999")) == ("999",)
    assert known.names(replying("q500")) == ()


class Plain:
    """What msgspec cannot read JSON into."""


@pytest.mark.parametrize(
    "type_", ["x", 7, [], [int], Plain, list[Plain], dict[str, Plain | None], int | Plain, "Nobody"]
)
def test_types_that_nothing_can_be_read_into(type_: Any) -> None:
    with pytest.raises(InvalidRequest, match="type cannot be"):
        check_type(type_, WRITE)


@pytest.mark.parametrize(
    "type_",
    [None, Any, bytes, str, int, dict, BinaryAnswer, OrderReply, REPLIES, dict[str, REPLIES],
     type(None), int | None],
    ids=repr,
)  # fmt: skip
def test_types_that_can_be_read(type_: Any) -> None:
    check_type(type_, READ)


class Failing(msgspec.Struct):
    order_id: Any = None

    def __post_init__(self) -> None:
        raise KeyError(self.order_id)


@pytest.mark.parametrize("operation", [READ, WRITE])
def test_a_type_that_fails_costs_the_answer_and_says_so(operation: Operation) -> None:
    kind = DecodeError if operation is READ else OutcomeUnknown
    with pytest.raises(kind, match="cannot be read into") as caught:
        read(answer(b'{"order_id":7}'), operation, Failing, print)
    causes = [caught.value.__cause__, getattr(caught.value.__cause__, "__cause__", None)]
    assert any(isinstance(each, KeyError) for each in causes)


def test_rows_are_counted_whatever_is_in_them() -> None:
    operation = orders.SUBMIT_NEW_ORDERS.operation
    body = b'[{"order_id":1,"a":NaN},{"order_id":2,"b":"\xff"}]'
    rows = read(answer(body), operation, list[OrderReply], Drifts())
    assert [each.order_id for each in rows] == [1, 2]
    assert _count(b"[1,2]") == 2
    assert [_count(each) for each in (b"[", b"7", b"[" * 100_000)] == [0, 0, 0]
