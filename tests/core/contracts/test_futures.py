"""Tests of choosing among the futures of a product."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant import AmbiguousSymbol, Contract, InvalidRequest, MissingValue, SymbolNotFound
from bezant._core.contracts.contract import check_multiplier, check_symbol
from bezant._core.contracts.futures import (
    check_expiry,
    check_product,
    is_over,
    live,
    month_code,
    month_of,
    needs_zone,
    pick,
    with_rows,
)
from bezant._core.contracts.hours import exchange_zone
from bezant.models.contracts import FutureContract

from ..samples import some

RECORDED = Path(__file__).parents[3].parent / "shared" / "fixtures" / "Contracts"
CHICAGO = exchange_zone("America/Chicago")
TOKYO = exchange_zone("Asia/Tokyo")
MARCH, JUNE, SEPTEMBER = date(2027, 3, 19), date(2027, 6, 18), date(2027, 9, 17)


def future(conid: int, expiry: date, **more: Any) -> Contract:
    values: dict[str, Any] = {
        "exchange": "CME",
        "currency": "USD",
        "multiplier": Decimal(50),
        **more,
    }
    return Contract(conid=conid, symbol="ES", sec_type="FUT", expiry=expiry, **values)


CURVE = [future(1, MARCH), future(2, JUNE), future(3, SEPTEMBER)]


def test_the_front_month_and_its_roll() -> None:
    front = pick("ES", "future", CURVE, None)
    assert (front.conid, front.roll) == (1, CURVE[1])
    assert pick("ES", "future", CURVE, JUNE).conid == 2
    assert pick("ES", "future", CURVE, "SEP27").roll is None
    with pytest.raises(SymbolNotFound, match="it knows ES FUT 2027-03-19"):
        pick("ES", "future", CURVE, "DEC27")
    with pytest.raises(SymbolNotFound):
        pick("ES", "future", [], None)


def test_two_futures_that_expire_on_a_day_are_ambiguous() -> None:
    twins = [*CURVE, future(4, MARCH)]
    for expiry in (None, MARCH, "MAR27"):
        with pytest.raises(AmbiguousSymbol, match="2 contracts match") as caught:
            pick("ES", "future", sorted(twins, key=lambda each: each.expiry or MARCH), expiry)
        assert {each.conid for each in caught.value.candidates} == {1, 4}
    assert pick("ES", "future", CURVE, None).roll == CURVE[1]


def test_futures_of_several_products_are_ambiguous() -> None:
    check_product("ES", "future", CURVE)
    mini = future(9, JUNE, multiplier=Decimal(5))
    with pytest.raises(AmbiguousSymbol, match="the exchange, the currency or the multiplier") as e:
        check_product("ES", "future", [*CURVE, mini])
    assert [each.conid for each in e.value.candidates] == [1, 9]


def test_rows_and_definitions_together() -> None:
    rows = [
        FutureContract(
            conid=2, expiry=JUNE, last_trading_day=JUNE, symbol="ES", underlying_conid=7
        ),
        some(FutureContract, conid=1, expiry=MARCH),
    ]
    known = {2: Contract(conid=2, symbol="ES", sec_type="FUT", currency="USD")}
    first, second = with_rows(rows, known)
    assert (first.conid, first.expiry, first.symbol, first.currency) == (1, MARCH, "", None)
    assert (second.conid, second.underlying_conid, second.currency) == (2, 7, "USD")
    with pytest.raises(MissingValue, match="expiry"):
        with_rows([some(FutureContract, conid=1)], {})


def test_a_future_expires_at_the_end_of_its_day_at_the_exchange() -> None:
    # 03:00 in UTC on 20 March is 22:00 on 19 March in Chicago, and noon on 20 March in Tokyo.
    now = datetime(2027, 3, 20, 3, tzinfo=UTC)
    assert is_over(MARCH, now, CHICAGO) is False
    assert is_over(MARCH, now, TOKYO) is True
    assert is_over(MARCH, now, None) is None
    assert needs_zone(CURVE, now)
    assert live(CURVE, now, CHICAGO) == CURVE
    assert live(CURVE, now, TOKYO) == CURVE[1:]
    assert not needs_zone(CURVE, datetime(2027, 3, 22, tzinfo=UTC))
    assert live(CURVE, datetime(2027, 3, 22, tzinfo=UTC), None) == CURVE[1:]
    assert not needs_zone(CURVE, datetime(2027, 3, 18, tzinfo=UTC))


def test_daylight_saving_time_moves_the_end_of_the_day() -> None:
    day = date(2027, 3, 14)  # in Chicago this day has 23 hours
    assert is_over(day, datetime(2027, 3, 15, 4, 59, tzinfo=UTC), CHICAGO) is False
    assert is_over(day, datetime(2027, 3, 15, 5, 0, tzinfo=UTC), CHICAGO) is True


@given(
    now=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    zone=st.sampled_from(["Pacific/Kiritimati", "Etc/GMT+12", "America/Chicago", "Asia/Tokyo"]),
)
def test_without_a_zone_the_result_is_right_or_unknown(now: datetime, zone: str) -> None:
    day = date(2030, 6, 14)
    assert is_over(day, now, None) in (None, is_over(day, now, exchange_zone(zone)))


def test_an_unknown_zone_is_an_error() -> None:
    for name in ("Mars/Olympus", "", "../etc"):
        with pytest.raises(InvalidRequest, match="pip install tzdata"):
            exchange_zone(name)


def test_months() -> None:
    assert month_code(date(2026, 1, 31)) == "JAN26"
    assert month_of("DEC27") == (2027, 12)
    assert month_of("DEZ27") is None
    assert month_of("DEC2027") is None


@pytest.mark.parametrize(("value", "expiry"), [(None, None), (MARCH, MARCH), (" mar27", "MAR27")])
def test_expiries(value: object, expiry: object) -> None:
    assert check_expiry(value) == expiry


@pytest.mark.parametrize("value", ["2027-03", "front", 202703, datetime(2027, 3, 19, tzinfo=UTC)])
def test_values_that_are_no_expiry(value: object) -> None:
    with pytest.raises(InvalidRequest, match="expiry must be a date or a month such as 'DEC26'"):
        check_expiry(value)


def test_symbols_and_multipliers() -> None:
    assert check_symbol(" es ") == "ES"
    for wrong in ("", " ", None, 5, "A,B", "x" * 50, "A\x00"):
        with pytest.raises(InvalidRequest, match="a symbol must be text"):
            check_symbol(wrong)
    assert check_multiplier(None) is None
    assert check_multiplier(50) == check_multiplier(Decimal("50.0")) == 50
    for number in (0, -1, True, "50", 0.5, Decimal("NaN")):
        with pytest.raises(InvalidRequest, match="multiplier must be a number above 0"):
            check_multiplier(number)


def test_recorded_futures() -> None:
    file = RECORDED / "GET-trsrv-futures.json"
    if not file.exists():
        pytest.skip("users' recordings belong to their authors and are not in this repository")
    rows = json.loads(file.read_text())["Response"]["Body"]["ES"]
    curve = with_rows([FutureContract.from_json(json.dumps(row)) for row in rows], {})
    assert [each.expiry for each in curve] == [date(2026, 6, 18), date(2026, 12, 18)]
    now = datetime(2026, 11, 27, tzinfo=UTC)
    assert pick("ES", "future", live(curve, now, None), None).conid == 515416632
