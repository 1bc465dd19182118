"""Tests of the rules for orders in a contract."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bezant import InvalidRequest, MissingValue, PriceIncrements
from bezant._core.contracts.rules import is_buy, read_rules
from bezant.models.common import PriceIncrement
from bezant.models.contracts import ContractRules

from ..samples import some

CENT, TENTH = Decimal("0.01"), Decimal("0.0001")


def test_rules_of_a_penny_stock() -> None:
    rules = read_rules(
        5,
        True,
        ContractRules(
            increment=CENT,
            order_types=["LMT", "MKT"],
            tif_types=["IOC/MARKET,LIMIT,a", "GTC/o,a", "DAY/o,a", ""],
            increment_rules=[
                PriceIncrement(lower_edge=Decimal(0), increment=TENTH),
                PriceIncrement(lower_edge=Decimal(1), increment=CENT),
            ],
            size_increment=Decimal(100),
            fraq_types=["limit"],
            can_trade_account_ids=["DU1"],
        ),
    )
    assert (rules.conid, rules.side) == (5, "BUY")
    assert rules.price_increments.increment(Decimal("0.5")) == TENTH
    assert rules.price_increments.round(Decimal("1.005"), "down") == Decimal("1.00")
    assert rules.order_types == ("LMT", "MKT")
    assert rules.times_in_force == ("IOC", "GTC", "DAY")
    assert rules.size_increment == 100
    assert (rules.fraction_types, rules.account_ids) == (("limit",), ("DU1",))
    assert rules.cash_types == rules.algo_types == rules.outside_hours == ()


def test_one_increment_for_all_prices() -> None:
    rules = read_rules(5, False, ContractRules(increment=CENT, order_types=[]))
    assert rules.side == "SELL"
    assert rules.price_increments == PriceIncrements([(Decimal(0), CENT)])


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"increment": Decimal(0)},
        {
            "increment": CENT,
            "increment_rules": [PriceIncrement(lower_edge=Decimal(0), increment=Decimal(0))],
        },
        {"increment": CENT, "increment_rules": [some(PriceIncrement, increment=CENT)]},
        {"increment": CENT, "increment_rules": [some(PriceIncrement, lower_edge=Decimal(0))]},
    ],
)
def test_unreadable_increments_are_an_error(values: dict[str, Any]) -> None:
    with pytest.raises(MissingValue, match="does not say which prices are allowed"):
        read_rules(5, True, some(ContractRules, **values))


def test_sides() -> None:
    assert is_buy("BUY")
    assert not is_buy("sell")
    for side in ("B", None, 1):
        with pytest.raises(InvalidRequest, match="side must be"):
            is_buy(side)
