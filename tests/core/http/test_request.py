"""Tests of building requests, and of errors for requests that the gateway would refuse."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bezant import InvalidRequest
from bezant._core.http.messages import Payload, Request
from bezant._core.http.operation import Operation
from bezant._core.http.request import (
    MAX_REQUEST_LINE,
    build,
    client_order_ids,
    encode_body,
    encode_query,
    fill_path,
    raw_operation,
    with_credentials,
)
from bezant._core.settings.base_url import BaseUrl
from bezant._core.settings.connection import Tls
from bezant._core.settings.settings import Settings
from bezant._wire.redaction import Secret
from bezant.models.orders import OrderTicket

from ..samples import READ, TOKEN, WRITE, json_values

SETTINGS = Settings(BaseUrl.parse("https://localhost:5000/v1/api"), Tls("insecure"))
BIG = 10**5000


class Side(str, Enum):  # noqa: UP042 - its str() is not its value
    BUY = "B"


class Number(IntEnum):
    ONE = 1


@dataclass
class Point:
    x: float


class Row(msgspec.Struct, omit_defaults=True):
    price: object
    other: object = None


def _short(value: object) -> str:
    return "giant" if value is BIG else repr(value)[:12]


@given(value=st.text())
@example("..")
@example("%2e%2e")
@example("a/b?c#d")
@example("{b}")
@example("\ud800")
def test_a_path_value_comes_back_or_is_refused(value: str) -> None:
    try:
        path = fill_path("/x/{a}/y/{b}", {"a": value, "b": 5})
    except InvalidRequest:
        assert value in (".", "..") or not value.strip() or not _encodable(value)
        return
    before, _, after = path.partition("/x/")
    segment, _, rest = after.partition("/")
    assert (before, rest) == ("", "y/5")
    assert unquote(segment, errors="strict") == value
    assert path.isascii()


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize(
    "value", ["", ".", "..", " ", "\t", None, True, 1.5, b"x", BIG], ids=_short
)
def test_path_values_that_would_change_the_path_are_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest):
        fill_path("/x/{a}", {"a": value})


def test_path_values_keep_the_value_of_an_enumeration() -> None:
    assert fill_path("/{a}/{b}", {"a": Side.BUY, "b": Number.ONE}) == "/B/1"


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/iserver/accounts", Operation("GET", "/iserver/accounts", True)),
        ("post", "iserver/reply/x", Operation("POST", "/iserver/reply/x", False, effect="account")),
        ("DELETE", "/v1/api/a/b", Operation("DELETE", "/a/b", False, effect="account")),
        ("PUT", "/v1/apix", Operation("PUT", "/v1/apix", False, effect="account")),
        ("GET", "/a%2Fb", Operation("GET", "/a%2Fb", True)),
    ],
)
def test_raw_operations(method: str, path: str, expected: Operation) -> None:
    operation = raw_operation(method, path, SETTINGS)
    assert operation == expected
    assert operation.name == f"{expected.method} {expected.path}"


@pytest.mark.parametrize("method", ["", "HEAD", "CONNECT", "GET /x", None, 5], ids=repr)
def test_other_methods_are_refused(method: Any) -> None:
    with pytest.raises(InvalidRequest, match="method"):
        raw_operation(method, "/a", SETTINGS)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        None,
        5,
        "https://evil.example/x",
        "//evil.example/x",
        "/a?b=1",
        "/a#b",
        "/a b",
        "/a\nb",
        "/a//b",
        "/a/",
        "/a/../b",
        "/./a",
        "/a/%2e%2E/b",
        "/a/%2e",
    ],
    ids=repr,
)
def test_other_paths_are_refused(path: Any) -> None:
    with pytest.raises(InvalidRequest, match="path"):
        raw_operation("GET", path, SETTINGS)


def test_a_get_has_no_body_and_no_length() -> None:
    request = build(READ, SETTINGS, path="/things/ü%2F1", params={"a": 1, "b": None})
    assert request.target == "/v1/api/things/%C3%BC%2F1?a=1"
    assert request.body == b""
    assert request.headers == [
        ("User-Agent", SETTINGS.user_agent),
        ("Accept", "application/json, */*;q=0.5"),
        ("Origin", "https://localhost:5000"),
        ("Referer", "https://localhost:5000/"),
    ]


def test_an_empty_post_says_that_it_is_empty() -> None:
    headers = dict(build(WRITE, SETTINGS, path="/orders").headers)
    assert headers["Content-Length"] == "0"
    assert "Content-Type" not in headers


def test_a_body_has_type_and_length() -> None:
    request = build(WRITE, SETTINGS, path="/orders", json={"p": Decimal("0.10")}, cookies="a=1")
    headers = dict(request.headers)
    assert request.body == b'{"p":0.10}'
    assert headers["Content-Length"] == "10"
    assert headers["Content-Type"] == "application/json"
    assert headers["Cookie"] == "a=1"


def test_none_is_no_body() -> None:
    assert build(WRITE, SETTINGS, path="/orders", json=None).body == b""


def test_a_request_does_not_show_its_secrets() -> None:
    request = build(WRITE, SETTINGS, path="/orders", json={"k": TOKEN}, cookies=f"api={TOKEN}")
    assert TOKEN not in repr(request) + str(request)


def test_requests_longer_than_the_gateway_takes_are_refused() -> None:
    fixed = len("GET /v1/api/things?a= HTTP/1.1\r\n")
    room = MAX_REQUEST_LINE - fixed
    build(READ, SETTINGS, path="/things", params={"a": "x" * room})
    with pytest.raises(InvalidRequest, match="request line"):
        build(READ, SETTINGS, path="/things", params={"a": "x" * (room + 1)})
    with pytest.raises(InvalidRequest, match="headers"):
        build(READ, SETTINGS, path="/things", cookies="x" * 8000)


def test_headers_for_a_proxy_are_sent_beside_ours_and_not_shown() -> None:
    request = build(READ, SETTINGS, path="/things", cookies="a=b")
    sent = with_credentials(request, (("Authorization", Secret(f"Bearer {TOKEN}")),))
    assert sent.headers == request.headers
    assert [(name, value.value) for name, value in sent.credentials] == [
        ("Authorization", f"Bearer {TOKEN}")
    ]
    assert TOKEN not in repr(sent)


def test_headers_for_a_proxy_count_against_the_limit() -> None:
    request = build(READ, SETTINGS, path="/things", cookies="x" * 4000)
    with_credentials(request, (("X", Secret("x" * 3000)),))
    with pytest.raises(InvalidRequest, match="longer than the 8192 bytes"):
        with_credentials(request, (("X", Secret("x" * 4000)),))


def test_headers_for_a_proxy_never_double_one_of_the_call() -> None:
    payload = Payload(headers=(("Authorization", "of the call"),))
    request = build(READ, SETTINGS, path="/things", json=payload)
    proxy, other = ("authorization", Secret("of the proxy")), ("X-A", Secret("1"))
    sent = with_credentials(request, (proxy, other))
    assert sent.credentials == (other,)
    assert ("Authorization", "of the call") in sent.headers


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (None, ""),
        ({}, ""),
        ({"a": None, "b": None}, ""),
        ({"a": True, "b": False}, "a=true&b=false"),
        ({"a": 5, "b": 0.1, "c": Decimal("1E+2"), "d": "x y&z"}, "a=5&b=0.1&c=100&d=x%20y%26z"),
        ({"conids": [1, 2]}, "conids=1,2"),
        ({"fields": ("31", "84"), "empty": []}, "fields=31,84&empty="),
        ({"side": Side.BUY, "n": Number.ONE}, "side=B&n=1"),
        ({"ä": "ö"}, "%C3%A4=%C3%B6"),
    ],
)
def test_queries(params: dict[str, object] | None, expected: str) -> None:
    assert encode_query(params, "op") == expected


@pytest.mark.parametrize(
    "value",
    [
        b"x",
        object(),
        float("nan"),
        float("inf"),
        Decimal("NaN"),
        Decimal("1E+999999999"),
        Decimal("1E-999999"),
        [[1]],
        [None],
        "\ud800",
        BIG,
    ],
    ids=_short,
)
def test_query_values_without_a_spelling_are_refused(value: object) -> None:
    with pytest.raises(InvalidRequest):
        encode_query({"a": value}, "op")


@given(params=st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.booleans()))
def test_a_query_reads_back(params: dict[str, object]) -> None:
    try:
        query = encode_query(params, "op")
    except InvalidRequest:
        assert not all(_encodable(f"{key}{value}") for key, value in params.items())
        return
    expected = [
        (key, str(value).lower() if isinstance(value, bool) else str(value))
        for key, value in params.items()
    ]
    assert parse_qsl(query, keep_blank_values=True, errors="strict") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, b"null"),
        ({"a": Decimal("1.10")}, b'{"a":1.10}'),
        (Row(Decimal("1E+2")), b'{"price":1E+2}'),
        ([1, (2,)], b"[1,[2]]"),
        (Point(0.5), b'{"x":0.5}'),
        (Decimal("1E+400"), b"1E+400"),
    ],
)
def test_bodies(value: object, expected: bytes) -> None:
    assert encode_body(value, "op") == expected


@pytest.mark.parametrize("number", [float("nan"), float("-inf"), Decimal("NaN"), Decimal("sNaN")])
def test_a_price_that_is_not_a_number_is_not_sent_as_none(number: object) -> None:
    wrapped: list[object] = [number, [number], {"a": (number,)}, Row(number), [Row(1, Row(number))]]
    wrapped += [{float("inf")}, frozenset([float("nan")]), Point(float("inf"))]
    for value in wrapped:
        with pytest.raises(InvalidRequest, match="finite"):
            encode_body(value, "op")


class Pair(msgspec.Struct, array_like=True):
    first: int


def _ticket(**fields: Any) -> OrderTicket:
    told: dict[str, Any] = {"conid": 1, "side": "BUY", "order_type": "LMT", "time_in_force": "DAY"}
    return OrderTicket(**told | fields)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"orders": [_ticket(), _ticket(price=True)]}, r"OrderTicket: .*bool.*orders\[1\].price`"),
        ({"orders": [_ticket(price="abc")]}, r"orders\[0\].price`"),
        (_ticket(side=None), r"null.*`side`"),
        (Pair(cast("int", "x")), r"^POST /x: the body cannot be sent as JSON: Pair: .*int.*str"),
        (_ticket(side=b"BUY"), "^POST /x: the body cannot be sent as JSON: side is bytes"),
        ({"a": [b"x"]}, r"a\[0\] is bytes"),
        (b"x", "the value is bytes"),
        ({"orders": [_ticket(price=float("nan"))]}, r"orders\[0\].price is not a finite number"),
        ([Point(float("inf"))], r"\[0\].x is not a finite number"),
    ],
)
def test_a_field_that_cannot_be_meant_is_refused_by_its_place(body: object, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        encode_body(body, "POST /x")


def test_a_field_that_can_be_read_is_sent_as_it_is() -> None:
    body = encode_body(_ticket(conid="1", price="1.50", quantity=Decimal("2.0")), "POST /x")
    assert json.loads(body)["conid"] == "1"
    assert json.loads(body)["price"] == "1.50"
    assert b'"quantity":2.0' in body


@pytest.mark.parametrize("params", [[("a", 1)], "a=1", 5, False, {1: "a"}, {None: 1}, {b"a": 1}])
def test_an_invalid_query_is_refused(params: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^GET /x: .*(mapping|names in params)"):
        encode_query(params, "GET /x")


@pytest.mark.parametrize("value", [BIG, "x" * 100_000], ids=_short)
def test_a_refusal_is_short(value: Any) -> None:
    for method, path in ((value, "/x"), ("GET", value)):
        try:
            raw_operation(method, path, SETTINGS)
        except InvalidRequest as error:
            assert len(str(error)) < 200  # noqa: PT017 - a long path may be fine here


def test_a_body_without_a_json_form_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    values: list[object] = [object(), {"a": object()}, "\ud800", loop, {(1,): 2}, Point]
    for value in values:
        with pytest.raises(InvalidRequest):
            encode_body(value, "op")


@given(value=json_values)
def test_any_json_value_is_sent_as_it_is(value: object) -> None:
    try:
        body = encode_body(value, "op")
    except InvalidRequest:
        assert "\\ud" in ascii(value)  # only half of a surrogate pair cannot be sent
        return
    assert json.loads(body) == value


def test_a_comma_within_an_item_stays_within_it() -> None:
    assert encode_query({"a": ["x,y", 2], "b": "x,y"}, "GET /x") == "a=x%2Cy,2&b=x,y"


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (b"", ()),
        (b"[]", ()),
        (b"{", ()),
        (b"null", ()),
        (b'{"orders": 3, "cOID": "a"}', ()),
        (b'{"orders": [{"cOID": 3}, {"cOID": ""}]}', ()),
        (b'{"cOID": "a"}', ("a",)),
        (b'{"orders": [{"cOID": "a"}, {"x": 1}, {"cOID": "b"}]}', ("a", "b")),
    ],
)
def test_the_orders_in_a_request_are_found(body: bytes, ids: tuple[str, ...]) -> None:
    operation = Operation("POST", "/iserver/account/{accountId}/orders", idempotent=False)
    assert client_order_ids(Request(operation, "/", [], body)) == ids
