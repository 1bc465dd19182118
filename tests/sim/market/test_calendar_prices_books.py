"""Tests of the simulated exchange's calendar, prices and account books, without a gateway."""

from __future__ import annotations

import ast
import datetime as dt
import itertools
import pathlib
import zoneinfo
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezant.sim import _market
from bezant.sim._market import calendar
from bezant.sim._market.books import Books, Holding
from bezant.sim._market.catalogue import Contract
from bezant.sim._market.noise import Noise
from bezant.sim._market.prices import CENT, Market, Path, spread

NOON = 1_772_643_600.0  # Wednesday 2026-03-04, 12:00 in New York
STOCK = Contract(1, "STK", "A STOCK INC", "NYSE", 100.0)
FUTURE = Contract(2, "FUT", "A FUTURE", "CME", 5000.0, asset_class="FUT", multiplier=50.0)
OPTION = Contract(3, "OPT", "AN OPTION", "SMART", 4.0, asset_class="OPT", multiplier=100.0)
FOREIGN = Contract(4, "DE", "EIN WERT AG", "IBIS", 200.0)
CONTRACTS = {each.conid: each for each in (STOCK, FUTURE, OPTION, FOREIGN)}


def test_pure() -> None:
    """The market's modules import nothing that reads a clock or does I/O, and open no files."""
    allowed = {"__future__", "collections", "dataclasses", "datetime", "decimal",
               "functools", "itertools", "math", "random", "typing"}  # fmt: skip
    files = list(pathlib.Path(_market.__file__ or "").parent.glob("*.py"))
    assert len(files) >= 10
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level <= 1, f"{file} imports from outside of its folder"
                names = [] if node.level else [node.module or ""]
            assert {name.partition(".")[0] for name in names} <= allowed, file


@pytest.mark.parametrize(
    ("year", "days"),
    [
        (2024, "0101 0115 0219 0329 0527 0619 0704 0902 1128 1225"),
        (2026, "0101 0119 0216 0403 0525 0619 0703 0907 1126 1225"),
        (2027, "0101 0118 0215 0326 0531 0618 0705 0906 1125 1224"),
        (2022, "0117 0221 0415 0530 0620 0704 0905 1124 1226"),
    ],
)
def test_holidays(year: int, days: str) -> None:
    assert " ".join(f"{each:%m%d}" for each in sorted(calendar.holidays(year))) == days


def test_the_time_in_new_york() -> None:
    known = zoneinfo.ZoneInfo(calendar.ZONE_NAME)
    for when in range(1_199_145_600, 2_000_000_000, 17_111):
        ours, theirs = (dt.datetime.fromtimestamp(when, zone) for zone in (calendar.ZONE, known))
        assert (ours.replace(tzinfo=None), ours.tzname()) == (
            theirs.replace(tzinfo=None), theirs.tzname(),
        )  # fmt: skip
        assert ours.timestamp() == when


def test_sessions() -> None:
    day = calendar.session(dt.date(2026, 3, 4))
    assert day is not None
    assert (day.closes - day.opens, day.extended_closes - day.extended_opens) == (23_400, 57_600)
    assert day.opens == NOON - 9000
    # On Sunday 2026-03-08 the clocks in New York go forward. So Monday's session begins an hour
    # earlier in UTC.
    monday = calendar.following(calendar.following(calendar.following(day)))
    assert monday.date == dt.date(2026, 3, 9)
    assert monday.opens - day.opens == 5 * 86_400 - 3600
    assert calendar.previous(monday).date == dt.date(2026, 3, 6)
    half = calendar.session(dt.date(2026, 11, 27))
    assert half is not None
    assert half.closes - half.opens == 3.5 * 3600
    assert calendar.session(dt.date(2026, 3, 7)) is None
    assert calendar.last_session(monday.opens - 1).date == dt.date(2026, 3, 6)
    assert calendar.last_session(monday.opens) == monday


def test_open_hours_and_the_end_of_the_day() -> None:
    day = calendar.last_session(NOON)
    assert calendar.is_open(NOON)
    assert not calendar.is_open(day.closes)
    assert calendar.is_open(day.closes, extended=True)
    assert not calendar.is_open(day.extended_closes, extended=True)
    assert not calendar.is_open(NOON + 3 * 86_400, extended=True)
    assert calendar.end_of_day(NOON) == day.closes
    assert calendar.end_of_day(NOON, extended=True) == day.extended_closes
    assert calendar.end_of_day(day.closes) == calendar.following(day).closes
    bounds = [NOON]
    for _ in range(4):
        bounds.append(calendar.next_bound(bounds[-1]))
    after = calendar.following(day)
    assert bounds[1:] == [day.closes, day.extended_closes, after.extended_opens, after.opens]


@pytest.mark.parametrize(
    ("entered", "ends"),
    [("20260706", "20261231"), ("20261001", "20270331"), ("20260331", "20260630")],
)
def test_good_till_cancelled_ends_with_the_next_quarter(entered: str, ends: str) -> None:
    noon = dt.datetime.strptime(entered, "%Y%m%d").replace(hour=12, tzinfo=calendar.ZONE)
    end = calendar.end_of_next_quarter(noon.timestamp())
    assert f"{dt.datetime.fromtimestamp(end, calendar.ZONE):%Y%m%d %H%M}" == f"{ends} 1600"


def market(**options: object) -> Market:
    return Market(CONTRACTS, seed=7, start=NOON, **options)  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.floats(-86_400 * 900, 86_400 * 30))
def test_a_price_depends_on_seed_contract_and_time(offset: float) -> None:
    one, two = market().path(1), market().path(1)
    when = NOON + offset
    two.last(NOON - 5e6)
    assert one.last(when) == two.last(when)
    assert Decimal(60) < one.last(when) < Decimal(160)
    assert one.last(when) % Decimal("0.01") == 0


