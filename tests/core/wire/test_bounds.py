"""Tests of absurdly large numbers: each is detected in any spelling, and only it is dropped."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant import DecodeError, Position
from bezant._core.decoding.decoder import convert_row, decode
from bezant._wire.bounds import is_fit, may_be_unfit, row_may_be_unfit

from ..samples import POSITION, Drifts

NOT_FINITE = [
    '"NaN"', '"nan"', '"-NaN"', '"sNaN"', '"NaN123"', '" NaN "', '"N_aN"', '"\\u004eaN"',
    '"Infinity"', '"-inf"', '"+INF"', '"Infinity\\t"', '"NaN\u00a0"',
]  # fmt: skip
BEYOND = [
    "1e999999999", "1E+999999999", "-1e-999999999", '"1e999999999"', '"1E_9_9_9_9"', '" 1e99999 "',
    '"1\\u0065999999999"', '"1e\u0669\u0669\u0669\u0669\u0669"', '".5E+100000"', '"1.e999999"',
    "1" * 5000, '"' + "1" * 5000 + '"', '"' + "1_" * 5000 + '1"', "0." + "1" * 5000, "9" * 250,
    '"' + "\u0661" * 300 + '"', "1.7976931348623157E308",
]  # fmt: skip
SANE = ["1E+99", "0.1", "-12.5E-7", '"1e10"', "1.0E10", "0", "9" * 100, "123456789.1234567890123"]


def position(number: str, name: str = "position") -> bytes:
    row = {key: value for key, value in POSITION.items() if key != name}
    return f'[{json.dumps(row)[:-1]},"{name}":{number},"x":"Financial"}}]'.encode()


@pytest.mark.parametrize("number", NOT_FINITE + BEYOND, ids=lambda text: text[:20])
def test_it_never_reaches_a_model(number: str) -> None:
    body = position(number)
    assert may_be_unfit(body)
    drifts = Drifts()
    (row,) = decode(body, list[Position], operation="GET /x", report=drifts)
    assert row.account_id == "DU1000001"
    assert not row.has("quantity")
    assert drifts.fields == ["position"]


@pytest.mark.parametrize("number", BEYOND, ids=lambda text: text[:20])
def test_such_a_number_never_reaches_a_stream_message(number: str) -> None:
    value = json.loads(number, parse_int=str, parse_float=str)
    drifts = Drifts()
    row = convert_row({**POSITION, "position": value}, Position, operation="spl", report=drifts)
    assert (row.has("quantity"), row.conid, drifts.fields) == (False, 4711, ["position"])


@pytest.mark.parametrize("number", SANE)
def test_rows_are_looked_at_by_their_values(number: str) -> None:
    value = json.loads(number, parse_float=str, parse_int=str)
    exponent = "e" in value.lower()
    assert row_may_be_unfit({"a": "AAPL", "b": 1, "c": 1.5, "d": None, "e": value}) == exponent
    assert row_may_be_unfit({"a": []})
    assert row_may_be_unfit({"a": 10**100})


@pytest.mark.parametrize("number", SANE)
def test_a_number_that_is_meant_stays(number: str) -> None:
    drifts = Drifts()
    (row,) = decode(position(number), list[Position], operation="GET /x", report=drifts)
    assert row.quantity == Decimal(json.loads(number, parse_float=str, parse_int=str))
    assert drifts == []


@pytest.mark.parametrize("number", SANE)
def test_usual_responses_are_not_searched(number: str) -> None:
    assert not may_be_unfit(position(number))


@pytest.mark.parametrize("text", ["Financial", "INFA", "Fin", "2026-11-26T08:00:00", "e-mail 1"])
def test_words_that_are_spelled_with_the_same_letters(text: str) -> None:
    assert not may_be_unfit(json.dumps({"group": text}).encode())


class Row(msgspec.Struct):
    number: Decimal | None = None


@dataclass
class Plain:
    number: Decimal | None = None


class Pair(NamedTuple):
    one: Decimal
    other: Decimal


HUGE = Decimal("1E+999999")


@pytest.mark.parametrize(
    "type_", [Row, Plain, list[Decimal], dict[str, Decimal], dict[Decimal, str], Pair, Decimal]
)
def test_types_of_the_users_own(type_: Any) -> None:
    bodies = {
        Row: b'{"number":1e999999}', Plain: b'{"number":1e999999}', Pair: b"[1,1e999999]",
        Decimal: b"1e999999",
    }  # fmt: skip
    body = bodies.get(type_)
    if body is None:
        body = b"[1e999999]" if type_ == list[Decimal] else b'{"a":1e999999}'
        if type_ == dict[Decimal, str]:
            body = b'{"1e999999":"a"}'
    found: Any = None
    with contextlib.suppress(DecodeError):
        found = decode(body, type_, operation="GET /x", report=lambda _: None)
    assert is_fit(found)


class Attrs:
    """Class that msgspec treats as an attrs class."""

    def __init__(self, number: Decimal) -> None:
        self.number = number


class _Attribute(NamedTuple):
    name: str


Attrs.__attrs_attrs__ = (_Attribute("number"),)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "value",
    [
        HUGE, 10**101, float("inf"), Row(HUGE), Plain(HUGE), [HUGE], {"a": HUGE}, {HUGE: "a"},
        (1, HUGE), frozenset([HUGE]), Attrs(HUGE), Decimal("NaN"), [Row(), Row(HUGE)],
    ],
)  # fmt: skip
def test_what_is_not_fit(value: object) -> None:
    assert not is_fit(value)


@pytest.mark.parametrize(
    "value",
    [
        None, True, 1, 10**100 - 1, 1.5, "1e999999", b"x", Row(), Plain(Decimal(1)), [],
        {"a": [Decimal("1E+90")]}, Attrs(Decimal(1)), object(),
    ],
)  # fmt: skip
def test_what_is_fit(value: object) -> None:
    assert is_fit(value)


def decimals(value: Position) -> list[Decimal]:
    fields = msgspec.structs.astuple(value)
    return [each for each in fields if isinstance(each, Decimal)]


spelled = st.text(alphabet="0123456789eE+-._ nafitysNAFI\u0661\u00a0", max_size=30)


@given(texts=st.lists(spelled, max_size=8), escaped=st.booleans())
def test_no_spelling_gets_past(texts: list[str], escaped: bool) -> None:
    names = ["position", "mktPrice", "avgCost", "strike", "mktValue", "avgPrice", "multiplier"]
    body = json.dumps([dict(zip(names, texts, strict=False))], ensure_ascii=escaped).encode()
    (row,) = decode(body, list[Position], operation="GET /x", report=lambda _: None)
    for number in decimals(row):
        assert number.is_finite()
        assert -300 < number.adjusted() < 300
