"""Tests that empty numbers are decoded in one pass.

The slow path, which repairs a response field by field, must give the same values.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant._core.decoding.decoder import decode
from bezant._core.decoding.empty_values import Decoder, names_of_empty_values
from bezant._core.decoding.repair import _Place, _shape_of
from bezant._core.http.messages import Response
from bezant._core.http.operation import Operation
from bezant._core.http.response import read
from bezant.errors import Refused
from bezant.models import Model, Position
from bezant.models.orders import LiveOrders

from ..samples import Drifts


class Leg(Model, frozen=True, kw_only=True):
    ratio: int | None = None
    note: str | None = None
    either: Decimal | None = None


class Ticket(Model, frozen=True, kw_only=True):
    price: Decimal | None = None
    size: float | None = None
    flag: bool | None = None
    needed: int = 0
    either: str | None = None
    legs: list[Leg] | None = None
    inner: Ticket | None = None


class Open(Model, frozen=True, kw_only=True):
    price: Decimal | None = None
    rest: dict[str, Any] | None = None


def test_fields_that_may_be_empty() -> None:
    assert names_of_empty_values(list[Ticket]) == {"price", "size", "flag", "ratio"}


@pytest.mark.parametrize("type_", [Open, dict[str, Ticket], Any, list[Any], int | str])
def test_none_where_names_are_the_gateways_own(type_: Any) -> None:
    assert names_of_empty_values(type_) == frozenset()


LEGS = st.fixed_dictionaries(
    {},
    optional={
        "ratio": st.sampled_from(["", 1, "2"]),
        "note": st.sampled_from(["", ':""', 'price":""', '"price":""', "x"]),
        "either": st.sampled_from(["", "1.5", 1]),
    },
)
TICKETS: st.SearchStrategy[dict[str, Any]] = st.deferred(
    lambda: st.fixed_dictionaries(
        {},
        optional={
            "price": st.sampled_from(["", "1.25", 3, None, "1,000"]),
            "size": st.sampled_from(["", 1.5]),
            "flag": st.sampled_from(["", True]),
            "needed": st.sampled_from(["", 1]),
            "either": st.sampled_from(["", "text"]),
            "unknown": st.sampled_from(["", ["", {"price": ""}]]),
            "legs": st.lists(LEGS, max_size=2),
            "inner": TICKETS,
        },
    )
)


@given(rows=st.lists(TICKETS, max_size=3), spaced=st.booleans())
def test_both_ways_agree(rows: list[dict[str, Any]], spaced: bool) -> None:
    body = json.dumps(rows, separators=(", ", ": ") if spaced else (",", ":")).encode()
    fast = decode(body, list[Ticket], operation="x", report=Drifts())
    slow = _shape_of(list[Ticket]).repair(json.loads(body), _Place("x", "", "", Drifts()))
    assert fast == slow


def test_a_field_found_empty_is_remembered() -> None:
    decoder = Decoder(list[Ticket])
    blank = b'[{"price":"","inner":{"price":""}},{"price":"2","size":""}]'
    for _ in range(2):
        first, second = decoder.decode(blank)
        assert (first.price, first.inner.price) == (None, None)
        assert (second.price, second.size) == (Decimal(2), None)
    assert len(decoder._found) == 2


@pytest.mark.parametrize("body", [b'[{"needed":""}]', b'[{"price":"x"}]', b'[{"price"  :""}]'])
def test_other_deviations_are_left_to_the_repair(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        Decoder(list[Ticket]).decode(body)


def test_market_orders_have_no_price() -> None:
    orders = {"orders": [{"orderId": 1, "price": "", "ticker": ""}, {"orderId": 2, "price": "3"}]}
    found = decode(json.dumps(orders).encode(), LiveOrders, operation="x", report=Drifts()).orders
    assert found
    assert [(each.price, each.has("ticker")) for each in found] == [
        (None, True),
        (Decimal(3), False),
    ]
    assert "strike" in names_of_empty_values(list[Position])


@pytest.mark.parametrize("at_the_end", [False, True])
def test_an_error_at_either_end_of_a_long_response(at_the_end: bool) -> None:
    rows: dict[str, Any] = {"orders": [{"ticker": "x" * 100}] * 2000}
    error = {"error": "no such account"}
    body = json.dumps({**rows, **error} if at_the_end else {**error, **rows}).encode()
    with pytest.raises(Refused, match="no such account"):
        read(Response(200, {}, body), Operation("GET", "/x", idempotent=True), LiveOrders, Drifts())
