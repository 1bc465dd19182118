"""Tests of choosing expiries and strikes of an option chain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant import (
    AmbiguousSymbol,
    Contract,
    InvalidRequest,
    MissingValue,
    SymbolNotFound,
)
from bezant._core.contracts.chains import (
    ExpiryChoice,
    check_choice,
    check_complete,
    check_day,
    check_rights,
    check_within,
    choose_day,
    days_and_classes,
    monthly,
    months_for,
    near,
    no_expiry,
    on_day,
    price_in,
    roundest,
    third_friday,
    to_strike,
    underlying_of,
    usual,
)
from bezant._core.contracts.futures import month_code
from bezant.models.contracts import SearchHit, SearchSection

TODAY = date(2026, 11, 27)
MONTHS = ["NOV26", "DEC26", "JAN27", "MAR27", "?"]


def choice(
    which: date | str, after: date = TODAY, trading_class: str | None = None
) -> ExpiryChoice:
    return check_choice(which, after, trading_class, TODAY)


def decimals(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


def option(
    conid: int, day: date | None, name: str = "SPX", strike: str = "100", right: str = "C"
) -> Contract:
    return Contract(
        conid=conid, symbol="SPX", sec_type="OPT", expiry=day, trading_class=name,
        strike=Decimal(strike), right=right,
    )  # fmt: skip


def chosen(
    wanted: ExpiryChoice, days: Sequence[date], read: Sequence[str], later: Sequence[str] = ()
) -> date | None:
    return choose_day(wanted, days, read, later)


def test_choices_of_an_expiry() -> None:
    assert check_choice("weekly", None, None, TODAY).after == TODAY
    assert choice(date(2027, 1, 15)).day == date(2027, 1, 15)
    for wrong in ("yearly", None, 5, datetime(2027, 1, 15, tzinfo=UTC)):
        with pytest.raises(InvalidRequest, match="an expiry must be a date"):
            check_choice(wrong, None, None, TODAY)
    for after in ("today", datetime(2027, 1, 15, tzinfo=UTC)):
        with pytest.raises(InvalidRequest, match="after must be a date"):
            check_choice("weekly", after, None, TODAY)


def test_a_day_is_no_time_and_no_text() -> None:
    check_day("expiry", TODAY)
    for wrong in ("monthly", None, datetime(2027, 1, 15, tzinfo=UTC)):
        with pytest.raises(InvalidRequest, match="expiry must be a date"):
            check_day("expiry", wrong)


def test_months_that_can_have_the_expiry() -> None:
    def months(which: date | str, after: date = TODAY, *, index: bool = False) -> list[str]:
        return months_for(choice(which, after), MONTHS, is_index=index)

    assert months(date(2027, 1, 15)) == ["JAN27"]
    assert months(date(2027, 2, 19)) == []
    assert months("monthly") == ["DEC26", "JAN27", "MAR27"]
    assert months("monthly", index=True) == ["NOV26", "DEC26", "JAN27", "MAR27"]
    assert months("monthly", date(2026, 12, 17)) == ["DEC26", "JAN27", "MAR27"]
    assert months("monthly", date(2026, 12, 18)) == ["JAN27", "MAR27"]
    assert months("daily") == ["NOV26", "DEC26", "JAN27", "MAR27"]
    assert months("weekly", date(2027, 1, 29)) == ["MAR27"]
    assert months("daily", date(2026, 12, 31)) == ["JAN27", "MAR27"]


def test_the_third_friday_and_holidays() -> None:
    assert third_friday(2026, 5) == date(2026, 5, 15)
    assert third_friday(2027, 1) == date(2027, 1, 15)
    # 19 June 2026 is a Friday and a holiday.
    june = [date(2026, 6, 12), date(2026, 6, 16), date(2026, 6, 18), date(2026, 6, 26)]
    assert monthly(june) == date(2026, 6, 18)
    assert monthly([date(2027, 1, 20)]) == date(2027, 1, 20)  # as options on VIX
    assert monthly([date(2027, 1, 6), date(2027, 1, 20)]) is None
    assert monthly([]) is None


@given(st.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_a_third_friday_is_one(day: date) -> None:
    friday = third_friday(day.year, day.month)
    assert friday.weekday() == 4
    assert (friday - timedelta(days=14)).month == friday.month
    assert (friday - timedelta(days=21)).month != friday.month


def test_monthly_expiries() -> None:
    days = [date(2026, 12, 4), date(2026, 12, 18), date(2027, 1, 8), date(2027, 1, 15)]
    read = ["DEC26", "JAN27"]
    assert chosen(choice("monthly"), days, read) == date(2026, 12, 18)
    assert chosen(choice("monthly", date(2026, 12, 18)), days, read) == date(2027, 1, 15)
    assert chosen(choice("monthly", date(2027, 1, 15)), days, read) is None


def test_weekly_and_daily_expiries() -> None:
    december = [date(2026, 12, 7), date(2026, 12, 9), date(2026, 12, 11), date(2026, 12, 18)]
    assert chosen(choice("daily"), december, ["DEC26"]) == date(2026, 12, 7)
    assert chosen(choice("weekly"), december, ["DEC26"]) == date(2026, 12, 11)
    assert chosen(choice("weekly", date(2026, 12, 11)), december, []) == date(2026, 12, 18)
    assert chosen(choice("daily", date(2026, 12, 18)), december, []) is None
    assert chosen(choice("weekly", date(2026, 12, 18)), december, []) is None
    # Friday is 1 January, a holiday: only the response for January tells that.
    last = [date(2026, 12, 28), date(2026, 12, 31)]
    wanted = choice("weekly", date(2026, 12, 25))
    assert chosen(wanted, last, ["DEC26"], ["JAN27"]) is None
    january = date(2027, 1, 8)
    assert chosen(wanted, [*last, january], ["DEC26", "JAN27"]) == date(2026, 12, 31)
    assert chosen(wanted, last, ["DEC26"]) == date(2026, 12, 31)


def test_a_given_day() -> None:
    day = date(2026, 12, 18)
    assert chosen(choice(day), [day], []) == day
    assert chosen(choice(day), [], []) is None


def test_the_usual_trading_class() -> None:
    day = date(2026, 12, 17)
    spx, spxw, adjusted = option(1, day), option(2, day, "SPXW"), option(3, day, "2SPX")
    every = [spx, spxw, adjusted]
    assert usual("SPX", choice("monthly"), every) == [spx]
    assert usual("SPX", choice("weekly"), every) == [spx, spxw]
    assert usual("SPX", choice("monthly"), [spxw, adjusted]) == [spxw]
    assert usual("SPX", choice("weekly", trading_class="2SPX"), every) == [adjusted]
    assert usual("2SPX", choice("weekly"), [adjusted]) == [adjusted]


def test_two_classes_on_a_day_are_ambiguous() -> None:
    day = date(2026, 12, 17)
    with pytest.raises(AmbiguousSymbol, match=r"of the classes SPX, SPXW.*pass trading_class"):
        on_day("SPX", [option(1, day), option(2, day, "SPXW")], day)


def test_options_of_a_day_are_sorted_and_unique() -> None:
    day, other = date(2026, 12, 18), date(2026, 12, 11)
    options = [
        option(4, day, strike="110", right="P"),
        option(3, day, strike="110"),
        option(1, day, strike="90"),
        option(1, day, strike="90"),
        option(2, other),
    ]
    assert [each.conid for each in on_day("SPX", options, day)] == [1, 3, 4]


def test_an_expiry_that_does_not_exist() -> None:
    error = no_expiry("SPX", choice("weekly"), [option(1, TODAY)], ["DEC26"])
    assert "no options on SPX with the expiry weekly after 2026-11-27; the expiries" in str(error)
    error = no_expiry("SPX", choice(TODAY, trading_class="SPXW"), [], ["DEC26"])
    assert "the expiry 2026-11-27 and the trading class SPXW; the months" in str(error)
    assert isinstance(error, SymbolNotFound)


def test_a_strike_without_an_option() -> None:
    options = [option(1, TODAY, strike="100.0")]
    check_complete("SPX", TODAY, decimals("100"), options)
    with pytest.raises(SymbolNotFound, match=r"with the strike 102.5, 110;"):
        check_complete("SPX", TODAY, decimals("110", "100", "102.50"), options)


def test_strikes_near_a_price() -> None:
    strikes = decimals("90", "95", "100", "105", "110", "115")
    assert near(strikes, check_within("10%"), Decimal(104)) == decimals("105", "100", "110", "95")
    assert near(strikes, check_within(1), Decimal(104)) == decimals("105")
    assert near(strikes, check_within(Decimal("0.5")), Decimal(104)) == []


@pytest.mark.parametrize("within", ["10", "0%", "-1%", 0, -5, True, None, "ten %", float("nan")])
def test_values_that_are_no_distance(within: object) -> None:
    with pytest.raises(InvalidRequest, match="within must be a percentage such as '10%'"):
        check_within(within)


@pytest.mark.parametrize("strike", [0, -1, True, "100", None, float("inf"), Decimal("NaN")])
def test_values_that_are_no_strike(strike: object) -> None:
    with pytest.raises(InvalidRequest, match="a strike must be a number above 0"):
        to_strike(strike)


def test_strikes_and_rights() -> None:
    assert to_strike(102.5) == to_strike(Decimal("102.50")) == Decimal("102.5")
    assert check_rights(None) == ("C", "P")
    assert check_rights("P") == ("P",)
    with pytest.raises(InvalidRequest, match="right must be 'C' for calls"):
        check_rights("CALL")


def test_the_roundest_strike_in_the_middle() -> None:
    assert roundest(decimals("95", "97.5", "100", "102.5", "105")) == 100
    assert roundest(decimals("255.5", "257.5", "256.3")) == Decimal("257.5")
    assert roundest(decimals("1.1", "1.2", "1.3")) == Decimal("1.2")
    assert roundest(decimals("7")) == 7
    # The roundest of all is far from the middle, so it may exist for few expiries.
    assert roundest([Decimal(number) for number in range(1000, 1100, 5)]) == 1050


def test_the_price_of_the_underlying() -> None:
    aapl = Contract(conid=1, symbol="AAPL", sec_type="STK")

    def quote(**values: str) -> Any:
        names = ("last", "bid", "ask")
        found = {name: Decimal(values[name]) if name in values else None for name in names}
        return SimpleNamespace(**found)

    assert price_in(aapl, quote(last="5.5", bid="1")) == Decimal("5.5")
    assert price_in(aapl, quote(bid="1", ask="2")) == Decimal("1.5")
    for missing in (None, quote(), quote(bid="1"), quote(ask="2")):
        with pytest.raises(MissingValue, match="no price of AAPL STK conid 1"):
            price_in(aapl, missing)


def test_days_with_their_classes() -> None:
    options = [option(1, TODAY, "SPXW"), option(2, TODAY), option(3, None), option(4, TODAY)]
    assert days_and_classes(options, None) == [(TODAY, "SPX"), (TODAY, "SPXW")]
    assert days_and_classes(options, "SPXW") == [(TODAY, "SPXW")]


def test_the_underlying_of_options_on_stocks_and_futures() -> None:
    stock = Contract(conid=1, symbol="A", sec_type="STK")
    future = Contract(conid=2, symbol="ES", sec_type="FUT", underlying_conid=3)
    sections = [
        SearchSection(sec_type="OPT", months="JAN27", exchange="SMART;CBOE"),
        SearchSection(sec_type="FOP", months="FEB27", exchange="CME"),
    ]
    hits = [SearchHit(conid=conid, sections=sections) for conid in (1, 3)]
    found = underlying_of(stock, hits)
    assert (found.conid, found.sec_type, found.months) == (1, "OPT", ("JAN27",))
    assert found.exchange is None
    found = underlying_of(future, hits)
    assert (found.conid, found.sec_type, found.exchange) == (3, "FOP", "CME")
    with pytest.raises(SymbolNotFound, match="no options on A STK conid 1"):
        underlying_of(stock, [])
    alone = Contract(conid=3, symbol="ES", sec_type="FUT")
    assert underlying_of(alone, hits).conid == 3


def test_months_are_those_of_their_days() -> None:
    assert month_code(third_friday(2027, 1)) == "JAN27"
