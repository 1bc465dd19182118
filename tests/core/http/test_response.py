"""Tests of results and errors from responses, and of errors for missing responses."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant import (
    ApiError,
    AuthStatus,
    BadRequest,
    BezantError,
    ClientClosed,
    ConnectFailed,
    ConnectionLost,
    DecodeError,
    HttpTimeout,
    NoSession,
    NotAuthenticated,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    Position,
    PreviewRefused,
    RateLimited,
    Refused,
    ResponseTooLarge,
    Tickle,
    TlsFailed,
    UnexpectedRedirect,
    UpstreamError,
)
from bezant._core.http import error_body
from bezant._core.http.error_mapping import refuse_html, transport_error
from bezant._core.http.messages import Response, TransportError, Trouble
from bezant._core.http.operation import Operation
from bezant._core.http.response import check_status, read
from bezant._core.operations import orders
from bezant.models._base import Model
from bezant.models.orders import LiveOrders, OrderPreview, PreviewAmount

from ..samples import ORDER, READ, TICKLE, TOKEN, WRITE, Drifts, answer, json_values, row, some

LOGIN_PAGE = b'<!DOCTYPE html><title>Login</title><form action="/sso/Authenticator">'
OTHER_PAGE = b"<html><head><title> Gateway is\nresting </title></head></html>"


def error_of(given_answer: Response, operation: Operation = READ, type_: Any = Any) -> BezantError:
    with pytest.raises(BezantError) as caught:
        read(given_answer, operation, type_, Drifts())
    assert caught.value.operation == operation.name
    assert str(caught.value).startswith(operation.name + ": ")
    return caught.value


REFUSALS: list[tuple[str, Response, type[BezantError], bool]] = [
    ("nobody logged in", answer(status=401), NotAuthenticated, False),
    ("401 with words", answer(b'{"error":"not authenticated"}', 401), NotAuthenticated, False),
    (
        "to the login page",
        answer(status=302, location="https://localhost:5000/sso/Login?forwardTo=22"),
        NotAuthenticated,
        False,
    ),
    ("to the dispatcher", answer(status=302, location="/sso/Dispatcher"), NotAuthenticated, False),
    (
        "elsewhere",
        answer(status=302, location="https://api.ibkr.com/x?token=1"),
        UnexpectedRedirect,
        False,
    ),
    ("nowhere", answer(status=307), UnexpectedRedirect, False),
    ("login page", answer(LOGIN_PAGE), NotAuthenticated, False),
    (
        "login page by type",
        answer(b"please log in", content_type="text/HTML"),
        NotAuthenticated,
        False,
    ),
    ("another page", answer(OTHER_PAGE), DecodeError, False),
    ("refused ticket", answer(b'{"error":"Invalid Side"}', 400), BadRequest, False),
    ("bad request, no body", answer(status=400), BadRequest, False),
    (
        "no bridge",
        answer(b'{"error":"Bad Request: no bridge","statusCode":400}', 400),
        NoSession,
        True,
    ),
    (
        "no session yet",
        answer(b'{"error":"Init session first","statusCode":400}', 400),
        NoSession,
        True,
    ),
    ("not allowed", answer(status=403), PermissionDenied, False),
    ("address not allowed", answer(b"Access Denied", 404), PermissionDenied, False),
    ("no such path", answer(b"Resource not found", 404), NotFound, False),
    ("wrong region", answer(status=410), NotFound, False),
    ("no length", answer(OTHER_PAGE, 411), ApiError, False),
    ("locked", answer(b'{"status":"busy"}', 423), ApiError, False),
    ("too many", answer(b'{"error":"too many requests"}', 429), RateLimited, True),
    (
        "ask for accounts first",
        answer(b'{"error":"Please query /accounts first","statusCode":500}', 500),
        UpstreamError,
        True,
    ),
    ("no chart", answer(b'{"error":"Chart data unavailable"}', 500), UpstreamError, False),
    ("failure without words", answer(status=500), UpstreamError, False),
    ("broken JSON", answer(b'{"error":', 500), UpstreamError, False),
    ("unknown kind of failure", answer(status=599), UpstreamError, False),
    ("error in a success", answer(b'{"error":"Invalid order price fields"}'), Refused, False),
    ("error with space before", answer(b'  {"error":"no"}'), Refused, False),
    ("error in an object", answer(b'{"error":{"why":["x"]}}'), Refused, False),
    ("a list of one error", answer(b'[{"error":"x"}]'), Refused, False),
    ("no success", answer(b'{"success":false,"failure_list":"1"}'), Refused, False),
    ("no success as text", answer(b'{"success":"false","message":"why"}'), Refused, False),
    ("no bridge in a success", answer(b'{"error":"no bridge"}'), NoSession, True),
    ("logged out in a success", answer(b'{"error":"not logged in"}'), NotAuthenticated, False),
    ("unknown service", answer(b"Unknown service tws"), NotFound, False),
]


@pytest.mark.parametrize(
    ("given_answer", "kind", "retryable"),
    [each[1:] for each in REFUSALS],
    ids=[each[0] for each in REFUSALS],
)
@pytest.mark.parametrize("operation", [READ, WRITE], ids=["read", "write"])
def test_errors_for_responses(
    operation: Operation, given_answer: Response, kind: type[BezantError], retryable: bool
) -> None:
    error = error_of(given_answer, operation)
    asks = b"/accounts first" in given_answer.body
    if operation is WRITE and (kind is DecodeError or (kind is UpstreamError and not asks)):
        kind = OutcomeUnknown
    assert type(error) is kind
    assert error.retryable is retryable
    if isinstance(error, ApiError):
        assert error.status == given_answer.status


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("body", [b"", b'{"error":"Service Unavailable","statusCode":503}'])
def test_a_failure_on_the_way_leaves_the_outcome_open_unless_repeating_is_harmless(
    status: int, body: bytes
) -> None:
    error = error_of(answer(body, status), READ)
    assert type(error) is UpstreamError
    assert error.retryable
    unknown = error_of(answer(body, status), WRITE)
    assert type(unknown) is OutcomeUnknown
    assert unknown.status == status
    assert not unknown.retryable


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry_after": "12"}, 12.0),
        ({"retry_after": " 7 "}, 7.0),
        ({"retry_after": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
        ({"retry_after": "-1"}, None),
        ({"retry_after": "9" * 400}, None),
    ],
    ids=str,
)
def test_how_long_to_wait(headers: dict[str, str], expected: float | None) -> None:
    error = error_of(answer(b"", 429, **headers))
    assert isinstance(error, RateLimited)
    assert error.retry_after == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error":null,"amount":1}', {"error": None, "amount": 1}),
        (b'{"error":"","a":1}', {"error": "", "a": 1}),
        (b'{"success":"Account already set"}', {"success": "Account already set"}),
        (b'{"success":true}', {"success": True}),
        (b'{"hmds":{"error":"no bridge"},"a":1}', {"hmds": {"error": "no bridge"}, "a": 1}),
        (b'[{"error":"x"},{"a":1}]', [{"error": "x"}, {"a": 1}]),
        (b'[{"error":null}]', [{"error": None}]),
        (b'[["error"]]', [["error"]]),
        (b"[]", []),
        (b"", None),
        (b" \n", None),
        (b"5", 5),
    ],
)
def test_responses_without_an_error(body: bytes, expected: object) -> None:
    assert read(answer(body), READ, Any, Drifts()) == expected


@pytest.mark.parametrize("body", [b'{"error":', b'[{"error":', b"Success", b"\xff"], ids=repr)
def test_what_is_not_json(body: bytes) -> None:
    assert type(error_of(answer(body))) is DecodeError


def test_a_list_of_questions_is_no_error() -> None:
    body = b'[{"id":"1","message":["This may raise an \\"error\\""]}]'
    check_status(answer(body), WRITE)
    assert error_body.find(body, WRITE) is None


@pytest.mark.parametrize(
    ("type_", "expected"),
    [(bytes, b"\xffx"), (str, "�x"), (None, None), (type(None), None)],
)
def test_unconverted_responses(type_: Any, expected: object) -> None:
    assert read(answer(b"\xffx"), READ, type_, Drifts()) == expected


def test_a_response_of_type_none_must_not_be_a_login_page() -> None:
    assert type(error_of(answer(LOGIN_PAGE), WRITE, None)) is NotAuthenticated


def test_an_empty_response_is_no_model() -> None:
    error = error_of(answer(b""), READ, Position)
    assert type(error) is DecodeError
    assert "empty" in str(error)


def test_a_model_is_read_past_an_error_deeper_down() -> None:
    drifts = Drifts()
    tickle = read(answer(json.dumps(TICKLE).encode()), READ, Tickle, drifts)
    assert tickle.session == TOKEN
    assert drifts == []


@pytest.mark.parametrize("body", [b'{"a":1}', b"[1]", b"text", b""], ids=repr)
def test_json_under_a_wrong_type_is_no_page(body: bytes) -> None:
    kind = "text/html" if body[:1] in (b"{", b"[") else "text/plain"
    refuse_html(answer(body, content_type=kind), READ)


@pytest.mark.parametrize(
    ("given_answer", "words"),
    [
        (answer(b'{"error":"first","message":"second"}', 400), "HTTP 400: first"),
        (answer(b'{"message":"second"}', 400), "HTTP 400: second"),
        (answer(b'{"error":["a"]}', 400), 'HTTP 400: ["a"]'),
        (answer(b'{"other":1}', 400), 'HTTP 400: {"other":1}'),
        (answer(b"Invalid period: 3M", 400), "HTTP 400: Invalid period: 3M"),
        (answer(b"", 400), "HTTP 400: without a reason"),
        (answer(OTHER_PAGE, 400), "HTTP 400: Gateway is resting"),
        (answer(b"<html></html>", 400), "HTTP 400: an HTML page"),
        (answer(b"Access Denied", 404), "ips.allow"),
        (answer(b'{"success":false,"message":"why"}'), ": why"),
        (answer(b'{"success":false}'), ": success: false"),
        (answer(b'{"error":' + b"[" * 5000 + b"]" * 5000 + b"}"), ""),
        (answer(b'{"error":' + b"9" * 5000 + b"}"), "***…"),
        (answer(b'{"error":"' + b"x" * 501 + b'"}'), "x" * 499 + "…"),
    ],
)
def test_the_gateways_words_are_in_the_error(given_answer: Response, words: str) -> None:
    assert words in str(error_of(given_answer))


@pytest.mark.parametrize("status", [200, 400])
def test_any_depth_of_nesting_gives_a_bezant_error(status: int) -> None:
    for depth in (10, *range(800, 1010), 5000, 100_000):
        nested = b"[" * depth + b"1" + b"]" * depth
        for one, several in ((Any, Any), (Position, list[Position])):
            error_of(answer(b'{"error":%s}' % nested, status), READ, one)
            error_of(answer(b'[{"error":%s}]' % nested, status), READ, several)


def test_an_account_that_is_not_visible_is_named_as_a_cause_of_401() -> None:
    for path in ("/portfolio/{accountId}/ledger", "/iserver/account/{accountId}/summary"):
        error = error_of(answer(status=401), row("GET", path))
        assert "account id" in str(error)
    assert "account id" not in str(error_of(answer(status=401), WRITE))


@pytest.mark.parametrize("status", [200, 302, 400, 403, 404, 429, 500, 503])
def test_no_secret_of_a_response_is_in_its_error(status: int) -> None:
    bodies = [
        f'{{"error":"x","session":"{TOKEN}"}}',
        f'{{"error":"session={TOKEN}"}}',
        f'{{"error":{{"session":"{TOKEN}"}}}}',
        f'{{"error":"{{\\"session\\":\\"{TOKEN}\\"}}"}}',
        f"<html>token={TOKEN}",
    ]
    for body, operation in itertools.product(bodies, (READ, WRITE)):
        given_answer = Response(
            status,
            {"location": f"/x?session={TOKEN}", "content-type": "text/plain"},
            body.encode(),
            (f"api={TOKEN}",),
        )
        assert TOKEN not in repr(given_answer) + str(given_answer)
        error = error_of(given_answer, operation)
        assert TOKEN not in f"{error} {error!r} {vars(error)}"


TYPES: list[Any] = [
    Any,
    None,
    str,
    bytes,
    Position,
    list[Position],
    AuthStatus,
    dict[str, Any],
    int,
]
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(["text/html", "application/json"]) | st.text(),
        "location": st.sampled_from(["/sso/Login", "/x"]) | st.text(),
        "retry-after": st.text() | st.integers().map(str),
    },
)
bodies = (
    st.binary()
    | json_values.map(lambda each: json.dumps(each).encode())
    | st.builds(
        lambda key, value: json.dumps({key: value}).encode(),
        st.sampled_from(["error", "success", "message"]),
        json_values,
    )
    | st.builds(lambda value: json.dumps([{"error": value}]).encode(), json_values)
    | st.sampled_from(
        [LOGIN_PAGE, OTHER_PAGE, b"[" * 3000, b'{"error":' * 3000, b"Unknown service"]
    )
)


@given(
    status=st.integers(200, 599),
    headers=HEADERS,
    body=bodies,
    operation=st.sampled_from([READ, WRITE]),
    type_=st.sampled_from(TYPES),
)
def test_any_response_gives_a_value_or_a_bezant_error(
    status: int, headers: dict[str, str], body: bytes, operation: Operation, type_: Any
) -> None:
    error = None
    try:
        read(Response(status, headers, body), operation, type_, Drifts())
    except BezantError as caught:
        error = caught
    if error is None:
        assert 200 <= status < 300
        return
    assert error.operation == operation.name
    assert not (isinstance(error, OutcomeUnknown) and error.retryable)
    assert len(str(error)) < 1500


TROUBLES: dict[Trouble, tuple[type[BezantError], bool]] = {
    Trouble.CONNECT: (ConnectFailed, True),
    Trouble.TLS: (TlsFailed, False),
    Trouble.TIMEOUT: (HttpTimeout, True),
    Trouble.LOST: (ConnectionLost, True),
    Trouble.TOO_LARGE: (ResponseTooLarge, False),
    Trouble.STOPPED: (ClientClosed, False),
}


@pytest.mark.parametrize("detail", ["", f"broke, session={TOKEN}"])
@pytest.mark.parametrize("operation", [READ, WRITE], ids=["read", "write"])
@pytest.mark.parametrize("sent", [True, False], ids=["sent", "unsent"])
@pytest.mark.parametrize("kind", Trouble, ids=lambda each: each.name)
def test_errors_for_transport_failures(
    kind: Trouble, sent: bool, operation: Operation, detail: str
) -> None:
    trouble = TransportError(kind, detail, sent=sent)
    error = transport_error(trouble, operation, where="localhost:5000", timeout=30)
    expected, retryable = TROUBLES[kind]
    if operation is WRITE and (sent or kind is Trouble.TOO_LARGE):
        expected, retryable = OutcomeUnknown, False
    assert type(error) is expected
    assert error.retryable is retryable
    assert str(error).startswith(f"{operation.name}: ")
    assert TOKEN not in f"{error} {error!r} {vars(error)}"
    assert isinstance(error.__cause__, ResponseTooLarge) is (
        operation is WRITE and kind is Trouble.TOO_LARGE
    )


@pytest.mark.parametrize("operation", [READ, WRITE], ids=["read", "write"])
def test_a_server_that_wants_tls_is_suspected(operation: Operation) -> None:
    trouble = TransportError(Trouble.LOST, "Server disconnected.", sent=True)
    for where, asked in (("http://localhost:5000", True), ("https://localhost:5000", False)):
        error = transport_error(trouble, operation, where=where, timeout=30)
        assert ("does this gateway use https://?" in str(error)) is asked
    trouble = TransportError(Trouble.LOST, "reset by peer", sent=True)
    error = transport_error(trouble, operation, where="http://localhost:5000", timeout=30)
    assert "https" not in str(error)


def test_every_transport_failure_is_in_the_table() -> None:
    assert set(TROUBLES) == set(Trouble)


def test_an_envelope_may_hold_any_json() -> None:
    body = msgspec.json.encode({"error": [1, {"a": None}], "success": [], "statusCode": "x"})
    assert str(error_of(answer(body))).endswith('[1,{"a":null}]')


FIGURES = {"amount": {"total": "9 USD"}, "warn": "21/careful", "error": "not enough money"}
PREVIEW = orders.PREVIEW_MARGIN_IMPACT.operation


def refusal(body: object, operation: Operation, type_: Any) -> Refused:
    error = error_of(answer(json.dumps(body).encode()), operation, type_)
    assert isinstance(error, Refused)
    return error


def test_a_refused_preview_keeps_its_figures() -> None:
    error = refusal(FIGURES, PREVIEW, OrderPreview)
    assert isinstance(error, PreviewRefused)
    assert (error.message, error.status) == ("not enough money", 200)
    assert error.preview.amount
    assert error.preview.amount.total == 9
    assert (error.preview.warn, error.preview.error) == ("21/careful", "not enough money")
    # A response with only an error has no figures, so this preview has none.
    bare = refusal({"error": "no sec defs"}, PREVIEW, OrderPreview)
    assert isinstance(bare, PreviewRefused)
    assert bare.preview == OrderPreview(error="no sec defs")


def test_an_error_about_the_session_is_one_for_a_preview_too() -> None:
    body = json.dumps(FIGURES | {"error": "no bridge"}).encode()
    assert type(error_of(answer(body), PREVIEW, OrderPreview)) is NoSession


def test_a_refusal_that_does_not_fit_is_refused_all_the_same() -> None:
    error = refusal([{"error": "no"}], PREVIEW, OrderPreview)
    assert type(error) is Refused
    assert error.response is None


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (Any, FIGURES),
        (None, None),
        (str, json.dumps(FIGURES)),
        (OrderPreview, OrderPreview(
            amount=PreviewAmount(total=Decimal(9), currency="USD"), warn="21/careful",
            error="not enough money",
        )),
    ],
)  # fmt: skip
def test_an_error_has_the_other_fields_of_its_response(type_: Any, expected: object) -> None:
    assert refusal(FIGURES, READ, type_).response == expected


def test_values_that_do_not_fit_next_to_an_error_are_no_drift() -> None:
    drifts = Drifts()
    with pytest.raises(Refused) as caught:
        read(answer(b'{"success":false,"conid":{}}'), WRITE, Position, drifts)
    assert caught.value.response == some(Position)
    assert drifts == []


# Tests of errors in long responses.

ROW = ORDER | {"conid": 1, "price": "", "ticker": "A" * 100, "orderId": 7}
MANY = [ROW] * 700


def long(*members: tuple[str, object]) -> bytes:
    body = json.dumps(dict(members)).encode()
    assert len(body) > error_body.LONG
    return body


@pytest.mark.parametrize(
    "type_", [Any, LiveOrders, bytes, str, None, dict[str, Any], list[Position]]
)
@pytest.mark.parametrize(
    "said", [{"error": "no"}, {"error": {"why": ["no"]}}, {"success": False, "message": "no"}]
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_error_anywhere_in_a_long_response(
    type_: Any, said: dict[str, object], place: int
) -> None:
    members: list[tuple[str, object]] = [("orders", MANY), ("more", MANY)]
    members[place:place] = said.items()
    error = error_of(answer(long(*members)), READ, type_)
    assert type(error) is Refused
    assert "no" in error.message
    if type_ is LiveOrders:
        assert isinstance(error.response, LiveOrders)
        assert error.response.orders
        assert len(error.response.orders) == 700


def test_a_long_response_without_an_error_is_the_result() -> None:
    drifts = Drifts()
    rows = [*MANY[:-1], ROW | {"ticker": 'an "error"', "error": "in a row"}]
    body = long(("orders", rows), ("error", None), ("success", True), ("snapshot", True))
    found = read(answer(body), READ, LiveOrders, drifts)
    assert type(found) is LiveOrders
    assert found.orders
    assert (len(found.orders), found.snapshot, drifts) == (700, True, [])
    assert found.orders[0].price is None
    assert found.orders[-1].ticker == 'an "error"'
    assert read(answer(body), READ, Any, drifts) == json.loads(body)


def test_a_long_response_with_drift_is_repaired_like_a_short_one() -> None:
    drifts = Drifts()
    rows = [*MANY, ROW | {"remainingQuantity": "C NaN"}]
    found = read(answer(long(("orders", rows), ("snapshot", {}))), READ, LiveOrders, drifts)
    assert isinstance(found, LiveOrders)
    assert len(found.orders) == 701
    assert {each.model for each in drifts} <= {"LiveOrders", "LiveOrder"}
    assert "snapshot" in {each.field for each in drifts}


class Whole(Model, frozen=True, kw_only=True):
    """Model with a required field, which a response with only an error lacks."""

    conid: int


class Own(Model, frozen=True, kw_only=True):
    """Model with an `error` field, which is part of a valid response."""

    error: int | None = None
    more: Any = None


def test_long_errors_that_fit_no_model() -> None:
    assert type(error_of(answer(long(("more", MANY), ("error", "no"))), READ, Whole)) is Refused
    assert not read(answer(long(("more", MANY))), READ, Whole, Drifts()).has("conid")
    assert type(error_of(answer(long(("more", MANY), ("error", "no"))), READ, Own)) is Refused
    assert read(answer(long(("more", MANY), ("error", 0))), READ, Own, Drifts()).error == 0
    assert type(error_of(answer(b"{" + b" " * error_body.LONG), READ, Any)) is DecodeError


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":"no bridge","x":NaN}',
        b'[{"error":"no bridge","x":NaN}]',
        b'\xef\xbb\xbf{"error":"no bridge"}',
        b'{"error":"no bridge","\xff":1}',
        b'{"error":"no bridge \xff"}',
    ],
)
def test_an_error_next_to_invalid_json(body: bytes) -> None:
    assert isinstance(error_of(answer(body)), NoSession)


@pytest.mark.parametrize(
    "body", [b'{"error":', b'[{"error":NaN},{"error":NaN}]', b'{"error":NaN}', b'[["error",NaN]]']
)
def test_no_error_in_invalid_json(body: bytes) -> None:
    assert error_body.find(body, READ) is None


def test_an_error_next_to_invalid_json_that_is_nested_too_deeply() -> None:
    body = b'{"error":"x","a":NaN,"b":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(DecodeError, match="nested too deeply"):
        error_body.find(body, READ)
    assert error_body.reason(body) == ""


def test_words_that_cannot_be_written() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert error_body.text_of(deep) == "unreadable"
    assert error_body.text_of(["x"]) == '["x"]'
    while deep:  # takes the nested value apart, because freeing it at once may overflow the stack
        (deep,) = deep


def test_a_byte_order_mark_is_not_part_of_a_response() -> None:
    marked = answer(b'\xef\xbb\xbf{"a":1}')
    plain: object = read(marked, READ, Any, print)
    assert plain == {"a": 1}
    assert read(marked, READ, str, print) == '{"a":1}'
    assert read(marked, READ, bytes, print) == b'\xef\xbb\xbf{"a":1}'
