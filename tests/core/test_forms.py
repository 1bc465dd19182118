"""Tests of the check of arguments that must have a certain form, before a request is sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bezant import InvalidRequest
from bezant._core.operations import _index
from bezant._core.operations._base import Endpoint
from bezant._core.operations._forms import FORMS, TEXTS, check
from bezant._core.operations._lookup import value_at
from bezant.models.alerts import NewAlertCondition
from bezant.models.orders import OrderTicket
from bezant.models.scanner import ScanCondition
from bezant.models.watchlists import WatchlistRow


def ticket(quantity: int | None) -> OrderTicket:
    return OrderTicket(side="BUY", order_type="MKT", time_in_force="DAY", quantity=quantity)


def condition(**changes: Any) -> NewAlertCondition:
    fields = {
        "conid_ex": "265598@SMART", "logic_bind": "n", "operator": ">=", "trigger_method": "0",
        "type": 1, "value": "150.5",
    }  # fmt: skip
    return NewAlertCondition(**{**fields, **changes})


GOOD: list[tuple[str, object]] = [
    ("month", "JAN27"),
    ("period", "1min"),
    ("period", "1000d"),
    ("bar", "30S"),
    ("bar", "1m"),
    ("time", "20270131-23:59:59"),
    ("digits", "17"),
    ("day", "20270131"),
    ("quantity", Decimal("0.0001")),
    ("quantity", 1),
    ("quantity", "a lot"),  # passes this check of the form; the check of types refuses it
    ("tickets", [ticket(1), ticket(None), 5]),
    ("tickets", "text"),  # passes this check of the form; the check of types refuses it
    ("tickets", 5),
    ("number", "1234"),
    ("number", "-7"),
    ("fyi code", "BA"),
    ("fyi code", "M8"),
    ("fyi codes", "BA"),
    ("fyi codes", "BA,OE,T2"),
    ("scanner code", "STK.US.MAJOR"),
    ("scanner code", "SCAN_socialSentimentNet_A_DESC"),
    ("up to 10", 1),
    ("up to 10", 10),
    ("up to 10", "ten"),  # passes this check of the form; the check of types refuses it
    ("scan conditions", [ScanCondition(code="priceAbove", value=5), {"code": "x", "value": False}]),
    ("scan conditions", "text"),  # passes this check of the form; the check of types refuses it
    ("scan conditions", []),
    ("watchlist rows", [WatchlistRow(conid_text="265598"), WatchlistRow(), {"C": "1"}, {}]),
    ("watchlist rows", 5),  # passes this check of the form; the check of types refuses it
    ("alert conditions", [condition(), condition(type=4, value="*"), {"type": 6, "value": "10"}]),
    ("alert conditions", "text"),  # passes this check of the form; the check of types refuses it
    ("message ids", ["o163"] * 51),
    ("message ids", "o163"),  # passes this check of the form; the check of types refuses it
]
BAD: list[tuple[str, object]] = [
    ("month", "2027-01"),
    ("month", "JAN2027"),
    ("month", "jan27"),
    ("month", "JAN27;FEB27"),
    ("month", 202701),
    ("period", "6M"),
    ("period", "0d"),
    ("period", "d"),
    ("bar", "1 min"),
    ("bar", "5mins"),
    ("time", "20271331-00:00:00"),
    ("time", "20270131 00:00:00"),
    ("digits", "-5"),
    ("day", "2027-01-31"),
    ("digits", "abc"),
    ("quantity", 0),
    ("quantity", Decimal(-1)),
    ("quantity", "0.0"),
    ("quantity", 0.0),
    ("tickets", [ticket(1), ticket(0)]),
    ("number", "list"),
    ("number", 1234),
    ("fyi code", "ba"),
    ("fyi code", "Borrow availability"),
    ("fyi code", ""),
    ("fyi codes", "BA, OE"),
    ("fyi codes", ""),
    ("scanner code", "Top % Gainers"),
    ("scanner code", ""),
    ("up to 10", 0),
    ("up to 10", 11),
    ("scan conditions", [ScanCondition(value=5)]),
    ("scan conditions", [ScanCondition(code="priceAbove")]),
    ("scan conditions", [{"code": "Price Above", "value": 5}]),
    ("watchlist rows", [WatchlistRow(conid_text="AAPL")]),
    ("watchlist rows", [{"C": 265598}]),
    ("alert conditions", []),
    ("alert conditions", [condition(value="$150")]),
    ("alert conditions", [condition(), condition(type=6, value="NaN")]),
    ("alert conditions", [{"type": 1}]),
    ("message ids", []),
    ("message ids", ["o1"] * 52),
]


@pytest.mark.parametrize(("form", "value"), GOOD)
def test_values_of_the_form(form: str, value: object) -> None:
    check({"it": form}, {"it": value}, "GET /x")


@pytest.mark.parametrize(("form", "value"), BAD)
def test_values_of_another_form(form: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match=r"^GET /x: it"):
        check({"it": form}, {"it": value}, "GET /x")


def test_none_is_no_value() -> None:
    check(dict.fromkeys(FORMS, "month"), dict.fromkeys(FORMS), "GET /x")


def test_every_form_belongs_to_a_parameter() -> None:
    rows = [value_at(place) for place in _index.OPERATIONS.values()]
    used = {form for row in rows if isinstance(row, Endpoint) for form in row.forms.values()}
    assert used == FORMS
    assert set(TEXTS) < FORMS
