"""Tests of tolerant decoding: a bad value never affects other values."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bezant import (
    Account,
    AuthStatus,
    DecodeError,
    Drift,
    OrderUpdate,
    Pnl,
    Position,
    Tickle,
)
from bezant._core.decoding.decoder import convert_row, decode, loads, plain
from bezant._wire.converters import NOTHING
from bezant._wire.field_types import converter_of
from bezant.models import Model, StockCompany
from bezant.models._base import peek

from ..samples import (
    ACCOUNT,
    AUTH_STATUS,
    ORDER,
    PNL,
    POSITION,
    STOCK_COMPANY,
    TICKLE,
    Drifts,
    json_values,
)


class Sample(Model, frozen=True, kw_only=True):
    """Model with one field of each kind."""

    number: Decimal | None = None
    whole: int | None = None
    real: float | None = None
    flag: bool | None = None
    text: str | None = None
    moment: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    day: date | None = None
    rows: list[int] | None = None
    table: dict[str, Decimal] | None = None
    inner: Sample | None = None
    either: int | list[int] | None = None
    choice: Literal["a", "b"] | None = None
    anything: Any = None


class Choices(Model, frozen=True, kw_only=True):
    choices: list[Literal["a", "b"]] | None = None
    other: int | None = None


class Needy(msgspec.Struct):
    conid: int
    note: str = ""


def decoded(body: object, type_: Any = Sample) -> tuple[Any, Drifts]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    drifts = Drifts()
    return decode(data, type_, operation="GET /x", report=drifts), drifts


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("number", "", None),
        ("number", "N/A", None),
        ("number", "None", None),
        ("number", None, None),
        ("number", "1,234.5", Decimal("1234.5")),
        ("number", "NaN", None),
        ("number", "nAN", None),
        ("number", "C145.20", Decimal("145.20")),
        ("number", "2.5M", Decimal(2_500_000)),
        ("number", "1,005,254 USD", Decimal(1_005_254)),
        ("number", 0.1, Decimal("0.1")),
        ("number", 5, Decimal(5)),
        ("whole", "756733", 756733),
        ("whole", 756733.0, 756733),
        ("whole", "756,733", 756733),
        ("whole", "", None),
        ("real", "1,234.5", 1234.5),
        ("real", "nan", None),
        ("flag", "Y", True),
        ("flag", 1, True),
        ("flag", 1.0, True),
        ("flag", "0", False),
        ("flag", "N/A", None),
        ("text", 5, "5"),
        ("text", True, "true"),
        ("text", "", ""),
        ("text", "null", "null"),
        ("moment", "20260908-17:33:08", datetime(2026, 9, 8, 17, 33, 8, tzinfo=UTC)),
        ("moment", "2026-09-08 17:33:08", datetime(2026, 9, 8, 17, 33, 8, tzinfo=UTC)),
        ("moment", 1788888788000, datetime(2026, 9, 8, 17, 33, 8, tzinfo=UTC)),
        ("day", "20260908", date(2026, 9, 8)),
        ("day", "2026-09-08", date(2026, 9, 8)),
        ("rows", ["1", "2,000", 3], [1, 2000, 3]),
        ("rows", "", None),
        ("table", {"a": "1,000", "b": "", "c": 1.5}, {"a": Decimal(1000), "c": Decimal("1.5")}),
        ("table", "", None),
        ("inner", {"whole": "1,000"}, Sample(whole=1000)),
        ("inner", "", None),
        ("either", "7", 7),
        ("either", [1], [1]),
        ("choice", "a", "a"),
        ("anything", [0.5, {"a": [1.5]}], [0.5, {"a": [1.5]}]),
    ],
)
@pytest.mark.parametrize(
    "beside", [{}, {"whole": "756,733"}], ids=["alone", "next to a repaired one"]
)
def test_spellings(field: str, value: object, expected: object, beside: dict[str, object]) -> None:
    result, drifts = decoded({"unknown": [{"x": 1}], **beside, field: value})
    found = getattr(result, field)
    assert found == expected
    assert type(found) is type(expected)
    assert drifts == []


@pytest.mark.parametrize(
    ("field", "value", "expected", "found"),
    [
        ("number", "abc", "Decimal", "text"),
        ("number", "Infinity", "Decimal", "text"),
        ("number", True, "Decimal", "a flag"),
        ("number", [], "Decimal", "a list"),
        ("whole", 1.5, "int", "a number"),
        ("whole", "1.5", "int", "text"),
        ("flag", 2, "bool", "a number"),
        ("flag", {}, "bool", "an object"),
        ("text", [1], "str", "a list"),
        ("rows", 5, "list[int]", "a number"),
        ("rows", {"a": 1}, "list[int]", "an object"),
        ("table", [1], "dict[str, Decimal]", "a list"),
        ("inner", [1], "Sample", "a list"),
        ("inner", 5, "Sample", "a number"),
        ("choice", "c", "Literal['a', 'b']", "text"),
        ("moment", "4:15 PM", "datetime", "text"),
    ],
)
def test_a_value_that_does_not_fit_is_dropped_and_reported(
    field: str, value: object, expected: str, found: str
) -> None:
    result, drifts = decoded({field: value, "whole" if field != "whole" else "text": 5})
    assert getattr(result, field) is None
    assert result.whole == 5 or result.text == "5"
    assert drifts == [Drift("GET /x", "Sample", field, expected, found)]
    assert str(drifts[0]) == (
        f"GET /x: Sample.{field} should be {expected}, but the gateway sent {found}"
    )


def test_a_value_that_fits_no_type_of_a_union_is_dropped() -> None:
    result, drifts = decoded({"either": {}, "whole": 1})
    assert (result.either, result.whole, drifts.fields) == (None, 1, ["either"])


def test_one_bad_row_leaves_the_others() -> None:
    rows: list[object] = [POSITION | {"conid": each} for each in range(1, 101)]
    rows[41] = "not a row"
    rows[42] = POSITION | {"conid": {"an": "object"}}
    found, drifts = decoded(rows, list[Position])
    ids = [each.conid if each.has("conid") else None for each in found]
    assert ids == [*range(1, 42), None, None, *range(44, 101)]
    assert [(each.model, each.field, each.found) for each in drifts] == [
        ("list[Position]", "[]", "text"),
        ("Position", "conid", "an object"),
    ]


def test_one_bad_row_of_a_mapping_leaves_the_others() -> None:
    body = {"A": [STOCK_COMPANY], "B": 5, "C": "", "D": [STOCK_COMPANY | {"contracts": [7]}]}
    found, drifts = decoded(body, dict[str, list[StockCompany]])
    assert sorted(found) == ["A", "D"]
    assert not found["D"][0].has("contracts")
    assert drifts.fields == ["{}", "contracts"]


def test_a_row_of_another_library_without_what_it_needs_is_an_error() -> None:
    found, drifts = decoded([{"conid": 1}, {"conid": "2,000"}], list[Needy])
    assert (found, drifts) == ([Needy(1), Needy(2000)], [])
    with pytest.raises(DecodeError, match=r"list\[Needy\], but .* a list with an element"):
        decoded([{"conid": 1}, {"note": "x"}], list[Needy])


def test_no_element_of_a_list_shifts() -> None:
    class Series(Model, frozen=True, kw_only=True):
        values: list[Decimal | None]
        days: list[str] | None = None

    found, drifts = decoded({"values": [1, "x", None, "", "2"]}, Series)
    assert found.values == [1, None, None, None, 2]
    assert drifts.fields == ["values"]
    found, drifts = decoded({"values": [], "days": ["a", None, "b"]}, Series)
    assert (found.days, drifts.fields) == (None, ["days"])
    with pytest.raises(DecodeError, match="a list with an element that cannot be read"):
        decoded([7, "x"], list[Position])


def test_numbers_are_exact() -> None:
    body = b'{"position":0.1,"mktPrice":123456789.123456789012345678901,"mktValue":"1e-7"}'
    position, _ = decoded(body, Position)
    assert position.quantity == Decimal("0.1")
    assert position.market_price == Decimal("123456789.123456789012345678901")
    mended, _ = decoded(body[:-1] + b',"conid":"1,000"}', Position)
    assert mended.market_price == position.market_price
    assert mended.market_value == Decimal("1E-7")


@pytest.mark.parametrize(
    "number", ["1e400", "1e99999", "-1e99999999999999999999", "9" * 100 + ".5"], ids=lambda n: n[:9]
)
def test_a_number_beyond_reason_costs_one_field(number: str) -> None:
    result, drifts = decoded(f'{{"whole":{number},"text":"x","unknown":{number}}}'.encode())
    assert (result.whole, result.text, drifts.fields) == (None, "x", ["whole"])


def test_a_giant_whole_number_is_kept() -> None:
    found, _ = decoded(b'{"whole":123456789012345678901234567890}')
    assert found.whole == 123456789012345678901234567890


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        (b"", Sample),
        (b" ", Sample),
        (b"{", Sample),
        (b"<html>", Sample),
        (b"Success", Any),
        (b"\x00", Any),
        (b"[]", Sample),
        (b"{}", list[Sample]),
        (b'""', list[Sample]),
        (b'""', dict[str, int]),
        (b'""', Sample),
        (b"null", Sample),
        (b"null", list[Sample]),
        (b"5", dict[str, int]),
        (b'"N/A"', int),
        (b'"x"', int),
        (b'"NaN"', Decimal),
        (b'{"note":1}', Needy),
        (b"[" * 100_000, Any),
        (b"[" * 100_000, Sample),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_an_unreadable_response_is_an_error_that_names_the_call(body: bytes, type_: Any) -> None:
    with pytest.raises(DecodeError) as caught:
        decoded(body, type_)
    assert caught.value.operation == "GET /x"
    assert str(caught.value).startswith("GET /x: the response ")
    assert len(str(caught.value)) < 700
    assert len(caught.value.body) <= 200


def test_an_escaped_nul_is_text() -> None:
    assert decoded(b'{"text":"a\\u0000"}')[0].text == "a\x00"


def test_plain_values() -> None:
    assert plain(b'{"a":[0.5,null,true,"x"]}', "op") == {"a": [0.5, None, True, "x"]}
    assert plain(b'{"a":1e400,"b":0.1}', "op") == {"a": Decimal("1e400"), "b": Decimal("0.1")}
    assert loads(b'{"a":-1e99999999999999999999}') == {"a": "-1e99999999999999999999"}


@pytest.mark.parametrize(
    ("body", "type_", "expected"),
    [
        (b"[1,2]", list[int], [1, 2]),
        (b'["1,000"]', list[int], [1000]),
        (b"null", int | None, None),
        (b'"1,000"', int | None, 1000),
        (b'{"a":"NaN"}', Mapping[str, Any], {"a": "NaN"}),
        (b'{"a":{"b":["NaN",1.5]}}', dict[str, object], {"a": {"b": ["NaN", 1.5]}}),
        (b'"NaN"', Any, "NaN"),
    ],
)
def test_other_types(body: bytes, type_: Any, expected: object) -> None:
    result, drifts = decoded(body, type_)
    assert result == expected
    assert drifts == []


def test_rows_of_other_types_that_do_not_fit_are_reported() -> None:
    body = {"choices": [1, "a", "NaN"], "other": 5}
    result, drifts = decoded(body, Choices)
    assert (result.choices, result.other) == (None, 5)
    assert [each.found for each in drifts] == ["a number", "text"]


def test_mending_plain_values() -> None:
    drifts = Drifts()
    row = {"orderId": "1,000", "price": "NaN", "totalSize": 0.1, "status": 5, "acct": {}}
    update = convert_row(row, OrderUpdate, operation="sor", report=drifts)
    assert (update.order_id, update.price, update.quantity) == (1000, None, Decimal("0.1"))
    assert (update.status, update.account_id) == ("5", None)
    assert drifts == [Drift("sor", "OrderUpdate", "acct", "non-empty str", "an object")]
    assert (
        convert_row({"price": "Infinity"}, OrderUpdate, operation="sor", report=drifts).price
        is None
    )
    assert (
        convert_row(
            {"orderDesc": "Inf"}, OrderUpdate, operation="", report=drifts
        ).order_description
        == "Inf"
    )
    assert convert_row({"price": 1.0}, OrderUpdate, operation="", report=drifts).price == Decimal(1)


def test_a_float_that_does_not_fit_is_called_a_number() -> None:
    drifts = Drifts()
    convert_row({"orderId": 1.5}, OrderUpdate, operation="sor", report=drifts)
    assert [each.found for each in drifts] == ["a number"]


ROWS: list[tuple[Any, dict[str, object]]] = [
    (Position, POSITION),
    (Account, ACCOUNT),
    (AuthStatus, AUTH_STATUS),
    (Tickle, TICKLE),
    (StockCompany, STOCK_COMPANY),
    (OrderUpdate, ORDER),
    (Pnl, PNL),
]


@pytest.mark.parametrize(("type_", "row"), ROWS, ids=lambda each: getattr(each, "__name__", ""))
def test_the_samples_fit_their_models(type_: Any, row: dict[str, object]) -> None:
    result, drifts = decoded(row, type_)
    assert drifts == []
    missing = [
        each.name
        for each in msgspec.structs.fields(type_)
        if each.encode_name in row and getattr(result, each.name) is None
    ]
    assert missing == []


def is_placeholder(type_: Any, value: object) -> bool:
    """Return whether a value, such as "N/A", means None in a field of the type."""
    for part in get_args(type_):
        if convert := converter_of(part):
            try:
                return convert(value) is None
            except (ValueError, ArithmeticError):
                return False
    return False


@pytest.mark.parametrize(("type_", "row"), ROWS, ids=lambda each: getattr(each, "__name__", ""))
@pytest.mark.parametrize("frame", [False, True], ids=["bytes", "values"])
@given(data=st.data())
def test_one_wrong_value_costs_one_field(
    frame: bool, type_: Any, row: dict[str, object], data: st.DataObject
) -> None:
    fields = [each for each in msgspec.structs.fields(type_) if each.encode_name in row]
    field = data.draw(st.sampled_from(fields))
    sent = data.draw(json_values)
    good, _ = decoded(row, type_)
    spoilt = row | {field.encode_name: sent}
    if frame:
        drifts = Drifts()
        result: Any = convert_row(spoilt, type_, operation="sor", report=drifts)
    else:
        try:
            result, drifts = decoded(spoilt, type_)
        except DecodeError:
            # Only text with half of a surrogate pair, which is not valid JSON, may raise this
            # error.
            assert "\\ud" in ascii(sent)
            return
    for other in fields:
        if other is not field:
            assert peek(result, other.name) == peek(good, other.name)
    kept = peek(result, field.name)
    if isinstance(kept, list):
        assert isinstance(sent, list)
        assert len(kept) == len(sent)
    elif kept is None:
        empty = sent is None or (isinstance(sent, str) and sent.strip().lower() in NOTHING)
        empty = empty or is_placeholder(field.type, sent)
        expected = set() if empty and not field.required else {field.encode_name}
        assert set(drifts.fields) == expected
    elif isinstance(kept, msgspec.Struct):
        assert isinstance(sent, dict)
        assert field.encode_name not in drifts.fields
    else:
        assert drifts == []
        assert not isinstance(kept, Decimal) or kept.is_finite()


@given(text=st.text() | st.sampled_from(["nan", "inf", "sNaN", "-Infinity", "+inf", "NAN"]))
@example("Finan")
@example("12nan")
def test_any_text_in_place_of_a_number(text: str) -> None:
    body = json.dumps({"number": text, "real": text, "text": "kept"}, ensure_ascii=False)
    try:
        data = body.encode()
    except UnicodeEncodeError:
        return
    result, drifts = decoded(data)
    assert result.text == "kept"
    for name in ("number", "real"):
        value = getattr(result, name)
        empty = text.strip().lower() in NOTHING
        assert (value is None) == (empty or name in drifts.fields)
        assert not value or Decimal(value).is_finite()


TYPES: list[Any] = [
    Any,
    Sample,
    Needy,
    Tickle,
    list[Position],
    dict[str, list[StockCompany]],
    dict[str, Any],
    int,
    str | None,
    Literal["a"],
]


@given(
    body=st.binary()
    | json_values.map(lambda each: json.dumps(each).encode())
    | st.builds(
        lambda row, cut: json.dumps(row).encode()[:cut],
        st.fixed_dictionaries({}, optional=dict.fromkeys(Sample.__struct_fields__, json_values)),
        st.integers(1, 200),
    ),
    type_=st.sampled_from(TYPES),
)
def test_any_bytes_give_a_value_or_a_decode_error(body: bytes, type_: Any) -> None:
    drifts = Drifts()
    named = "GET /x"
    try:
        decode(body, type_, operation="GET /x", report=drifts)
    except DecodeError as error:
        named = error.operation or ""
    assert named == "GET /x"
    assert all(each.operation == "GET /x" and each.field for each in drifts)


@pytest.mark.parametrize("depth", [100, 600, 980, 3000])
def test_deep_nesting_is_read_or_refused(depth: int) -> None:
    # How deeply values may be nested depends on the version of Python and on the JSON reader, so a
    # DecodeError is allowed. No other error is.
    body = b'{"anything":' + b"[" * depth + b"]" * depth + b',"whole":"x"}'
    with contextlib.suppress(DecodeError):
        decode(body, Sample, operation="GET /x", report=lambda drift: None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"text":"M\xfcller","number":1}', ("M\ufffdller", 1)),
        (b'{"text":"a\x00b","number":1}', ("a\x00b", 1)),
        (b'{"unknown":"\xff","number":1}', (None, 1)),
        (b'{"unknown":NaN,"number":"1,000"}', (None, 1000)),
        (b'{"text":"x","number":-Infinity}', ("x", None)),
        (b'{"text":"\\ud800","number":1}', ("\ufffd", 1)),
        (b'{"text":"\\udc00\\ud83d\\ude00\\\\ud800","number":1}', ("\ufffd\U0001f600\\ud800", 1)),
        (b'{"text":"x","number":1,"whole":' + b"9" * 5000 + b"}", ("x", 1)),
        (b'{"text":"x","number":0.' + b"9" * 5000 + b',"unknown":\xff}', None),
        (b'{"text":"x","number":0.' + b"9" * 5000 + b',"unknown":NaN}', ("x", None)),
        (b'{"text":"x","number":1,"unknown":' + b"9" * 5000 + b"}", ("x", 1)),
        (b'\xef\xbb\xbf{"text":"x","number":1}', ("x", 1)),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_part_that_is_no_json_costs_no_more_than_itself(
    body: bytes, expected: tuple[object, object] | None
) -> None:
    if expected is None:
        with pytest.raises(DecodeError):
            decoded(body)
    else:
        found, _ = decoded(body)
        assert (found.text, found.number) == expected
        assert isinstance(decode(body, Any, operation="GET /x", report=print), dict)
