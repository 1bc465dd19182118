"""Tests of fields that have several keys, and of the figures in order previews."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from bezant import DecodeError, Position
from bezant._core.decoding.decoder import decode
from bezant._core.decoding.rewriting import rewrites_of
from bezant.models.accounts import SegmentBalances, SegmentFunds
from bezant.models.orders import OrderPreview, OrderReply, OrderStatus
from bezant.models.portfolio import UncachedPosition

from ..samples import Drifts, some


def read(body: object, type_: Any) -> tuple[Any, Drifts]:
    drifts = Drifts()
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode(sent, type_, operation="POST /x", report=drifts), drifts


@pytest.mark.parametrize(
    "row",
    [
        {"orderId": 7},
        {"orderId": "7", "order_id": None},
        {"orderId": 8, "order_id": "7"},
        {"orderId": 8, "order_id": 7},
        {"order_id": 7},
        {"orderId": 7, "order_id": ""},
    ],
)
def test_two_keys_of_one_field(row: dict[str, object]) -> None:
    for body, type_ in ((row, OrderReply), ([{}, row], list[OrderReply])):
        found, drifts = read(body, type_)
        reply = found[-1] if isinstance(found, list) else found
        assert (reply.order_id, drifts) == (7, [])


def test_the_state_of_an_order_has_one_filled_quantity() -> None:
    body = (
        b'{"filled_quantity":1.1000000000000000000001,"avg_fill_price":"2,000.50","order_desc":"x"}'
    )
    found, _ = read(body, OrderStatus)
    assert found.filled_quantity == Decimal("1.1000000000000000000001")
    assert (found.average_price, found.order_description) == (Decimal("2000.50"), "x")


def test_an_unreadable_value_under_another_key_is_reported() -> None:
    found, drifts = read({"orderId": "soon", "message": ["m"]}, OrderReply)
    assert (found.order_id, found.message) == (None, ["m"])
    assert [(each.model, each.field, each.expected) for each in drifts] == [
        ("OrderReply", "order_id", "int")
    ]


@pytest.mark.parametrize(
    "body",
    [
        b'{"order_id":7,"text":"M\xfcller"}',
        b'{"orderId":7,"text":"\\ud800"}',
        b'{"orderId":7,"other":1' + b"0" * 40 + b"}",
        b'{"orderId":7,"other":1e9999}',
    ],
)
def test_a_response_that_is_not_quite_json(body: bytes) -> None:
    found, _ = read(body, OrderReply)
    assert found.order_id == 7


@pytest.mark.parametrize("body", [b"", b"{", b"[5]", b'"x"'])
def test_a_response_that_has_no_result_is_an_error(body: bytes) -> None:
    with pytest.raises(DecodeError, match="POST /x"):
        read(body, list[OrderReply])


PREVIEW = {
    "amount": {
        "amount": "1,977.60 USD (10 Shares)",
        "commission": "1 USD",
        "total": "1,978.60 USD",
    },
    "equity": {"current": "123,456", "change": "-1", "after": "123,455"},
    "initial": {"current": "1000", "change": "NA", "after": ""},
    "maintenance": None,
    "position": {"current": "20", "change": 10, "after": "30"},
    "warn": "21/x",
}


def test_figures_of_a_preview_are_numbers() -> None:
    found, drifts = read(PREVIEW, OrderPreview)
    assert drifts == []
    amount = found.amount
    assert (amount.amount, amount.commission, amount.total, amount.currency) == (
        Decimal("1977.60"), Decimal(1), Decimal("1978.60"), "USD",
    )  # fmt: skip
    assert amount.commission_least is None
    assert found.equity.to_dict() == {
        "current": Decimal(123456), "change": Decimal(-1), "after": Decimal(123455),
    }  # fmt: skip
    assert [found.initial.has(name) for name in ("current", "change", "after")] == [
        True,
        False,
        False,
    ]
    assert (found.maintenance, found.position.change) == (None, Decimal(10))


def test_a_range_of_commissions() -> None:
    body = {"amount": {"commission": "1.29 ... 1.50 USD", "total": "~ 51,001.39 USD"}}
    found, drifts = read(body, OrderPreview)
    amount = found.amount
    assert (amount.commission_least, amount.commission) == (Decimal("1.29"), Decimal("1.50"))
    assert (amount.total, amount.currency, drifts) == (Decimal("51001.39"), "USD", [])


@pytest.mark.parametrize("text", ["much", "1.2.3 USD", "x" * 500, [], {"a": 1}, True])
def test_an_unreadable_figure_costs_its_field(text: object) -> None:
    found, drifts = read({"amount": {"amount": text, "total": "9 USD"}}, OrderPreview)
    assert (found.amount.amount, found.amount.total) == (None, Decimal(9))
    assert [(each.model, each.field) for each in drifts] == [("PreviewAmount", "amount")]


@pytest.mark.parametrize("amount", ["x", [], 5])
def test_amounts_that_are_no_object_are_reported(amount: object) -> None:
    found, drifts = read({"amount": amount}, OrderPreview)
    assert (found.amount, len(drifts)) == (None, 1)


def test_figures_of_segments_are_numbers_with_a_currency() -> None:
    body = {
        "total": {
            "current_available": "-994,831 USD", "leverage": "n/a", "SMA": "",
            "Lk Ahd Nxt Chng": "@ 16:00:00", "day_trades_left": "Unlimited",
        },
        "Crypto at Paxos": {"current_available": "0 USD", "leverage": "1.01"},
        "x": None,
    }  # fmt: skip
    found, drifts = read(body, dict[str, SegmentFunds])
    total, crypto = found["total"], found["Crypto at Paxos"]
    assert (total.current_available, total.currency) == (Decimal(-994831), "USD")
    assert (total.leverage, total.sma) == (None, None)
    assert (total.look_ahead_next_change, total.day_trades_left) == ("@ 16:00:00", "Unlimited")
    assert (crypto.current_available, crypto.leverage) == (Decimal(0), Decimal("1.01"))
    assert [each.found for each in drifts] == ["null"]
    body = {"total": {"cash": "-433,765 USD", "net_liquidation": "1,288,301 USD"}}
    found, drifts = read(body, dict[str, SegmentBalances])
    assert (found["total"].cash, found["total"].net_liquidation_value) == (-433765, 1288301)
    assert drifts == []


def test_other_types_are_read_in_one_pass() -> None:
    for type_ in (Position, list[Position], dict[str, Any], Any, str):
        assert rewrites_of(type_) is None


def test_a_position_has_a_symbol() -> None:
    assert some(Position, ticker="BRK B", description="BRK B").symbol == "BRK B"
    assert some(Position, description="SPY    JAN2025 440 C").symbol == "SPY"
    assert some(Position, ticker="", description="EUR.USD").symbol == "EUR.USD"
    assert some(UncachedPosition, description="AAPL").symbol == "AAPL"
