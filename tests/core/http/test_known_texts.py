"""Tests of the table of known error texts.

A known text decides what a response means, whatever its status.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from bezant import (
    BadRequest,
    BezantError,
    NotAuthenticated,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Refused,
    UpstreamError,
)
from bezant._core.http.known_texts import OWN
from bezant._core.http.operation import Operation
from bezant._core.http.response import read
from bezant._core.http.retry import may_repeat
from bezant._core.operations._index import OPERATIONS, RAW
from bezant._core.operations._lookup import row_at

from ..samples import Drifts, answer, row

STATUS = row("GET", "/iserver/account/order/status/7")
PLACE = row("POST", "/iserver/account/U1/orders")
CANCEL = row("DELETE", "/iserver/account/U1/order/7")
MODIFY = row("POST", "/iserver/account/U1/order/7")
REPLY = row("POST", "/iserver/reply/q")
PREVIEW = row("POST", "/iserver/account/U1/orders/whatif")
INFO = row("GET", "/iserver/secdef/info")
STRIKES = row("GET", "/iserver/secdef/strikes")
ALERT = row("GET", "/iserver/account/alert/1")
DYNAMIC = row("POST", "/iserver/dynaccount")
SEARCH = row("GET", "/iserver/account/search/U")
HISTORY = row("GET", "/iserver/marketdata/history")
UNREAD = row("GET", "/fyi/unreadnumber")
END = row("POST", "/iserver/marketdata/unsubscribe")
INIT = row("POST", "/iserver/auth/ssodh/init")
LATER = "Details currently unavailable. Please try again later and contact client services."


def error_of(operation: Operation, status: int, body: Any) -> BezantError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(BezantError) as caught:
        read(answer(raw, status), operation, Any, Drifts())
    return caught.value


CASES: list[tuple[Operation, int, object, type[BezantError]]] = [
    (STATUS, 503, {"error": "Order 553617933 is not found", "statusCode": 503}, NotFound),
    (CANCEL, 400, {"error": "OrderID 1171486718 doesn't exist"}, NotFound),
    (CANCEL, 200, {"error": "OrderID 101 doesn't exist"}, NotFound),
    (MODIFY, 400, {"error": "OrderID 1171486718 doesn't exist"}, NotFound),
    (INFO, 500, {"error": "No Contracts retrieved"}, NotFound),
    (INFO, 503, {"error": "No Contracts retrieved"}, NotFound),
    (INFO, 500, {"error": json.dumps({"reason": LATER})}, NotFound),
    (ALERT, 200, {"error": "Alert with order ID=1 not found."}, NotFound),
    (DYNAMIC, 401, {"error": "Acct not found from search result"}, NotFound),
    (END, 500, {"error": "unknown"}, NotFound),
    (PREVIEW, 500, {"error": "Order size 0 is not valid. Please enter size."}, BadRequest),
    (PLACE, 500, {"error": "Order size 0 is not valid. Please enter size."}, BadRequest),
    (PLACE, 500, {"error": "Can not contain field # 8089"}, BadRequest),
    (PLACE, 503, {"error": "Bad Request: Missing order parameters"}, BadRequest),
    (PLACE, 500, b"java.lang.String cannot be cast to java.lang.Number", BadRequest),
    (STRIKES, 500, {"error": "Invalid month"}, BadRequest),
    (STRIKES, 503, {"error": "month is required"}, BadRequest),
    (STRIKES, 500, {"message": "unsupported security type"}, BadRequest),
    (PLACE, 500, {"error": "Invalid order price fields"}, Refused),
    (PLACE, 500, {"error": '"BUY 100 X" Invalid time-in-force for at-the-closing.'}, Refused),
    (SEARCH, 503, {"error": LATER, "statusCode": 503}, PermissionDenied),
    (STRIKES, 503, {"error": "Too many requests"}, RateLimited),
    (HISTORY, 503, {"error": "Chart data unavailable"}, UpstreamError),
    (STATUS, 503, b"", UpstreamError),
    (STATUS, 503, {"error": "Service Unavailable", "statusCode": 503}, UpstreamError),
    (INIT, 500, {"error": "failed to generate sso dh token"}, UpstreamError),
]


@pytest.mark.parametrize(("operation", "status", "body", "kind"), CASES)
def test_the_text_decides_before_the_status(
    operation: Operation, status: int, body: object, kind: type[BezantError]
) -> None:
    error = error_of(operation, status, body)
    assert type(error) is kind
    assert not may_repeat(error, operation)
    assert getattr(error, "status", status) == status


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (PLACE, {"error": "Service Unavailable", "statusCode": 503}),
        (PLACE, {"error": "Order 7 may exist"}),
        # The table lists this text only for calls without side effects.
        (PLACE, {"error": "No Contracts retrieved"}),
        # An HTML page does not come from IBKR's API, so the table does not apply to its text.
        (PLACE, b"<html><title>OrderID 7 doesn't exist</title></html>"),
        (REPLY, {"error": "Order size 0 is not valid"}),
        (CANCEL, {"error": "Invalid order price fields"}),
    ],
)
@pytest.mark.parametrize("status", [500, 503])
def test_only_listed_texts_are_definite_for_calls_with_side_effects(
    operation: Operation, body: object, status: int
) -> None:
    error = error_of(operation, status, body)
    assert type(error) is OutcomeUnknown
    assert not error.retryable


def test_a_response_that_is_not_ready_is_requested_again() -> None:
    error = error_of(UNREAD, 423, {"status": "waiting for reply"})
    assert type(error) is UpstreamError
    assert may_repeat(error, UNREAD)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (json.dumps({"reason": "why"}), "500: why"),
        (json.dumps({"error": {"a": 1}, "message": "why"}), "500: why"),
        (json.dumps({"other": 1}), '500: {"other":1}'.replace(":1", ": 1")),
        ("{oops", "500: {oops"),
        (" " + json.dumps({"fail": "why"}), "500: why"),
        ("{" + "[" * 5000, "500: {["),
    ],
)
def test_a_reason_that_is_json_within_a_text(text: str, shown: str) -> None:
    assert shown in str(error_of(STRIKES, 500, {"error": text}))


def test_a_list_within_a_text_is_shown_as_it_is() -> None:
    assert "500: [1]" in str(error_of(STRIKES, 500, {"error": "[1]"}))


def test_the_reason_of_a_401_is_in_its_error() -> None:
    for body, shown in (
        ({"error": "id: 92177, error: invalid consumer", "statusCode": 401}, "invalid consumer"),
        ({"error": "not authenticated"}, "HTTP 401: not authenticated"),
        (b"", "HTTP 401;"),
        (b"<html><title>Access Denied</title>", "HTTP 401: Access Denied"),
    ):
        error = error_of(STRIKES, 401, body)
        assert type(error) is NotAuthenticated
        assert shown in str(error)


def test_every_group_of_texts_belongs_to_an_operation() -> None:
    used = {row_at(place).texts for place in (*OPERATIONS.values(), *RAW.values())}
    assert used - {""} == set(OWN)
