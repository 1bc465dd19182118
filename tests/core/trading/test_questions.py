"""Tests of IBKR's order questions, the answers to them, previews and contract rules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

import bezant
from bezant import Buy, InvalidRequest, PreviewWarning, Sell
from bezant._core.contracts.increments import PriceIncrements
from bezant._core.contracts.rules import TradingRules
from bezant._core.trading.preview import preview_of
from bezant._core.trading.questions import (
    KINDS,
    Question,
    answer_to,
    check_answers,
    merged,
    question_of,
)
from bezant._core.trading.rules import fitted
from bezant.models.orders import OrderPreview, OrderReply

D = Decimal


def asked(*ids: str) -> Question:
    return Question("q", ids, "Sure?")


def test_a_question_is_read_without_html() -> None:
    found = question_of(
        OrderReply(
            id="q",
            message=["<h4>Confirm&nbsp;Cap</h4>A cap\n may be set.", ""],
            message_ids=["o10153", "new"],
            message_options=["Yes", "No"],
        )
    )
    assert found == Question("q", ("o10153", "new"), "Confirm Cap A cap may be set.", ("Yes", "No"))
    assert found.kinds == (KINDS["o10153"],)
    assert str(found) == "o10153, new: Confirm Cap A cap may be set."
    bare = question_of(OrderReply(id="q"))
    assert bare is not None
    assert str(bare) == "without an id: "
    assert question_of(OrderReply(id="q", order_id=5)) is None
    assert question_of(OrderReply(error="no")) is None


def test_every_kind_of_question_has_a_name_and_a_meaning() -> None:
    assert len(KINDS) == 25
    assert len({row.name for row in KINDS.values()}) == len(KINDS)
    for message_id, row in KINDS.items():
        assert row.id == message_id
        assert row.name.isupper()
        assert row.meaning


@pytest.mark.parametrize(
    ("question", "answers", "expected"),
    [
        (asked("o163"), {"o163": True}, True),
        (asked("o163"), {"o163": False}, False),
        (asked("o163"), {"o354": True}, None),
        (asked("o163"), {}, None),
        (asked(), {"o163": True}, None),
        (asked("o163", "o354"), {"o163": True}, None),
        (asked("o163", "o354"), {"o163": True, "o354": True}, True),
        (asked("o163", "o354"), {"o163": False}, False),
        (asked("o163"), lambda each: each.message_ids == ("o163",), True),
        (asked("o163"), lambda _: None, None),
    ],
)
def test_only_prepared_answers_are_given(
    question: Question, answers: Any, expected: bool | None
) -> None:
    assert answer_to(question, check_answers(answers)) is expected


@pytest.mark.parametrize("answers", [5, ["o163"], {"o163": 1}, {163: True}, {"o163": "yes"}])
def test_answers_of_another_kind_are_refused(answers: Any) -> None:
    with pytest.raises(InvalidRequest, match="answers must"):
        check_answers(answers)


def test_a_function_that_answers_something_else_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="must return True, False or None"):
        answer_to(asked("o163"), lambda _: 1)  # type: ignore[arg-type, return-value]


def test_lists_of_message_ids_are_merged() -> None:
    assert merged(["o163", "o354"], ("o354", "o383")) == ["o163", "o354", "o383"]
    for wrong in (5, " "):
        with pytest.raises(InvalidRequest, match="a message id must be text"):
            merged([], (wrong,))


RULES = TradingRules(
    conid=1,
    side="BUY",
    price_increments=PriceIncrements(
        [(Decimal(0), Decimal("0.0001")), (Decimal(1), Decimal("0.01"))]
    ),
    size_increment=Decimal(100),
    order_types=(),
    outside_hours=(),
    fraction_types=("limit",),
    cash_types=(),
    times_in_force=(),
    algo_types=(),
    account_ids=(),
)


@pytest.mark.parametrize(
    ("rounding", "limit", "stop"),
    [("down", "10.12", "10.00"), ("up", "10.13", "10.01"), ("nearest", "10.12", "10.00")],
)
def test_prices_are_rounded_if_the_caller_says_where(rounding: Any, limit: str, stop: str) -> None:
    order = Buy(1, 1, limit="10.124", stop="10.001")
    made = fitted(order, RULES, rounding)
    assert (made.limit, made.stop) == (Decimal(limit), Decimal(stop))


def test_prices_between_two_allowed_ones_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"limit 10\.124 .* 10\.12 and 10\.13"):
        fitted(Buy(1, 1, limit="10.124"), RULES, None)
    with pytest.raises(InvalidRequest, match=r"trail 0\.00001"):
        fitted(Sell(1, 1, trail="0.00001"), RULES, "down")
    assert fitted(Sell(1, 1, trail="0.00011"), RULES, "down").trail == Decimal("0.0001")
    exact = Buy(1, 1, limit="0.1234")
    assert fitted(exact, RULES, None) is exact


def test_quantities_between_two_allowed_ones_are_refused() -> None:
    fitted(Buy(1, "1.5", limit=5), RULES, None)
    fitted(Buy(1, 10), RULES, None)  # the size increment of stocks is no limit
    with pytest.raises(InvalidRequest, match=r"quantity 1\.5 .* nearest allowed: 1 and 2"):
        fitted(Buy(1, "1.5"), RULES, None)
    with pytest.raises(InvalidRequest, match=r"nearest allowed: 1$"):
        fitted(Buy(1, "0.5"), RULES, None)
    fitted(Buy(1, cash_quantity=5), RULES, None)
    fitted(Buy(1, "1.5"), structs.replace(RULES, size_increment=None), None)
    crypto = structs.replace(RULES, size_increment=Decimal("0.001"))
    fitted(Buy(1, "0.125"), crypto, None)
    with pytest.raises(
        InvalidRequest, match=r"multiple of 0\.001.* nearest allowed: 0\.001 and 0\.002"
    ):
        fitted(Buy(1, "0.0015"), crypto, None)


def test_a_preview_has_typed_figures_and_warnings_with_ids() -> None:
    order = Buy(1, 10)
    preview = preview_of(
        order,
        OrderPreview.from_json(
            '{"amount":{"amount":"51,000 USD (300 Shares)","commission":"1.29 ... 1.50 USD",'
            '"total":"~ 51,001.39 USD"},'
            '"initial":{"current":"1","change":"2","after":"3"},"equity":null,'
            '"warn":"21/a","warns":["21/a","23/<h4>Market&nbsp;Order</h4>b","plain","x/y"]}'
        ),
    )
    assert preview.order is order
    assert (preview.amount, preview.total) == (D(51_000), D("51001.39"))
    assert (preview.commission_least, preview.commission) == (Decimal("1.29"), Decimal("1.50"))
    assert preview.currency == "USD"
    initial = preview.margin.initial
    assert (initial.before, initial.change, initial.after) == (D(1), D(2), D(3))
    assert preview.equity.change is preview.margin.maintenance.after is None
    assert preview.warnings == (
        PreviewWarning("21", "a"),
        PreviewWarning("23", "Market Order b"),
        PreviewWarning("", "plain"),
        PreviewWarning("", "x/y"),
    )
    bare = preview_of(order, OrderPreview(warn="5/careful"))
    assert bare.warnings == (PreviewWarning("5", "careful"),)
    assert bare.commission is None
    assert preview_of(order, OrderPreview()).warnings == ()


@pytest.mark.parametrize("price", ["0", "-5", "0.004"])
def test_prices_of_zero_and_below_need_a_contract_that_has_them(price: str) -> None:
    order = Sell(1, 1, limit=price)
    cents = structs.replace(RULES, price_increments=PriceIncrements([(D(0), D("0.01"))]))
    with pytest.raises(InvalidRequest, match="limit must be above 0"):
        fitted(order, cents, "down")
    fitted(order, structs.replace(cents, negative_prices=True), "down")
    with pytest.raises(InvalidRequest, match="stop must be above 0"):
        fitted(Sell(1, 1, stop="0"), cents, None)
    with pytest.raises(InvalidRequest, match="limit must be above 0"):
        Sell("AAPL", 1, limit=0)


def test_huge_numbers_are_refused() -> None:
    for size in ("1e19", "1e-19", 10**19):
        with pytest.raises(InvalidRequest, match="too many digits"):
            Buy(1, size)


@pytest.mark.parametrize("name", ["profit", "stop"])
def test_a_bracket_refuses_none_as_a_price(name: str) -> None:
    given: Any = {"profit": "7", "stop": "3"} | {name: None}
    with pytest.raises(InvalidRequest, match=f"{name} must be a number, not None"):
        bezant.bracket(Buy(1, 1, limit="5"), **given)