def test_prices_begin_at_the_given_values() -> None:
    assert market().quote(1, NOON).last == Decimal(100)
    assert market(prices={1: Decimal("7.25")}).quote(1, NOON).last == Decimal("7.25")
    other = Market(CONTRACTS, seed=8, start=NOON)
    later = [NOON + 60 * each for each in range(20)]
    assert [other.quote(1, at).last for at in later] != [market().quote(1, at).last for at in later]


@settings(deadline=None)
@given(
    st.integers(0, 1000),
    st.floats(0, 400_000),
    st.floats(0.0005, 0.1),
    st.floats(0.0005, 0.1),
    st.sampled_from([0.05, 0.5]),
)
def test_how_far_noise_gets(
    seed: int, begin: float, down: float, up: float, interval: float
) -> None:
    noise = Noise(seed, interval)
    when = NOON + begin
    low, high = noise.at(when) - down, noise.at(when) + up
    until = noise.within(when, low, high)
    assert until >= when
    for part in range(200):
        assert low < noise.at(when + (until - when) * part / 200) < high


@given(st.decimals("0.01", "0.2", places=2), st.integers(0, 50), st.floats(0, 1e6))
def test_how_far_a_price_gets(start: Decimal, seed: int, offset: float) -> None:
    """Until the time that `within` returns, the price stays within the given bounds.

    This also holds for cheap contracts, whose price rarely changes.
    """
    path = Path(STOCK, start, seed, 0.5, NOON)
    when = NOON + offset
    last = path.last(when)
    for low, high in ((last - CENT, None), (None, last + CENT), (last - CENT, last + CENT)):
        until = path.within(when, low, high)
        for part in range(50):
            there = path.last(when + (until - when) * part / 50)
            assert low is None or low < there
            assert high is None or there < high


def test_quotes_change_by_steps() -> None:
    here = market()
    quotes = [here.quote(1, NOON + each / 4) for each in range(400)]
    assert all(one == two for one, two in zip(quotes[::2], quotes[1::2], strict=True))
    assert len({each.last for each in quotes}) > 15
    assert len({each.ask_size for each in quotes}) > 5
    for each in quotes:
        assert each.bid < each.last < each.ask
        assert min(each.bid_size, each.ask_size, each.last_size) >= 100
        assert each.ask_size <= 1500
    moves = [abs(b.last / a.last - 1) for a, b in itertools.pairwise(quotes)]
    assert max(moves) < Decimal("0.005")


def test_a_pinned_price_stands_still() -> None:
    here = market()
    here.pin(1, spread(Decimal(33), 10, 20, 5))
    assert here.quote(1, NOON + 1e6).last == 33
    assert here.quote(1, NOON).ask == Decimal("33.01")
    here.unpin(1)
    assert here.quote(1, NOON).last == Decimal(100)
    with pytest.raises(KeyError):
        here.quote(99, NOON)


def test_prices_stand_still_outside_the_hours() -> None:
    here = market(hours="regular")
    close = calendar.last_session(NOON).closes
    last = here.quote(1, close + 10).last
    assert here.quote(1, close + 50_000).last == last
    assert not here.is_open(close)
    assert market().is_open(close)
    assert here.path(1).last(close) == last


@settings(deadline=None)
@given(st.lists(st.floats(0, 86_400), min_size=2, max_size=8))
def test_volume_adds_up(times: list[float]) -> None:
    path = market().path(1)
    moments = sorted(NOON + each for each in times)
    parts = [path.volume(one, two) for one, two in itertools.pairwise(moments)]
    assert all(each >= 0 for each in parts)
    assert sum(parts) == path.volume(moments[0], moments[-1])


def test_average_cost() -> None:
    held = Holding(STOCK)
    held.trade(Decimal(100), Decimal(10), Decimal(1))
    assert held.average_cost == Decimal("10.01")
    held.trade(Decimal(100), Decimal(12), Decimal(1))
    assert held.average_cost == Decimal("11.01")
    # Selling half of the position realises its gain and leaves the average cost unchanged.
    paid = held.trade(Decimal(-100), Decimal(13), Decimal(1))
    assert (paid, held.average_cost) == (Decimal(1299), Decimal("11.01"))
    assert held.realized == Decimal(13 * 100 - 1101 - 1)
    # This sale turns the long position into a short one, which gets its own average cost.
    held.trade(Decimal(-300), Decimal(14), Decimal(3))
    assert (held.quantity, held.average_cost) == (Decimal(-200), Decimal("13.99"))
    assert held.unrealized(Decimal(13)) == 2 * Decimal(99)


def test_futures_are_not_paid_for() -> None:
    books = Books({"USD": Decimal(1000)}, lambda conid: Decimal(5010))
    books.hold(FUTURE, Decimal(2), Decimal(5000))
    assert books.totals().net_liquidation == 1000 + 2 * 50 * 10
    change = books.holdings[2].trade(Decimal(-1), Decimal(5004), Decimal(2))
    assert change == 50 * 4 - 2


def test_totals_are_in_the_base_currency() -> None:
    books = Books({"USD": Decimal(100), "EUR": Decimal(100)}, lambda conid: Decimal(210))
    books.hold(FOREIGN, Decimal(10), Decimal(200))
    totals = books.totals()
    assert totals.cash == 100 + 117
    assert totals.market_value == Decimal("1.17") * 2100
    assert totals.unrealized == Decimal("1.17") * 100
    assert totals.margin == totals.gross / 4
    books.hold(STOCK, Decimal(0), Decimal(1), Decimal(5))
    assert books.totals().realized == 5
    books.new_day()
    assert set(books.holdings) == {4}
    assert books.totals().realized == 0
