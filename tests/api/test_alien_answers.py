"""Tests with random responses and stream messages: reading raises only BezantError, if anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezant import BezantError, OutcomeUnknown
from bezant._core.decoding.drift import Drift
from bezant._core.http.messages import Response
from bezant._core.http.response import read
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.confirmations import Confirmations
from bezant._core.stream.live_state import LiveState
from bezant._core.stream.parser import parse
from bezant._core.stream.phases import Timing
from bezant._core.stream.topic import TicReply
from bezant._wire.bounds import is_fit
from bezant.models._base import peek
from bezant.models.stream import MarketData, Message

from .catalogue import ENDPOINTS, answer_of

# Bytes that a gateway could send in place of a value. Some of them are not valid JSON.
VALUES = [
    b"null", b"true", b"0", b"-1", b"1.5", b'""', b'"x"', b"[]", b"{}", b"[{}]", b"[[]]", b'[""]',
    b'{"a":1}', b'{"a":{"b":[]}}', b"NaN", b"-Infinity", b'"NaN"', b'"Infinity"', b"1e999999999",
    b'"1E+999999999"', b'"1\\u0065999999999"', b"9" * 5000, b'"' + b"9" * 5000 + b'"', b"1e400",
    b"0." + b"3" * 5000, b'"M\xfcller"', b'"\\ud800"', b'"a\x01"', b'"' + b" " * 3000 + b'"',
    b'"1' + b" " * 3000 + b'x"', b"[" * 900 + b"]" * 900, b"-", b"'x'", b'"\xc3',
    b"18446744073709551616",
    b'"20260908-17:33:08"', b'"Wed Nov 05 00:00:00 EST 2025"', b"1772000000000",
    b"-62135596801", b"1e18",
    b'"0000-00-00"', b'"9999-12-31T23:59:59-23:59"', b'"C145.20"', b'"2.3M"', b'"100 @ 185.25"',
    b'"nan123"', b'"1_000"', b'"N"', b'"false"', b"1e-400", b"[1e400]", b"[NaN,{}]",
]  # fmt: skip
values = st.sampled_from(VALUES) | st.text(max_size=10).map(lambda text: json.dumps(text).encode())
STATUSES = [200, 200, 200, 201, 204, 302, 400, 401, 404, 429, 500, 503]
TYPES = ["application/json", "text/html", "", "\xff; charset=\xff", "application/pdf"]


def fields_of(type_: Any, depth: int = 3) -> Iterator[Any]:
    """Yield the structs in a type and, down to `depth` levels, the structs in their fields."""
    if depth and isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        yield type_
        for each in msgspec.structs.fields(type_):
            yield from fields_of(each.type, depth - 1)
    for each in getattr(type_, "__args__", ()):
        yield from fields_of(each, depth)


def objects(type_: Any) -> st.SearchStrategy[bytes]:
    """Return a strategy for JSON objects with the keys of a type's fields and arbitrary values."""
    structs = list(dict.fromkeys(fields_of(type_)))
    names = [name for each in structs for name in each.__struct_encode_fields__]
    keys = st.sampled_from([*names, "error", "success", "message", "M\udcff", "unknown"])
    pair = st.tuples(keys, values)

    def join(pairs: list[tuple[str, bytes]]) -> bytes:
        return b"{" + b",".join(_quoted(name) + b":" + value for name, value in pairs) + b"}"

    flat = st.lists(pair, max_size=6).map(join)
    rows = st.lists(flat, max_size=3).map(lambda each: b"[" + b",".join(each) + b"]")
    nested = st.lists(st.tuples(keys, flat | rows | values), max_size=4).map(join)
    return (
        flat
        | rows
        | nested
        | st.lists(nested, max_size=2).map(lambda each: b"[" + b",".join(each) + b"]")
    )


def _quoted(name: str) -> bytes:
    return b'"' + name.encode("utf-8", "surrogateescape") + b'"'


