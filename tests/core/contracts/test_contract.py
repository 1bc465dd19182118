"""Tests of building contracts from responses, and of choosing one of several."""

from __future__ import annotations

import copy
import pickle
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from bezant import AmbiguousSymbol, Contract, InvalidRequest, SymbolNotFound
from bezant._core.contracts.contract import (
    all_defined,
    check_conid,
    check_text,
    conid_of,
    defined,
    described,
    listed,
    matching,
    one,
    right_of,
    wish_for,
)
from bezant.models import ContractDefinition, ContractDefinitions
from bezant.models.contracts import ContractRow

from ..samples import some

AAPL = Contract(conid=265598, symbol="AAPL", sec_type="STK", exchange="NASDAQ", currency="USD")
OPTION: dict[str, Any] = {
    "conid": 5,
    "ticker": "AAPL",
    "asset_class": "OPT",
    "currency": "USD",
    "all_exchanges": "SMART, CBOE,",
    "expiry": date(2027, 3, 19),
    "last_trading_day": date(2027, 3, 19),
    "strike": Decimal("200.0"),
    "right": "C",
    "multiplier": Decimal(100),
    "underlying_conid": 265598,
}


def test_a_definition_becomes_a_contract() -> None:
    found = defined(some(ContractDefinition, **OPTION))
    assert found is not None
    assert (found.conid, found.symbol, found.sec_type) == (5, "AAPL", "OPT")
    assert (found.strike, found.right, found.expiry) == (Decimal(200), "C", date(2027, 3, 19))
    assert found.exchanges == ("SMART", "CBOE")
    assert (found.multiplier, found.underlying_conid) == (Decimal(100), 265598)
    assert str(found) == "AAPL OPT 2027-03-19 200 C USD conid 5"


def test_a_definition_without_a_conid_is_no_contract() -> None:
    assert defined(some(ContractDefinition, ticker="A")) is None
    rows = [some(ContractDefinition, ticker="A"), some(ContractDefinition, conid=7)]
    assert [each.conid for each in all_defined(ContractDefinitions(secdef=rows))] == [7]
    assert all_defined(some(ContractDefinitions)) == []


def test_rows_of_an_underlying_become_contracts() -> None:
    rows = [
        some(
            ContractRow,
            conid=9,
            symbol="SPX",
            sec_type="OPT",
            exchange="SMART",
            currency="USD",
            right="P",
            strike=Decimal(5000),
            maturity_date=date(2027, 3, 18),
            multiplier=Decimal(100),
            trading_class="SPXW",
            contract_description_2="MAR 18 '27 5000 Put",
        ),
        some(ContractRow, conid=416904, ticker="SPX", multiplier=Decimal(0)),
    ]
    option, index = listed(rows, 416904)
    assert (option.trading_class, option.underlying_conid, option.right) == ("SPXW", 416904, "P")
    assert option.name == "MAR 18 '27 5000 Put"
    assert (index.symbol, index.underlying_conid, index.multiplier) == ("SPX", None, None)


def test_contracts_are_equal_by_their_conid() -> None:
    other = Contract(conid=265598, symbol="APPLE", sec_type="STK")
    assert other == AAPL
    assert len({AAPL, other}) == 1
    assert Contract(conid=1, symbol="AAPL", sec_type="STK") != AAPL
    assert AAPL != 265598


def test_a_contract_can_be_stored_and_copied() -> None:
    future = Contract(
        conid=2,
        symbol="ES",
        sec_type="FUT",
        expiry=date(2026, 12, 18),
        multiplier=Decimal("50.0"),
        exchanges=("CME", "QBALGO"),
        roll=Contract(conid=3, symbol="ES", sec_type="FUT", expiry=date(2027, 3, 19)),
    )
    stored = Contract.from_json(future.to_json())
    assert stored.to_dict() == future.to_dict()
    assert stored.roll is not None
    assert stored.roll.expiry == date(2027, 3, 19)
    assert pickle.loads(pickle.dumps(future)).to_dict() == future.to_dict()
    assert copy.copy(future) == future


@pytest.mark.parametrize("conid", [0, -1, True, "265598", 1.0, None])
def test_values_that_are_no_conids(conid: object) -> None:
    with pytest.raises(InvalidRequest, match="a conid must be"):
        check_conid(conid)


def test_a_contract_stands_for_its_conid() -> None:
    assert conid_of(AAPL) == conid_of(265598) == 265598


def test_filters_are_texts() -> None:
    assert check_text("exchange", None, "CME") is None
    assert check_text("exchange", " cme ", "CME") == "CME"
    for value in ("", " ", 5):
        with pytest.raises(InvalidRequest, match="exchange must be text such as 'CME'"):
            check_text("exchange", value, "CME")


@pytest.mark.parametrize(
    ("value", "right"), [("C", "C"), ("put", "P"), ("CALL", "C"), ("?", None), (None, None)]
)
def test_rights(value: object, right: str | None) -> None:
    assert right_of(value) == right


def test_exactly_one_contract_or_an_error_with_the_candidates() -> None:
    other = Contract(conid=2, symbol="AAPL", sec_type="STK", exchange="MEXI", currency="MXN")
    assert one("AAPL", "stock", [AAPL, AAPL], [], "GET /x") is AAPL
    with pytest.raises(SymbolNotFound, match="IBKR knows no stock; it knows AAPL STK") as missed:
        one("AAPL", "stock", [], [other], "GET /x")
    assert missed.value.candidates == (other,)
    with pytest.raises(SymbolNotFound, match=r"IBKR knows no stock$"):
        one("AAPL", "stock", [], [], "GET /x")
    with pytest.raises(AmbiguousSymbol, match="2 contracts match stock: AAPL") as caught:
        one("AAPL", "stock", [AAPL, other], [], "GET /x")
    assert caught.value.candidates == (AAPL, other)


def test_a_long_list_of_candidates_is_cut() -> None:
    many = [Contract(conid=number, symbol="A", sec_type="STK") for number in range(1, 12)]
    assert described(many).endswith("conid 8; and 3 more")


def test_filters_choose_contracts() -> None:
    spx, spxw = listed(
        [
            some(ContractRow, conid=1, exchange="SMART", valid_exchanges="CBOE", currency="USD",
                 trading_class="SPX", multiplier=Decimal(100)),
            some(ContractRow, conid=2, exchange="SMART", currency="EUR", trading_class="SPXW",
                 multiplier=Decimal(10)),
        ],
        3,
    )  # fmt: skip
    both = [spx, spxw]
    assert matching(both) == both
    assert matching(both, exchange="CBOE") == [spx]
    assert matching(both, exchange="SMART") == both
    assert matching(both, currency="EUR") == [spxw]
    assert matching(both, multiplier=Decimal(100)) == [spx]
    assert matching(both, trading_class="SPXW") == [spxw]


def test_a_wish_names_only_the_filters_that_were_given() -> None:
    assert (
        wish_for("future", "ES", exchange="CME", currency=None) == "future 'ES' with exchange=CME"
    )
    assert wish_for("future", "ES") == "future 'ES'"
