"""Tests of the values of positions and cash in the base currency."""

from __future__ import annotations

import json
import warnings
from decimal import Decimal, localcontext
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant import Holdings, IncompleteHoldings, IncompleteList, Position
from bezant._core.portfolio.holdings import Valuation, listed, still_changing
from bezant.models._base import Model
from bezant.models.portfolio import LedgerRow
from tests.support import rows

D = Decimal


M = TypeVar("M", bound=Model)


def read(kind: type[M], row: dict[str, Any]) -> M:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rows without a value are meant to be unusual
        return kind.from_json(json.dumps(row))


def position(conid: int = 1, **more: object) -> Position:
    return read(Position, {**rows.position(conid), **more})


def without(name: str, conid: int = 1) -> Position:
    row = rows.position(conid)
    del row[name]
    return read(Position, row)


def ledger(**currencies: dict[str, Any]) -> dict[str, LedgerRow]:
    base = {**rows.ledger("BASE"), "timestamp": 1_777_120_380}
    plain = {"stockmarketvalue": 0}
    made = {name: rows.ledger(name) | plain | more for name, more in currencies.items()} | {
        "BASE": base
    }
    return {name: read(LedgerRow, row) for name, row in made.items()}


def held(*positions: Position, base: str = "USD", **currencies: dict[str, Any]) -> Holdings:
    return Valuation("U1", base, positions, ledger(**currencies or {"USD": {}})).holdings()


def test_values_in_one_currency() -> None:
    holdings = held(position(1), position(2, position=-5, mktPrice=4, mktValue=-20.25))
    first, second, cash = holdings.rows
    assert first.value == first.base_value == 6
    assert (first.rate, first.rate_source) == (D(1), "base currency")
    assert second.base_value == D("-20.25")
    assert (cash.kind, cash.description, cash.quantity, cash.base_value) == (
        "cash", "cash", D("100.5"), D("100.5"),
    )  # fmt: skip
    assert (cash.conid, cash.symbol, cash.price) == (None, None, None)
    assert holdings.positions == (first, second)
    assert holdings.cash == (cash,)
    assert holdings.problems == ()
    assert holdings.positions_total == D("-14.25")
    assert holdings.cash_total == D("100.5")
    assert holdings.total == holdings.known_total == D("86.25")
    assert holdings.net_liquidation == D("106.5")
    assert holdings.difference == D("20.25")
    assert str(holdings.time) == "2026-04-25 12:33:00+00:00"


def test_the_sum_of_all_currencies_is_not_counted_again() -> None:
    """Figures of a recorded ledger: an account in EUR that holds stocks in USD."""
    holdings = held(
        position(1, mktValue=13434.39),
        base="EUR",
        EUR={"cashbalance": 66.73},
        USD={"cashbalance": 0.0, "exchangerate": 0.8530999, "stockmarketvalue": 13434.39},
    )
    assert holdings.rows[0].rate_source == "ledger"
    assert holdings.rows[0].base_value == D("13434.39") * D("0.8530999")
    assert round(holdings.total, 2) == D("11527.61")  # IBKR's own sum of this account


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (without("mktPrice"), "IBKR reports no price"),
        (position(mktPrice="NaN"), "IBKR reports no price"),
        (without("mktValue"), "IBKR reports no market value"),
        (without("position"), "IBKR reports no quantity"),
        (position(mktPrice=0, mktValue=0), "IBKR reports the price 0; .* worthless or not priced"),
        (position(mktPrice=-1, mktValue=-3), "the price -1"),
        (position(mktValue=0), "the market value 0 at the price 2"),
        (without("currency"), "IBKR reports no currency"),
        (position(currency="XYZ"), "no exchange rate from XYZ to USD: the ledger has none"),
        (position(assetClass="FUT", mktValue=348100), "a future is its exposure"),
        (position(assetClass="CFD"), "a CFD is its exposure"),
        (position(assetClass="CASH"), "as cash, too"),
        (position(assetClass="SLB"), "does not know whether a position of the kind SLB"),
        (without("assetClass"), "of the kind None"),
    ],
)
def test_a_row_with_a_problem_has_no_value(row: Position, problem: str) -> None:
    holdings = held(row, position(2))
    (bad,) = holdings.problems
    assert bad.conid == 1
    assert bad.base_value is None
    assert holdings.known_total == D("106.5")
    for name in ("total", "positions_total"):
        with pytest.raises(IncompleteHoldings, match=problem) as caught:
            getattr(holdings, name)
        assert caught.value.problems == (bad,)
        assert not caught.value.retryable
    assert holdings.cash_total == D("100.5")


