"""Tests of calls with side effects whose responses do not tell the outcome."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bezant import (
    BadRequest,
    BezantError,
    ConnectFailed,
    DecodeError,
    InvalidRequest,
    NotAuthenticated,
    OutcomeUnknown,
    PacingError,
    RateLimited,
    Refused,
    ResponseTooLarge,
    UpstreamError,
)
from bezant._core.http.error_mapping import did_nothing
from bezant._core.http.files import BinaryResponse
from bezant._core.http.messages import Request, Response
from bezant._core.http.operation import Operation, OrderCall
from bezant._core.http.response import check_type, read
from bezant._core.http.unknown_outcome import (
    AskedOrders,
    _count,
    advice,
    broken_off,
    failed_reply,
    is_decline,
    left_unknown,
    note_unknown,
    unreadable,
)
from bezant._core.operations import orders, session
from bezant.models.orders import OrderReply

from ..samples import READ, WRITE, Drifts, answer, row

PLACE = orders.SUBMIT_NEW_ORDERS.operation
REPLY = orders.CONFIRM_ORDER_REPLY.operation
REPLIES = list[OrderReply]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (PLACE, True),
        (REPLY, True),
        (orders.MODIFY_OPEN_ORDER.operation, True),
        (orders.CANCEL_OPEN_ORDER.operation, True),
        (row("POST", "/iserver/account/U1/orders"), True),
        (row("POST", "/iserver/reply/abc"), True),
        (row("GET", "/iserver/account/U1/orders"), False),
        (orders.PREVIEW_MARGIN_IMPACT.operation, False),
        (session.INITIALIZE_SESSION.operation, False),
        (row("POST", "/iserver/account/U1/alert"), False),
        (row("POST", "/iserver/account/U1/ordersome"), False),
    ],
    ids=lambda each: each.name if isinstance(each, Operation) else "",
)
def test_operations_that_are_orders(operation: Operation, expected: bool) -> None:
    assert (operation.effect == "order") is expected
    assert ("look for the order before" in advice(operation)) is expected


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"<html>proxy", b"7", b"[]", b"[null]", b'[""]', b"{}", b'[{"order_id":1},null]',
     b'[{"order_id":1},{"x":1}]', b'"' + b"[" * 3],
    ids=repr,
)  # fmt: skip
def test_a_response_that_does_not_tell_the_outcome_of_an_order(body: bytes) -> None:
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


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (PLACE, OrderCall.PLACE),
        (REPLY, OrderCall.REPLY),
        (orders.MODIFY_OPEN_ORDER.operation, OrderCall.PLACE),
        (orders.CANCEL_OPEN_ORDER.operation, OrderCall.CANCEL),
        (orders.PREVIEW_MARGIN_IMPACT.operation, None),
        (row("POST", "/iserver/account/U1/orders/whatif"), None),
        (row("POST", "/iserver/account/U1/order/whatif"), None),
        (row("POST", "/iserver/account/U1/order"), OrderCall.PLACE),
        (row("POST", "/iserver/account/orders"), OrderCall.PLACE),
        (row("POST", "/iserver/account/orders/mygroup"), OrderCall.PLACE),
        (row("POST", "/iserver/%61ccount/U1/orders"), OrderCall.PLACE),
        (row("DELETE", "/iserver/account/U1/order/-1"), OrderCall.CANCEL),
        (row("POST", "/iserver/account"), None),
        (row("POST", "/iserver/account/U1/alert"), None),
        (row("POST", "/portfolio/reply/x"), None),
        (row("GET", "/iserver/account/U1/orders"), None),
    ],
    ids=lambda each: each.name if isinstance(each, Operation) else "",
)
def test_kinds_of_order_calls(operation: Operation, expected: OrderCall | None) -> None:
    assert operation.order is expected


ASKING = b'{"error":"Please query /accounts first","statusCode":500}'


def asked(
    body: bytes = ASKING, status: int = 500, *, clean: bool = True, **headers: str
) -> Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, given, body, clean=clean)


def framed(body: bytes = ASKING, status: int = 500) -> Response:
    return asked(body, status, content_length=str(len(body)))


def test_responses_that_prove_that_the_gateway_did_nothing() -> None:
    assert did_nothing(framed())
    assert did_nothing(framed(ASKING.replace(b'"Please', b'"Bad Request: Please'), 400))
    assert did_nothing(framed(b' {"error" : "Please query \\/accounts first "} ', 200))
    assert did_nothing(asked(transfer_encoding="chunked"))


@pytest.mark.parametrize(
    "given",
    [
        asked(),
        asked(transfer_encoding="gzip, chunked"),
        asked(transfer_encoding="chunked", content_length="57"),
        asked(content_length="58"),
        asked(content_length="57", content_encoding="gzip"),
        asked(content_length="57", clean=False),
        framed(status=503),
        framed(ASKING.replace(b"500", b"401")),
        framed(ASKING + b" " * 300),
        framed(b'{"error":"x","error":"Please query /accounts first"}'),
        framed(b'{"error":"Please query /accounts first","id":"q1"}'),
        framed(b'{"error":["Please query /accounts first"]}'),
        framed(b'["Please query /accounts first"]'),
        framed(b'{"message":"Please query /accounts first"}'),
        framed(b'{"error":"Please query /accounts first'),
        framed(b"{}"),
        framed(b"\xff"),
        framed(b"[" * 299),
    ],
)
def test_responses_that_do_not_prove_it(given: Response) -> None:
    assert not did_nothing(given)


def test_a_doubtful_response_that_asks_leaves_an_order_unknown() -> None:
    doubtful = asked(content_length="57", clean=False)
    with pytest.raises(OutcomeUnknown, match="response to another request") as caught:
        read(doubtful, PLACE, REPLIES, Drifts())
    assert isinstance(caught.value.__cause__, UpstreamError)
    with pytest.raises(UpstreamError) as again:
        read(doubtful, READ, REPLIES, Drifts())
    assert again.value.retryable
    with pytest.raises(UpstreamError) as other:
        read(framed(ASKING.replace(b"first", b"first, 7")), PLACE, REPLIES, Drifts())
    assert not other.value.retryable


@pytest.mark.parametrize(
    ("error", "unknown"),
    [
        (Refused("reply id not found: 'x'"), True),
        (Refused("Service Unavailable"), True),
        (Refused("Please query /accounts first"), True),
        (Refused("request timed out"), True),
        (Refused("Insufficient margin"), False),
        (BadRequest("HTTP 400: price is wrong", status=400), True),
        (RateLimited("x"), True),
        (NotAuthenticated("x"), True),
        (OutcomeUnknown("x"), False),
        (ConnectFailed("x"), False),
        (PacingError("x"), False),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_failed_reply(error: BezantError, unknown: bool) -> None:
    found = failed_reply(error, untouched=False)
    assert (found is not None) is unknown
    if found is not None:
        assert found.__cause__ is error
        assert "may still go live" in found.message


def test_a_reply_that_was_not_taken() -> None:
    for error in (Refused("x"), BadRequest("x", status=400)):
        found = failed_reply(error, untouched=True)
        assert found is not None
        assert "send the reply again" in found.message


@pytest.mark.parametrize(
    ("body", "words", "declined"),
    [
        (b'{"confirmed":false}', "Order not confirmed ", True),
        (b'{"confirmed":"False"}', "Order not confirmed", True),
        (b'{"confirmed":true}', "Order not confirmed", False),
        (b'{"confirmed":false}', "reply id not found: 'x'", False),
        (b"{}", "Order not confirmed", False),
        (b"[]", "Order not confirmed", False),
        (b"", "Order not confirmed", False),
    ],
)
def test_a_decline(body: bytes, words: str, declined: bool) -> None:
    assert is_decline(request(REPLY, "/v1/api/iserver/reply/q", body), Refused(words)) is declined


def test_types_of_the_users_own() -> None:
    class Row(msgspec.Struct):
        order_id: int

    class Nothing(msgspec.Struct):
        pass

    operation = row("POST", "/iserver/account/U1/orders")
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
def test_a_500_without_a_reason_is_an_unknown_outcome(body: bytes) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        read(answer(body, 500), PLACE, REPLIES, Drifts())
    assert caught.value.status == 500
    with pytest.raises(UpstreamError):
        read(answer(body, 500), READ, REPLIES, Drifts())


@pytest.mark.parametrize("key", ["error", "message"])
def test_a_500_that_refuses(key: str) -> None:
    body = msgspec.json.encode({key: "Invalid order price fields", "statusCode": 500})
    with pytest.raises(Refused, match="price fields"):
        read(answer(body, 500), PLACE, REPLIES, Drifts())


def test_a_500_with_an_unlisted_reason_is_an_unknown_outcome() -> None:
    with pytest.raises(OutcomeUnknown, match=r"market closed.*look for the order"):
        read(answer(b'{"error":"market closed"}', 500), PLACE, REPLIES, Drifts())


def test_errors_of_other_calls_with_side_effects_mention_no_order() -> None:
    error = unreadable(ResponseTooLarge("too long"), WRITE, None)
    assert str(error) == (
        "POST /orders: too long; the call may have been carried out: look before you send it again"
    )
    assert isinstance(error.__cause__, ResponseTooLarge)


def test_the_message_for_an_interrupted_call() -> None:
    assert str(broken_off(PLACE)).endswith("look for the order before you send it again")
    assert str(broken_off(WRITE)).endswith("look before you send it again")


def test_calls_that_were_cut_off_are_attached_to_an_error() -> None:
    cut = [broken_off(PLACE), broken_off(PLACE)]
    for error in (BadRequest("no"), KeyError("no")):
        note_unknown(error, [])
        assert not hasattr(error, "__notes__")
        note_unknown(error, cut[:1])
        note_unknown(error, cut[1:])
        assert error.unknown_outcomes == tuple(cut)  # type: ignore[union-attr]
        assert "2 calls with side effects cut off" in str(error) or isinstance(error, KeyError)
    foreign = KeyError("no")
    note_unknown(foreign, cut)
    assert foreign.__notes__[0].startswith("2 calls with side effects cut off")
    assert len(foreign.__notes__) == 3
    left = left_unknown(cut[:1])
    assert "1 call with side effects cut off" in str(left)
    assert left.unknown_outcomes == (cut[0],)


def request(operation: Operation, target: str, body: bytes = b"") -> Request:
    return Request(operation, target, [], body)


def placing(name: str) -> Request:
    body = msgspec.json.encode({"orders": [{"cOID": name}]})
    return request(PLACE, "/v1/api/iserver/account/U1/orders", body)


def replying(question: str) -> Request:
    return request(REPLY, f"/v1/api/iserver/reply/{question}", b'{"confirmed":true}')


def test_a_question_is_about_the_orders_that_raised_it() -> None:
    known = AskedOrders()
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
    known = AskedOrders()
    for number in range(1000):
        known.answered(placing(str(number)), [OrderReply(id=f"q{number}")])
    assert known.names(replying("q999")) == ("999",)
    assert known.names(replying("q500")) == ()


class Plain:
    """Class that is no model: msgspec cannot decode JSON into it."""


@pytest.mark.parametrize(
    "type_", ["x", 7, [], [int], Plain, list[Plain], dict[str, Plain | None], int | Plain, "Nobody"]
)
def test_types_that_nothing_can_be_read_into(type_: Any) -> None:
    with pytest.raises(InvalidRequest, match="type must be a model"):
        check_type(type_, WRITE)


@pytest.mark.parametrize(
    "type_",
    [None, Any, bytes, str, int, dict, BinaryResponse, OrderReply, REPLIES, dict[str, REPLIES],
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
def test_a_type_that_fails_is_an_error_that_names_it(operation: Operation) -> None:
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
