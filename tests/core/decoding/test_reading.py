"""Models read from stored JSON, and bars without a time."""

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import Any

import pytest

from bezant import BarsUpdate, DecodeError, DriftWarning, OrderUpdate, Position
from bezant._core.decoding.bars import with_times
from bezant._core.http.messages import Response
from bezant._core.http.response import read
from bezant._core.stream.parser import parse
from bezant.models.banking import CreateBankInstructionRequest
from bezant.models.market_data import Bar, History

from ..samples import READ

EMPTY = b'{"points":0,"data":[{"o":0.0,"c":0.0}],"symbol":"AAPL"}'


def test_a_model_is_read_as_a_client_reads_it() -> None:
    text = '{"position":"1,000","mktPrice":"NaN","unknown":1}'
    for data in (text, text.encode()):
        position = Position.from_json(data)
        assert type(position) is Position
        assert (position.quantity, position.market_price) == (Decimal(1000), None)
    assert OrderUpdate.from_json('{"orderId":"7"}').order_id == 7


def test_a_value_that_does_not_fit_is_a_warning() -> None:
    with pytest.warns(
        DriftWarning, match=r"Position.from_json: Position.position should be Decimal"
    ):
        Position.from_json('{"position":"x"}')
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Position.from_json('{"position":1, "name":"M\udce4ller"}')


@pytest.mark.parametrize("data", ["", "{", "[]", "x", b"\xff", 7, None], ids=repr)
def test_json_that_is_no_object_is_an_error(data: Any) -> None:
    with pytest.raises(DecodeError, match=r"Position\.from_json"):
        Position.from_json(data)


def test_a_model_of_a_request_is_not_read() -> None:
    with pytest.raises(DecodeError, match="is for requests only"):
        CreateBankInstructionRequest.from_json("{}")


@pytest.mark.parametrize("type_", [History, Any])
def test_no_bar_without_a_time(type_: Any) -> None:
    found = read(Response(200, {}, EMPTY), READ, type_, print)
    bars = found.data if isinstance(found, History) else None
    assert bars == ([] if type_ is History else None)
    assert History.from_json(EMPTY).data == []


def test_a_bar_with_a_time_stays() -> None:
    body = b'{"data":[{"c":1,"t":5},{"c":0},{"c":2,"t":6},{"c":0,"t":0},{"c":0,"t":""}]}'
    assert [each.close for each in History.from_json(body).data or []] == [1, 2]
    long = b'{"x":"' + b"x" * 70_000 + b'",' + body[1:]
    found = read(Response(200, {}, long), READ, History, print)
    assert [each.close for each in found.data or []] == [1, 2]


@pytest.mark.parametrize("body", [b"{}", b'{"data":null}', b'{"data":""}', b'{"data":[]}'])
def test_no_bars_at_all(body: bytes) -> None:
    assert not History.from_json(body).data


def test_no_bar_without_a_time_in_a_stream() -> None:
    (update,) = parse(b'{"topic":"smh+1","data":[{"o":0,"c":0},{"c":1,"t":9}]}', print)  # type: ignore[misc]
    assert isinstance(update, BarsUpdate)
    assert [each.start_ms for each in update.bars or []] == [9]


def test_other_models_of_these_names_are_the_users() -> None:
    class History:
        data = (Bar(close=None),)

    found = History()
    assert with_times(found) is found
