"""Tests of converting IBKR's spellings of numbers, flags, texts and times."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant._wire import converters

CONVERTERS: list[Callable[[object], object]] = [
    converters.to_decimal,
    converters.to_int,
    converters.to_float,
    converters.to_bool,
    converters.to_text,
    converters.to_time,
    converters.to_date,
]
anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**4290, max_value=10**4310)
    | st.floats()
    | st.decimals()
    | st.sampled_from(["1E+999999", "-1E+999999", "1E-999999", "0E+999999"]).map(Decimal)
    | st.text()
    | st.from_regex(r"[CH]{0,2} ?[+-]?[0-9,]{1,40}(\.[0-9]{0,40})?(e[+-]?[0-9]{1,5})? ?[KMB%]?")
    | st.from_regex(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}([- T]+[0-9]{2}:[0-9]{2}:[0-9]{2})?")
    | st.from_regex(r"[0-9]{8,20}(\.[0-9]{0,8})?")
    | st.from_regex(r"[A-Z][a-z]{2} (Jan|Nov|Xyz) [0-9]{1,2} \d{2}:\d{2}:\d{2} [EPCX]ST [0-9]{4}")
    | st.lists(st.integers())
)


@pytest.mark.parametrize("convert", CONVERTERS, ids=lambda each: each.__name__)
@given(value=anything)
def test_converters_give_a_value_or_none_or_raise_value_error(
    convert: Callable[[object], object], value: object
) -> None:
    try:
        converted = convert(value)
    except ValueError:
        return
    if isinstance(converted, Decimal):
        assert converted.is_finite()
    elif isinstance(converted, datetime):
        assert converted.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        (5, "5"),
        (0.1, "0.1"),
        (Decimal("1.50"), "1.50"),
        ("1,234.5", "1234.5"),
        (" 7 ", "7"),
        ("-3", "-3"),
        ("+3", "3"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e3", "1E+3"),
        ("2.5E-3", "0.0025"),
        ("2.3M", "2300000"),
        ("1.5K", "1500"),
        ("-1.234B", "-1234000000"),
        ("1.23456K", "1234.56"),
        ("1.5%", "1.5"),
        ("1,005,254 USD", "1005254"),
        ("5 MXN", "5"),
        ("10KRW", "10"),
        ("2K USD", "2000"),
        ("C145.20", "145.20"),
        ("H1.05", "1.05"),
        ("CH1.05", "1.05"),
        ("C-0.5", "-0.5"),
    ],
)
def test_a_number_in_any_spelling_is_exact(spelling: object, expected: str) -> None:
    found = converters.to_decimal(spelling)
    assert found is not None
    assert found == Decimal(expected)
    assert "E" not in str(found) or spelling == "1e3"


@pytest.mark.parametrize(
    "text", ["", " ", "-", "--", "N/A", "n/a", "NA", "None", "null", "NaN", "nan", " NaN "]
)
def test_nothing_is_none_and_never_zero(text: str) -> None:
    assert converters.to_decimal(text) is None
    assert converters.to_int(text) is None
    assert converters.to_float(text) is None
    assert converters.to_bool(text) is None
    assert converters.to_time(text) is None
    assert converters.to_date(text) is None


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_a_number_that_is_not_finite_is_none(number: str) -> None:
    assert converters.to_decimal(Decimal(number)) is None
    assert converters.to_int(Decimal(number)) is None
    assert converters.to_float(Decimal(number)) is None
    assert converters.to_bool(Decimal(number)) is None


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")], ids=repr)
def test_a_float_that_is_not_finite_is_none(number: float) -> None:
    assert converters.to_decimal(number) is None


@pytest.mark.parametrize(
    "value",
    [
        True,
        None,
        [],
        {},
        b"1",
        "x",
        "Infinity",
        "1.2.3",
        "C",
        "K",
        "1e99999",
        "1 2",
        "٣",
        "9" * 101,
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_value_that_is_no_number_does_not_fit(value: object) -> None:
    for convert in (converters.to_decimal, converters.to_int, converters.to_float):
        with pytest.raises(ValueError):
            convert(value)


marks = st.sampled_from(["", "C", "H", "CH"])
tails = st.sampled_from(["", "%", " USD", "EUR", " KRW"])
amounts = st.decimals(
    allow_nan=False, allow_infinity=False, places=4, min_value=0, max_value=10**30
)


@given(
    amount=amounts, negative=st.booleans(), mark=marks, tail=tails, scale=st.sampled_from("_KMB")
)
def test_a_formatted_number_reads_back_exactly(
    amount: Decimal, negative: bool, mark: str, tail: str, scale: str
) -> None:
    text = f"{mark}{'-' if negative else ''}{amount:,f}{scale.strip('_')}{tail}"
    with decimal.localcontext(prec=100):
        size = amount * 10 ** {"_": 0, "K": 3, "M": 6, "B": 9}[scale]
        expected = -size if negative else size
    assert converters.to_decimal(text) == expected
    quoted = converters.quoted(text)
    assert quoted is not None
    assert quoted.is_close == ("C" in mark)
    assert quoted.is_halted == ("H" in mark)


def test_no_context_of_the_user_changes_a_number() -> None:
    with decimal.localcontext(prec=3):
        assert str(converters.to_decimal("1,234.5678K")) == "1234567.8"
        assert str(converters.to_decimal(0.12345)) == "0.12345"


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [(7, 7), ("756,733", 756733), (756733.0, 756733), ("756733.0", 756733), ("2K", 2000)],
)
def test_whole_numbers(spelling: object, expected: int) -> None:
    assert converters.to_int(spelling) == expected


@pytest.mark.parametrize("spelling", ["1.5", 1.5, "1e61", Decimal("1E+999999"), True], ids=repr)
def test_fractions_and_giants_are_no_ids(spelling: object) -> None:
    with pytest.raises(ValueError):
        converters.to_int(spelling)


def test_floats() -> None:
    assert converters.to_float("1,234.5") == 1234.5
    with pytest.raises(ValueError, match="more than 100 digits"):
        converters.to_float("1e400")


@pytest.mark.parametrize("spelling", [True, 1, 1.0, Decimal(1), "1", "Y", "yes", "TRUE", " true "])
def test_flags_that_are_set(spelling: object) -> None:
    assert converters.to_bool(spelling) is True


@pytest.mark.parametrize("spelling", [False, 0, 0.0, Decimal(0), "0", "N", "no", "False"])
def test_flags_that_are_not(spelling: object) -> None:
    assert converters.to_bool(spelling) is False


@pytest.mark.parametrize("spelling", [2, -1, 0.5, "maybe", "2", None, []], ids=repr)
def test_a_value_that_is_no_flag_does_not_fit(spelling: object) -> None:
    with pytest.raises(ValueError):
        converters.to_bool(spelling)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", ""), ("x", "x"), (True, "true"), (False, "false"), (5, "5"), (Decimal("1.50"), "1.50")],
)
def test_texts_keep_the_spelling_of_json(value: object, expected: str) -> None:
    assert converters.to_text(value) == expected


@pytest.mark.parametrize("value", [None, [], {}], ids=repr)
def test_a_value_that_is_no_text_does_not_fit(value: object) -> None:
    with pytest.raises(ValueError):
        converters.to_text(value)


def _java(moment: datetime, zone: str, hours: int) -> str:
    local = moment + timedelta(hours=hours)
    weekday = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[local.weekday()]
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{weekday} {months[local.month - 1]} {local:%d %H:%M:%S} {zone} {local.year}"


@given(
    moment=st.datetimes(datetime(2001, 9, 10), datetime(2099, 12, 30)).map(  # noqa: DTZ001
        lambda each: each.replace(microsecond=0, tzinfo=UTC)
    )
)
def test_every_spelling_of_a_moment_is_the_same_moment(moment: datetime) -> None:
    seconds = int(moment.timestamp())
    spellings: list[object] = [
        seconds,
        float(seconds),
        Decimal(seconds),
        str(seconds),
        seconds * 1000,
        str(seconds * 1000),
        f"{moment:%Y%m%d-%H:%M:%S}",
        f"{moment:%Y%m%d %H:%M:%S}",
        f"{moment:%Y%m%d  %H:%M:%S}",
        f"{moment:%y%m%d%H%M%S}",
        f"{moment:%Y-%m-%d %H:%M:%S}",
        f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        moment.isoformat(),
        (moment + timedelta(hours=2)).replace(tzinfo=None).isoformat() + "+02:00",
        _java(moment, "EST", -5),
        _java(moment, "PDT", -7),
        _java(moment, "HKT", 8),
    ]
    assert {str(each): converters.to_time(each) for each in spellings} == {
        str(each): moment for each in spellings
    }
    midnight = moment.replace(hour=0, minute=0, second=0)
    assert converters.to_time(f"{moment:%Y%m%d}") == midnight


@pytest.mark.parametrize(
    "value",
    [
        True,
        None,
        [],
        "1630",
        "4:15 PM",
        "20261301",
        "20260230-10:00:00",
        "261301000000",
        "Wed Nov 05 00:00:00 XYZ 2025",
        "Wed Foo 05 00:00:00 EST 2025",
        "Wed Nov 31 00:00:00 EST 2025",
        "Fri Dec 31 23:00:00 PST 9999",
        "0001-01-01T00:00:00+14:00",
        10**15,
        -(10**15),
        -(10**14),
        float("nan"),
        float("inf"),
        Decimal("sNaN"),
    ],
    ids=repr,
)
def test_a_value_that_is_no_time_does_not_fit(value: object) -> None:
    with pytest.raises(ValueError):
        converters.to_time(value)


def test_fractions_of_seconds_stay() -> None:
    expected = datetime(2026, 9, 8, 17, 33, 8, 250_000, tzinfo=UTC)
    assert converters.to_time(1788888788.25) == expected
    assert converters.to_time(1788888788250) == expected
    assert converters.to_time("1788888788.25") == expected


def test_an_early_epoch_is_in_seconds() -> None:
    assert converters.to_time(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert converters.to_time(-86400) == datetime(1969, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", ["20260908", 20260908, "2026-09-08", "20260908-23:59:59", 1788888788], ids=repr
)
def test_days(value: object) -> None:
    assert converters.to_date(value) == date(2026, 9, 8)
