"""Tests of sets of market data fields, by name and by code."""

from __future__ import annotations

from typing import Any

import pytest

from bezant import InvalidRequest, MarketDataFields
from bezant._core.marketdata.fields import MAX_FIELDS
from bezant._wire.market_data_fields import FIELDS


def test_the_default() -> None:
    fields = MarketDataFields.default_l1()
    assert fields.names == ("last", "bid", "ask", "bid_size", "ask_size", "last_size")
    assert fields.codes == ("31", "84", "86", "88", "85", "7059")


def test_names_and_codes_make_the_same_set() -> None:
    fields = MarketDataFields.from_names("last", "bid")
    assert fields == MarketDataFields.from_codes("31", 84)
    assert hash(fields) == hash(MarketDataFields.from_codes("31", "84"))
    assert fields != MarketDataFields.from_codes("84", "31")
    assert fields != ("31", "84")
    assert eval(repr(fields), {"MarketDataFields": MarketDataFields}) == fields


def test_a_set_is_a_small_ordered_collection() -> None:
    fields = MarketDataFields.from_codes("31", "84", "31")
    assert list(fields) == ["31", "84"]
    assert len(fields) == 2
    assert "31" in fields
    assert "86" not in fields
    assert (fields | MarketDataFields.from_codes("86", "31")).codes == ("31", "84", "86")


def test_an_unknown_code_keeps_its_number_as_its_name() -> None:
    assert MarketDataFields.from_codes("99999").names == ("99999",)


@pytest.mark.parametrize("code", ["", "x", "-1", "1.5", "1234567", "٣", None, True], ids=repr)
def test_an_invalid_code_is_refused(code: Any) -> None:
    with pytest.raises(InvalidRequest, match="field id"):
        MarketDataFields.from_codes("31", code)


def test_a_text_is_not_a_list_of_its_digits() -> None:
    with pytest.raises(InvalidRequest, match="from_codes"):
        MarketDataFields("31")


def test_an_unknown_name_gets_a_hint() -> None:
    with pytest.raises(InvalidRequest, match="did you mean 'last_size'"):
        MarketDataFields.from_names("lastsize")
    with pytest.raises(InvalidRequest) as caught:
        MarketDataFields.from_names("qqqqqq")
    assert "did you mean" not in str(caught.value)


def test_the_number_of_fields_is_limited() -> None:
    assert len(MarketDataFields.from_codes(*range(1, MAX_FIELDS + 1))) == 50
    with pytest.raises(InvalidRequest, match="50"):
        MarketDataFields.from_codes(*range(1, MAX_FIELDS + 2))
    for make in (MarketDataFields.from_codes, MarketDataFields.from_names):
        with pytest.raises(InvalidRequest, match="at least one"):
            make()


def test_every_field_is_explained_and_some_have_another_name() -> None:
    assert all(field.meaning for field in FIELDS)
    fields = MarketDataFields.from_names("last", "bid", "implied_volatility")
    assert fields.names == ("last", "bid", "implied_vol_percent")
    assert set(fields.docs) == set(fields.names)
    assert MarketDataFields.from_codes(99).docs == {}


@pytest.mark.parametrize("given", [5, None], ids=repr)
def test_codes_have_to_be_many(given: Any) -> None:
    with pytest.raises(InvalidRequest, match="codes must be a list of field ids"):
        MarketDataFields(given)


@pytest.mark.parametrize("name", [[], None, 10**5000], ids=["list", "None", "huge"])
def test_an_invalid_name_is_refused(name: Any) -> None:
    with pytest.raises(InvalidRequest, match="a name such as 'bid'") as caught:
        MarketDataFields.from_names(name)
    assert len(str(caught.value)) < 200


def test_long_names_and_codes_are_shown_in_short() -> None:
    for make in (MarketDataFields.from_names, MarketDataFields.from_codes):
        for value in ("x" * 100_000, 10**5000):
            with pytest.raises(InvalidRequest) as caught:
                make(value)  # type: ignore[arg-type]
            assert len(str(caught.value)) < 200
