"""Tests of market data lines: the count of lines in use, and the choice of those to release."""

from __future__ import annotations

import pytest

from bezant import TooManyLines
from bezant._core.http.messages import Request
from bezant._core.http.operation import Operation
from bezant._core.marketdata.lines import MarketDataLines
from bezant._core.operations.market_data import (
    CLOSE_ALL_MD_STREAMS,
    CLOSE_MD_STREAM,
    GET_MD_SNAPSHOT,
)

SNAPSHOT = GET_MD_SNAPSHOT.operation
RELEASE = CLOSE_MD_STREAM.operation
RELEASE_ALL = CLOSE_ALL_MD_STREAMS.operation

SPREAD = "28812380;;;1/1,2/-1"


def request(operation: Operation, query: str = "", body: bytes = b"") -> Request:
    return Request(operation, f"/v1/api{operation.path}{query}", [], body)


def test_requests_use_and_release_lines() -> None:
    lines = MarketDataLines()
    lines.sent(request(SNAPSHOT, "?conids=1%2C2%40NYSE,%203&fields=31"), 0)
    assert lines.idle(set(), 1) == ["1", "2", "3"]
    lines.sent(request(SNAPSHOT, "?fields=31"), 0)
    lines.sent(request(RELEASE, body=b'{"conid":1}'), 0)
    assert lines.count(set(), 1) == 3
    for status, left in ((401, 3), (200, 2), (500, 2)):
        lines.answered(request(RELEASE, body=b'{"conid":1}'), status)
        assert lines.count(set(), 1) == left
    for body in (b'{"conid":"3"}', b"{", b"[]", b"{}"):
        lines.answered(request(RELEASE, body=body), 200)
    lines.answered(request(SNAPSHOT, "?conids=2"), 200)
    assert lines.idle(set(), 1) == ["2"]
    lines.answered(request(RELEASE_ALL), 200)
    assert lines.count(set(), 1) == 0


def test_a_stream_and_the_snapshots_of_a_contract_share_a_line() -> None:
    lines = MarketDataLines()
    lines.requested(["1", "2@NYSE", SPREAD], 0)
    assert lines.count(set(), 1) == 3
    assert lines.count({"1@ARCA", "5", "28812380@CME;;;1/1,2/-1"}, 1) == 4
    assert lines.idle({"1"}, 1) == ["2"]
    assert lines.idle(set(), 1, ["2@NYSE"]) == ["1"]
    lines.released("2@NYSE")
    lines.released("9")
    assert lines.count(set(), 1) == 2


def test_a_snapshot_ends_after_a_quarter_of_an_hour() -> None:
    lines = MarketDataLines()
    lines.requested(["1", "2"], 0)
    lines.requested(["1"], 500)
    assert lines.count(set(), 899) == 2
    assert lines.idle(set(), 900) == ["1"]
    assert lines.count(set(), 1400) == 0


def test_the_oldest_snapshots_make_room() -> None:
    def surplus(streamed: set[str], *contracts: str) -> list[str]:
        found = lines.reserve(contracts, streamed, 60, 100)
        lines.unreserve(contracts)
        return found

    lines = MarketDataLines()
    for number in range(1, 101):
        lines.requested([str(number)], number / 10)
    lines.requested(["1"], 50)
    assert surplus(set()) == []
    assert surplus(set(), "1", "2") == []
    assert surplus({"900"}, "901", "1") == ["2", "3"]
    assert surplus({"2", "900"}) == ["3"]
    assert lines.free(set(), 60, 100) == 100
    assert lines.free({"2", "900"}, 60, 100) == 98


def test_reserved_lines_are_in_use() -> None:
    lines = MarketDataLines()
    lines.requested(["1", SPREAD], 0)
    assert lines.reserve(["1@NYSE", "2", "2@ARCA"], {"3"}, 1, 4) == []
    assert lines.count({"3"}, 1) == 4
    assert lines.idle({"3"}, 1) == []
    assert lines.free({"3"}, 1, 4) == 0
    with pytest.raises(TooManyLines, match="market data of 2 more contracts") as caught:
        lines.reserve(["4", "5", "1", "3"], {"3"}, 1, 5)
    assert (caught.value.needed, caught.value.free, caught.value.limit) == (2, 1, 5)
    assert lines.reserve(["1"], {"3"}, 1, 4) == []
    lines.unreserve(["1"])
    assert lines.count({"3"}, 1) == 4
    lines.unreserve(["1", "2"])
    assert (lines.count({"3"}, 1), lines.free({"3"}, 1, 4)) == (3, 2)
