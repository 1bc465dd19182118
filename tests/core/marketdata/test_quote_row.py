"""Tests of the rows of quotes: values, and the reasons for those that are missing."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest

from bezant import MarketData, MarketDataFields, NoQuoteValue, QuoteRow
from bezant._core.marketdata import fields
from bezant._core.marketdata.named_values import Flag, NamedValues, Number, NumberName, Text, Whole
from bezant._wire.market_data_fields import CODES, FIELDS

FACTS = Path(__file__).parents[4] / "shared" / "facts" / "md_fields.json"
NUMBERS = {"price", "money", "size", "volume", "number", "percent"}
TYPES = {**dict.fromkeys(NUMBERS, Number), "int": Whole, "bool01": Flag}
ASKED = ("31", "84", "86", "88", "7051", "7768")


def row(raw: dict[str, Any] | None, *, real_time_only: bool = False) -> QuoteRow[int]:
    data = None if raw is None else MarketData(conid=9, conid_ex="9", raw=raw)
    return QuoteRow(9, "9", data, frozenset(ASKED), real_time_only=real_time_only)


@pytest.mark.parametrize(
    ("raw", "real_time_only", "value", "reason"),
    [
        ({"31": "5", "6509": "RpB"}, True, Decimal(5), None),
        ({"31": "5", "6509": "DPB"}, False, Decimal(5), None),
        ({"31": "5", "6509": "DPB"}, True, None, "delayed"),
        ({"31": "5", "6509": "ZB"}, True, None, "frozen"),
        ({"31": "5", "6509": "YB"}, True, None, "frozen delayed"),
        ({"31": "5", "6509": "N"}, True, None, "not subscribed"),
        ({"31": "5"}, True, None, "unknown availability"),
        ({"31": "5", "6509": "x"}, True, None, "unknown availability"),
        ({"31": "C5", "6509": "RpB"}, False, Decimal(5), None),
        ({"31": "C5", "6509": "RpB"}, True, None, "prior close"),
        ({"31": "H5", "6509": "RpB"}, True, None, "halted"),
        ({"31": "N/A", "6509": "RpB"}, True, None, "no value"),
        ({"6509": "RpB"}, False, None, "no value"),
        ({"6509": "N"}, False, None, "not subscribed"),
        ({"6509": "O"}, True, None, "no agreement"),
        (None, False, None, "no data"),
    ],
)
def test_why_a_last_price_is_missing(
    raw: dict[str, Any] | None, real_time_only: bool, value: Decimal | None, reason: str | None
) -> None:
    found = row(raw, real_time_only=real_time_only)
    assert (found.last, found.get("31"), found.missing("last")) == (value, value, reason)
    if reason is not None:
        with pytest.raises(NoQuoteValue, match="the quote of 9 has no usable 'last': ") as caught:
            found.require("last")
        assert (caught.value.reason, caught.value.field) == (reason, "last")
        assert caught.value.contract == "9"


@pytest.mark.parametrize(("text", "reason"), [("C5", "prior close"), ("H5", "halted")])
def test_a_marked_price_is_never_required(text: str, reason: str) -> None:
    found = row({"31": text, "84": "4", "6509": "RpB"})
    with pytest.raises(NoQuoteValue) as caught:
        found.require("31")
    assert caught.value.reason == reason
    assert found.require("bid") == 4


def test_values_that_do_not_come_from_the_market_are_never_hidden() -> None:
    found = row({"7051": "X Inc", "7768": "1", "84": "4", "6509": "DPB"}, real_time_only=True)
    assert (found.company_name, found.has_trading_permissions) == ("X Inc", True)
    assert (found.bid, found.missing("bid")) == (None, "delayed")
    assert found.data is not None
    assert found.data.bid == 4
    assert row({"99": "4", "6509": "DPB"}, real_time_only=True).get("99") is None


def test_a_field_that_was_not_requested() -> None:
    found = row({"6509": "RpB"})
    assert found.missing("delta") == "not requested"
    with pytest.raises(NoQuoteValue, match="name it in the argument fields"):
        found.require("implied_volatility")


def test_the_mid_price_needs_both_sides() -> None:
    assert row({"84": "4", "86": "5"}).mid == Decimal("4.5")
    assert row({"84": "4"}).mid is None
    assert row({"86": "4"}).mid is None
    assert row({"84": "4", "86": "5"}, real_time_only=True).mid is None


def test_what_else_a_row_knows() -> None:
    found = row({"31": "C5", "84": "4", "6509": "RpB", "_updated": 1777552110061})
    assert (found.conid, found.is_close, found.halted) == (9, True, False)
    assert found.availability == "real time"
    assert found.updated is not None
    assert repr(found) == "<QuoteRow 9 bid=4 ask=None last=5 real time>"
    nothing = row(None)
    assert (nothing.conid, nothing.availability, nothing.updated) == (None, None, None)
    assert not nothing.is_close
    assert not nothing.halted
    with pytest.raises(AttributeError, match="bid cannot be changed"):
        setattr(found, "bid", Decimal(5))  # noqa: B010 - a type checker refuses an assignment


def test_every_named_field_is_an_attribute_with_the_type_of_its_kind() -> None:
    found = {name: value for name, value in vars(NamedValues).items() if name[0] != "_"}
    expected = {each.name: TYPES.get(each.kind, Text) for each in FIELDS}
    assert expected.pop("conid") is Whole
    assert expected.pop("availability") is Text
    assert {name: type(value) for name, value in found.items()} == expected
    assert set(get_args(NumberName)) == {each.name for each in FIELDS if each.kind in NUMBERS}
    for name, value in found.items():
        assert "Unit: " in value.__doc__, name


def test_every_field_has_a_unit() -> None:
    assert all(each.unit for each in FIELDS)
    assert fields.GREEKS.units["theta"] == "currency of the contract per day"
    assert fields.GREEKS.units["delta"] == "ratio, without a unit"
    assert MarketDataFields.from_codes(999).units == {}


@pytest.mark.skipif(
    not FACTS.exists(),
    reason="compares with IBKR's list of fields, which is not in this repository",
)
def test_every_field_of_the_list_has_a_name_a_type_and_a_unit() -> None:
    listed = {each["id"]: each["kind"] for each in json.loads(FACTS.read_text())["fields"]}
    assert listed == {each.code: each.kind for each in FIELDS}


def test_the_named_sets_have_prices() -> None:
    sets = {
        name: value for name, value in vars(fields).items() if isinstance(value, MarketDataFields)
    }
    assert len(sets) == 8
    for name, value in sets.items():
        assert {CODES["last"], CODES["bid"], CODES["ask"]} <= set(value), name