def test_a_price_for_many_problems_names_some() -> None:
    holdings = held(*(position(each, mktPrice=0) for each in range(1, 9)))
    with pytest.raises(IncompleteHoldings, match=r"8 of 9 rows .*; and 3 more\)"):
        _ = holdings.total


def test_options_and_fractions_are_worth_their_market_value() -> None:
    option = position(1, assetClass="OPT", multiplier=100, position=1, mktPrice=95.7, mktValue=9570)
    crumb = position(2, position=0.0001, mktPrice=3, mktValue=0)  # less than a cent
    assert held(option, crumb).positions_total == 9570


def test_a_row_that_ibkr_marks_as_expired_counts() -> None:
    assert held(position(1, expired=True)).positions_total == 6


def test_closed_positions_are_left_out() -> None:
    assert held(position(1, position=0, mktValue=0), without("currency", 2)).problems != ()
    assert held(position(1, position=0, mktValue=0)).positions == ()
    assert held(position(1, position=0, mktPrice=0, mktValue=7)).problems != ()


def test_models() -> None:
    one, other = position(1, model="A"), position(1, model="B")
    assert held(one, other).positions_total == 12
    assert [row.model for row in held(one, other).positions] == ["A", "B"]
    with pytest.raises(IncompleteHoldings, match="with and without a model"):
        _ = held(one, position(1)).total


def test_a_position_without_a_description() -> None:
    row = {**rows.position(7), "ticker": None}
    del row["contractDesc"]
    (shown,) = held(read(Position, row)).positions
    assert (shown.description, shown.symbol) == ("conid 7", None)
    (named,) = held(read(Position, row | {"ticker": "T"})).positions
    assert named.symbol == "T"


@pytest.mark.parametrize("rate", [0, -1, "NaN", None, "?"])
def test_a_rate_that_is_no_rate(rate: object) -> None:
    positions = [position(1, currency="EUR")]
    valuation = Valuation("U1", "USD", positions, ledger(USD={}, EUR={"exchangerate": rate}))
    assert valuation.missing_rates() == ["EUR"]
    assert [row.currency for row in valuation.holdings().problems] == ["EUR", "EUR"]
    valuation.add_rate("EUR", D("1.5"))
    (row,) = valuation.holdings().positions
    assert (row.rate, row.rate_source, row.base_value) == (D("1.5"), "exchange rate", D(9))
    assert valuation.holdings().problems == ()


@pytest.mark.parametrize(
    ("rate", "said"), [(None, "returned no rate"), (D(0), "returned the rate 0")]
)
def test_an_exchange_rate_that_is_no_rate(rate: Decimal | None, said: str) -> None:
    valuation = Valuation("U1", "USD", [position(1, currency="EUR")], ledger(USD={}))
    valuation.add_rate("EUR", rate)
    with pytest.raises(IncompleteHoldings, match=f"no exchange rate from EUR to USD: .*{said}"):
        _ = valuation.holdings().total


def test_nothing_needs_no_rate() -> None:
    empty = {"cashbalance": 0, "exchangerate": 0}
    valuation = Valuation("U1", "USD", [], ledger(USD={}, JPY=empty))
    assert valuation.missing_rates() == []
    assert valuation.holdings().total == D("100.5")
    assert valuation.holdings().cash[1].base_value == 0