def bodies(type_: Any) -> st.SearchStrategy[bytes]:
    whole = objects(type_) | values
    cut = st.tuples(whole, st.integers(0, 300)).map(lambda pair: pair[0][: pair[1]])
    marked = whole.map(lambda body: b"\xef\xbb\xbf" + body)
    return whole | cut | marked | whole.map(lambda body: body.replace(b'"', b'"\x00'))


def ignore(_: Drift) -> None:
    pass


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.operation.name)
def test_any_response_to_any_operation(endpoint: Any) -> None:
    type_ = answer_of(endpoint)
    operation = endpoint.operation

    @settings(max_examples=15, deadline=None, derandomize=True, database=None)
    @given(body=bodies(type_), status=st.sampled_from(STATUSES), kind=st.sampled_from(TYPES))
    def check(body: bytes, status: int, kind: str) -> None:
        headers = {"content-type": kind, "location": "\xff", "retry-after": "\xb2"}
        try:
            found = read(Response(status, headers, body), operation, type_, ignore)
        except OutcomeUnknown:
            assert not operation.idempotent
        except BezantError:
            pass
        else:
            assert type_ in (Any, bytes, str) or is_fit(found)
            repr(found)

    check()


TOPICS = [
    "smd+1", "smd+x", "sor", "str", "spl", "ssd+DU1", "sld+DU1", "smh+1", "sbd+DU1+1", "sts", "act",
    "ntf", "blt", "error", "system", "tic", "", "x+y", "sbd", "smh", "ssd", "M\udcff",
]  # fmt: skip
# Keys that the code looks for in addition to the fields of the models.
PLACES = [
    "args", "result", "data", "conid", "conidEx", "hb", "success", "prompt", "price", "row", "bid",
    "ask", "focus", "31", "84", "_updated", "error", "trade_time_r", "trade_time",
]  # fmt: skip


def frames() -> st.SearchStrategy[bytes]:
    row = objects(Message)
    place = st.sampled_from(PLACES)
    inner = st.lists(st.tuples(place, values | row), max_size=5).map(
        lambda pairs: b",".join(_quoted(name) + b":" + value for name, value in pairs)
    )
    topic = st.sampled_from(TOPICS).map(_quoted) | values
    return st.tuples(topic, inner).map(
        lambda pair: b'{"topic":' + pair[0] + (b"," + pair[1] if pair[1] else b"") + b"}"
    )


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(data=frames() | values | st.binary(max_size=50))
def test_any_message_of_any_topic(data: bytes) -> None:
    found = parse(data, ignore)
    messages = [found] if isinstance(found, MarketData) else found
    assert messages
    for message in messages:
        repr(message)
        fields = getattr(message, "__struct_fields__", ())
        for name in fields:
            if name not in ("raw", "payload"):
                assert is_fit(peek(cast(Any, message), name))
        if isinstance(message, MarketData):
            read_all(message)


def read_all(quote: MarketData) -> None:
    numbers = [quote.last, quote.bid, quote.ask, quote.bid_size, quote.ask_size, quote.last_size]
    numbers += [each for each in quote.values.values() if isinstance(each, Decimal)]
    assert is_fit(numbers)
    assert quote.updated is None or quote.updated.tzinfo is UTC
    assert quote.is_close in (None, True, False)
    assert quote.halted in (None, True, False)
    for name in ("volume", "halted", "market_data_availability", "7219"):
        quote.get(name)


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(frames_=st.lists(frames(), max_size=12))
def test_any_messages_one_after_another(frames_: list[bytes]) -> None:
    message_buffer, confirmations = MessageBuffer(100), Confirmations(Timing(), lambda: 0.5)
    live_state = LiveState(ignore, message_buffer, confirmations)
    live_state.quotes.live(1, "1")
    for data in frames_:
        found = parse(data, ignore)
        if isinstance(found, MarketData):
            live_state.take(found, datetime.now(UTC))
            continue
        if isinstance(found, TicReply):
            continue
        live_state.take_orders(found, 0.0)
        for message in found:
            live_state.take(message, datetime.now(UTC))
    for order_id in live_state.orders.working():
        live_state.orders.get(order_id)
    read_all(live_state.quotes.live(1, "1").complete())
