"""Tests of market data lines: the count of lines in use, and the choice of those to release."""

from __future__ import annotations

from bezant._core.marketdata.lines import DEFAULT_LINES, MarketDataLines

SPREAD = "28812380;;;1/1,2/-1"


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
    lines = MarketDataLines()
    for number in range(1, DEFAULT_LINES + 1):
        lines.requested([str(number)], number / 10)
    lines.requested(["1"], 50)
    assert lines.surplus(set(), 60) == []
    assert lines.surplus(set(), 60, ["1", "2"]) == []
    assert lines.surplus({"900"}, 60, ["901", "1"]) == ["2", "3"]
    assert lines.surplus({"2", "900"}, 60) == ["3"]
