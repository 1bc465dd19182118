"""Tests of sides, order types and times in force: models have one spelling, the gateway several."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

import bezant
from bezant._wire.field_types import AnySide, NonEmpty
from bezant._wire.terms import SPELLINGS
from bezant.errors import MissingValue
from bezant.models import Model
from bezant.models.contracts import ContractRules
from bezant.models.orders import Execution, LiveOrder, OrderStatus
from bezant.models.stream import OrderUpdate, TradeUpdate
from tests.core.samples import ORDER as LIVE_ORDER

ORDER_STATUS: dict[str, object] = {
    "order_id": 7, "conid": 4711, "symbol": "ACME", "sec_type": "STK", "side": "B",
    "order_type": "LIMIT", "order_status": "Submitted", "size": "6.0", "total_size": "10.0",
    "tif": "DAY",
}  # fmt: skip
TRADE: dict[str, object] = {
    "execution_id": "0001", "account": "DU1000001", "conid": 4711, "symbol": "ACME",
    "sec_type": "STK", "side": "B", "size": 4.0, "price": "101.5", "trade_time_r": 1757352788000,
}  # fmt: skip
# Kind of term, spelling from a recording, a fixture or IBKR's documentation, and spelling in
# models.
WRITTEN = [
    ("orderType", "Limit", "LMT"), ("orderType", "LIMIT", "LMT"), ("orderType", "limit", "LMT"),
    ("orderType", "Market", "MKT"), ("orderType", "MARKETONCLOSE", "MOC"),
    ("orderType", "LIMITONCLOSE", "LOC"), ("orderType", "RELATIVE", "REL"),
    ("orderType", "Stop", "STP"), ("orderType", "Stop Limit", "STOP_LIMIT"),
    ("orderType", "STOP_LIMIT", "STOP_LIMIT"), ("orderType", "stop_limit", "STOP_LIMIT"),
    ("orderType", "trailing_stop", "TRAIL"), ("orderType", "Trailing Stop Limit", "TRAILLMT"),
    ("orderType", "mit", "MIT"), ("orderType", "lit", "LIT"), ("orderType", "midprice", "MIDPRICE"),
    ("orderType", "PEG BEST", "PEG BEST"),
    ("timeInForce", "CLOSE", "DAY"), ("timeInForce", "Day", "DAY"), ("timeInForce", "GTC", "GTC"),
    ("timeInForce", "GTD", "GTD"),
    ("side", "B", "BUY"), ("side", "S", "SELL"), ("side", "BUY", "BUY"), ("side", "SLD", "SELL"),
]  # fmt: skip
NAMES = {"orderType": "order_type", "timeInForce": "time_in_force", "side": "side"}
STATUS = {"orderType": "order_type", "timeInForce": "tif", "side": "side"}


@pytest.mark.parametrize(("key", "written", "meant"), WRITTEN)
def test_rest_and_stream_have_the_spelling_of_requests(key: str, written: str, meant: str) -> None:
    row = json.dumps({**LIVE_ORDER, key: written})
    found: list[Model] = [LiveOrder.from_json(row), OrderUpdate.from_json(row)]
    found.append(OrderStatus.from_json(json.dumps({**ORDER_STATUS, STATUS[key]: written})))
    if key == "side":
        trade = json.dumps({**TRADE, "side": written})
        found += [Execution.from_json(trade), TradeUpdate.from_json(trade)]
    assert {getattr(each, NAMES[key]) for each in found} == {meant}


def test_order_types_of_a_contract() -> None:
    rules = ContractRules.from_json(b'{"orderTypes":["limit","iceberg"],"increment":0.1}')
    assert rules.order_types == ["LMT", "iceberg"]


def test_every_value_and_spelling_is_read_and_no_spelling_has_two_meanings() -> None:
    for name, spellings in SPELLINGS.items():
        values = get_args(getattr(bezant, name))
        assert set(spellings.values()) == set(values)
        assert all(spellings[each] == each for each in values)
        plain: dict[str, str] = {}
        for each, value in spellings.items():
            assert plain.setdefault(each.replace("_", "").replace(" ", "").lower(), value) == value


def test_another_side_stays_as_it_is() -> None:
    assert LiveOrder.from_json(json.dumps({**LIVE_ORDER, "side": "EXER"})).side == "EXER"
    assert Execution.from_json(json.dumps({**TRADE, "side": "EXER"})).side == "EXER"


@pytest.mark.parametrize("key", ["status", "side", "orderType", "timeInForce", "acct"])
@pytest.mark.parametrize("empty", ["", None])
@pytest.mark.filterwarnings("ignore:OrderUpdate")
def test_an_empty_text_is_no_value(key: str, empty: str | None) -> None:
    with pytest.warns(bezant.DriftWarning, match=rf"LiveOrder\.{key} should be"):
        order = LiveOrder.from_json(json.dumps({**LIVE_ORDER, key: empty}))
    missing = {"acct": "account_id", **NAMES}.get(key, key)
    assert not order.has(missing)
    with pytest.raises(MissingValue):
        getattr(order, missing)
    update: Any = OrderUpdate.from_json(json.dumps({**LIVE_ORDER, key: empty}))
    assert getattr(update, missing) is None


class Row(Model, frozen=True, kw_only=True):
    text: NonEmpty
    side: AnySide | None = None


def test_a_text_that_is_not_empty() -> None:
    assert Row.from_json(b'{"text":"x"}').text == "x"
    assert Row.from_json(b'{"text":5}').text == "5"
    with pytest.warns(bezant.DriftWarning, match=r"Row\.text should be non-empty str"):
        assert not Row.from_json(b'{"text":""}').has("text")
    assert Row.from_json(b'{"text":"x","side":""}').side is None


def test_what_requests_accept() -> None:
    assert bezant.is_side("BUY")
    assert not bezant.is_side("B")
    assert bezant.is_order_type("STOP_LIMIT")
    assert not bezant.is_order_type("PEG BEST")
    assert bezant.is_time_in_force("GTC")
    assert not bezant.is_time_in_force("GTD")
