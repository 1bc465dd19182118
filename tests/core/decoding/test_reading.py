"""Tests of reading models from stored JSON, and of bars without a time."""

from __future__ import annotations

import json
import warnings
from datetime import UTC, datetime
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

from ..samples import POSITION, READ, some

EMPTY = b'{"points":0,"data":[{"o":0.0,"c":0.0}],"symbol":"AAPL"}'


def test_a_model_is_read_as_a_client_reads_it() -> None:
    text = json.dumps(POSITION | {"position": "1,000", "strike": "NaN", "unknown": 1})
    for data in (text, text.encode()):
        position = Position.from_json(data)
        assert isinstance(position, Position)
        assert (position.quantity, position.strike) == (Decimal(1000), None)
    assert OrderUpdate.from_json('{"orderId":"7"}').order_id == 7


def test_a_value_that_does_not_fit_is_a_warning() -> None:
    with pytest.warns(
        DriftWarning, match=r"Position.from_json: Position.position should be Decimal"
    ):
        Position.from_json(json.dumps(POSITION | {"position": "x"}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Position.from_json(json.dumps({**POSITION, "name": "M\udce4ller"}))


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
    bars = [
        {"o": 1, "h": 1, "l": 1, "c": close} | time
        for close, time in ((1, {"t": 5}), (0, {}), (2, {"t": 6}), (0, {"t": 0}), (0, {"t": ""}))
    ]
    body = json.dumps({"symbol": "AAPL", "data": bars}).encode()
    assert [each.close for each in History.from_json(body).data] == [1, 2]
    long = b'{"x":"' + b"x" * 70_000 + b'",' + body[1:]
    found = read(Response(200, {}, long), READ, History, print)
    assert [each.close for each in found.data] == [1, 2]


def test_a_bar_with_an_unreadable_time_stays() -> None:
    bars = [{"o": 1, "h": 1, "l": 1, "c": c, "t": t} for c, t in ((1, "?"), (2, 0), (3, 6))]
    with pytest.warns(DriftWarning, match=r"Bar\.t should be datetime"):
        found = History.from_json(json.dumps({"symbol": "AAPL", "data": bars}))
    assert [each.close for each in found.data] == [1, 3]
    assert [each.has("time") for each in found.data] == [False, True]


@pytest.mark.parametrize("data", ["", ',"data":null', ',"data":""'])
def test_a_history_without_bars_is_not_an_empty_one(data: str) -> None:
    with pytest.warns(DriftWarning, match=r"History\.data should be list\[Bar\]"):
        found = History.from_json(f'{{"symbol":"AAPL"{data}}}')
    assert not found.has("data")
    assert History.from_json('{"symbol":"AAPL","data":[]}').data == []


def test_no_bar_without_a_time_in_a_stream() -> None:
    (update,) = parse(b'{"topic":"smh+1","data":[{"o":0,"c":0},{"c":1,"t":9}]}', print)  # type: ignore[misc]
    assert isinstance(update, BarsUpdate)
    assert [each.time for each in update.bars or []] == [datetime.fromtimestamp(9, UTC)]


def test_other_models_of_these_names_are_the_users() -> None:
    class History:
        data = (some(Bar, close=None),)

    found = History()
    assert with_times(found) is found