def test_a_ledger_that_contradicts_the_base_currency() -> None:
    """If another currency is the base, all rates of the ledger lead to that currency."""
    accounts = ledger(USD={"exchangerate": 0.85}, EUR={"exchangerate": 1})
    valuation = Valuation("U1", "USD", [position(), position(2, currency="EUR")], accounts)
    assert valuation.missing_rates() == []
    with pytest.raises(IncompleteHoldings, match=r"its rate in the ledger is 0\.85 and not 1"):
        _ = valuation.holdings().total
    assert valuation.holdings().known_total == 0


def test_accrued_amounts() -> None:
    holdings = held(position(), USD={"interest": 2.5, "dividends": 1})
    assert [(row.kind, row.description, row.base_value) for row in holdings.rows[2:]] == [
        ("accrued", "accrued interest", D("2.5")),
        ("accrued", "accrued dividends", 1),
    ]
    assert holdings.total == 110


def test_a_ledger_without_amounts() -> None:
    holdings = held(position(), USD={"cashbalance": "?", "interest": "NaN"})
    assert [row.problem for row in holdings.rows] == [None, *["IBKR reports no amount"] * 2]
    with pytest.raises(IncompleteHoldings, match="cash: IBKR reports no amount"):
        _ = holdings.cash_total


def test_a_ledger_without_the_sum() -> None:
    entries = ledger(USD={"interest": None})
    del entries["BASE"]
    holdings = Valuation("U1", "USD", [position()], entries).holdings()
    assert (holdings.net_liquidation, holdings.difference, holdings.time) == (None, None, None)


@pytest.mark.parametrize("kind", ["stockmarketvalue", "stockoptionmarketvalue"])
def test_positions_that_the_ledger_has_and_the_list_lacks(kind: str) -> None:
    entries = ledger(USD={}, EUR={kind: 5})
    with pytest.raises(IncompleteList, match="worth 5 EUR, but the list of positions has none"):
        Valuation("U1", "USD", [position()], entries)
    Valuation("U1", "USD", [position(currency="EUR")], entries)


def test_which_positions_a_list_has() -> None:
    assert listed([position(1), position(2)]) == listed([position(2, position=9), position(1)])
    assert listed([position(1)]) != listed([position(1, model="A")])
    assert "several pages" in str(still_changing("U1"))


def test_holdings_convert_to_json() -> None:
    holdings = held(position())
    assert holdings.to_dict()["rows"][0]["base_value"] == 6
    assert json.loads(holdings.to_json())["rows"][1]["kind"] == "cash"
    assert repr(holdings.cash[0]).startswith("Holding(kind='cash', description='cash', currency=")
    with pytest.raises(AttributeError):
        holdings.rows[0].value = D(1)  # type: ignore[misc]


amounts = st.decimals(D("-1e9"), D("1e9"), places=4)


@given(st.lists(st.tuples(amounts, st.sampled_from(["USD", "EUR", "JPY"]))), st.integers(1, 9))
def test_the_total_is_exact_in_any_decimal_context(
    values: list[tuple[Decimal, str]], precision: int
) -> None:
    rates = {"USD": D(1), "EUR": D("1.17123456"), "JPY": D("0.0064")}
    positions = [
        position(index, mktValue=float(value), mktPrice=1, position=1, currency=currency)
        for index, (value, currency) in enumerate(values, 1)
        if value
    ]
    cash = {name: {"exchangerate": float(rate)} for name, rate in rates.items()}
    with localcontext() as context:
        context.prec = precision
        holdings = Valuation("U1", "USD", positions, ledger(**cash)).holdings()
        total = holdings.total
    with localcontext() as context:
        context.prec = 200
        expected = sum((D(repr(float(v))) * rates[c] for v, c in values), D(0))
        expected += sum((D("100.5") * rate for rate in rates.values()), D(0))
        assert total == expected
