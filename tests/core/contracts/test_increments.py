"""Price increments: which prices are allowed, and how prices are rounded."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant._core.contracts.increments import PriceIncrements, Rounding
from bezant.errors import InvalidRequest

PENNY = PriceIncrements([(Decimal(1), Decimal("0.01")), (Decimal(0), Decimal("0.0001"))])


@pytest.mark.parametrize(
    ("price", "increment"),
    [("0.9999", "0.0001"), ("1", "0.01"), ("250", "0.01"), ("-0.5", "0.0001"), ("-3", "0.01")],
)
def test_the_increment_depends_on_the_size_of_the_price(price: str, increment: str) -> None:
    assert PENNY.increment(Decimal(price)) == Decimal(increment)


@pytest.mark.parametrize(
    ("price", "allowed"), [("0.1234", True), ("1.2345", False), ("1.23", True), ("-1.235", False)]
)
def test_a_price_between_two_steps_is_not_allowed(price: str, allowed: bool) -> None:
    assert PENNY.allows(Decimal(price)) is allowed


@pytest.mark.parametrize(
    ("to", "result"), [("down", "240.25"), ("up", "240.50"), ("nearest", "240.50")]
)
def test_a_price_is_rounded_the_way_that_the_caller_says(to: Rounding, result: str) -> None:
    es = PriceIncrements([(Decimal(0), Decimal("0.25"))])
    assert es.round(Decimal("240.40"), to) == Decimal(result)
    assert es.round(Decimal("240.25"), to) == Decimal("240.25")


def test_up_and_down_of_a_negative_price_are_those_of_numbers() -> None:
    assert PENNY.round(Decimal("-1.235"), "down") == Decimal("-1.24")
    assert PENNY.round(Decimal("-1.235"), "up") == Decimal("-1.23")


@given(st.decimals(-(10**9), 10**9, allow_nan=False, places=6), st.sampled_from(["down", "up"]))
def test_a_rounded_price_is_allowed_and_less_than_one_step_away(
    price: Decimal, to: Rounding
) -> None:
    rounded = PENNY.round(price, to)
    assert PENNY.allows(rounded)
    assert abs(rounded - price) < PENNY.increment(price)
    assert rounded <= price if to == "down" else rounded >= price


@pytest.mark.parametrize("price", ["NaN", "Infinity", "1E+999999999", "1E-999999", "1E+19"])
def test_an_unusable_price_is_refused_at_once(price: str) -> None:
    with pytest.raises(InvalidRequest, match="a price must be a number"):
        PENNY.increment(Decimal(price))
    with pytest.raises(InvalidRequest, match="a price must be a number"):
        PENNY.allows(Decimal(price))
    with pytest.raises(InvalidRequest, match="a price must be a number"):
        PENNY.round(Decimal(price), "up")


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [(Decimal(0), Decimal(0))],
        [(Decimal(-1), Decimal(1))],
        [(Decimal(0), Decimal("1E-99"))],
        [(Decimal(0), Decimal(1)), (Decimal("NaN"), Decimal(1))],
    ],
)
def test_unusable_rules_are_refused(rules: list[tuple[Decimal, Decimal]]) -> None:
    with pytest.raises(InvalidRequest, match="price increment"):
        PriceIncrements(rules)


def test_an_unknown_way_to_round_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'down', 'up' or 'nearest'"):
        PENNY.round(Decimal(1), "half")  # type: ignore[arg-type]


def test_increments_compare_by_their_rules() -> None:
    same = PriceIncrements(reversed(PENNY.rules))
    assert same == PENNY
    assert hash(same) == hash(PENNY)
    assert PENNY != 1
    assert repr(PENNY) == "<PriceIncrements 0.0001 from 0, 0.01 from 1>"
