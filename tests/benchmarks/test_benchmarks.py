"""Tests of the benchmarks' statistics and server, without the libraries that they compare."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks import _payloads as payloads
from benchmarks._server import Content, answer, frame
from benchmarks._setting import served
from benchmarks._table import Row, duration, markdown, text
from benchmarks._timing import (
    Spread,
    differences,
    exponent,
    percentile,
    ratios,
    repeated,
    spread,
    take_turns,
)
from bezant._core.stream.framing import plain_messages


def test_spread() -> None:
    assert spread([4.0, 1.0, 3.0, 2.0, 5.0]) == Spread(3.0, 2.0, 4.0)
    assert spread([7.0]) == Spread(7.0, 7.0, 7.0)


def test_ratios_and_differences_are_taken_round_by_round() -> None:
    # In the second round both were ten times as slow, so the ratio of that round stays the same.
    assert ratios([1.0, 10.0, 1.0], [2.0, 20.0, 2.0]) == Spread(0.5, 0.5, 0.5)
    assert differences([3.0, 30.0], [1.0, 10.0]).middle == 11.0
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])


@pytest.mark.parametrize(("power", "factor"), [(1.0, 3.0), (2.0, 0.1), (0.5, 7.0)])
def test_exponent(power: float, factor: float) -> None:
    sizes = [100, 1000, 10_000]
    assert exponent(sizes, [factor * each**power for each in sizes]) == pytest.approx(power)


@pytest.mark.parametrize(("percent", "expected"), [(99, 99), (50, 50), (100, 100), (0.5, 1)])
def test_percentile(percent: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), percent) == expected


def test_each_measure_runs_once_per_round() -> None:
    turns: list[str] = []

    def measure(name: str) -> Callable[[], float]:
        def once() -> float:
            turns.append(name)
            return float(len(turns))

        return once

    names = ["a", "b", "c"]
    found = take_turns({name: measure(name) for name in names}, 6)
    rounds = [turns[at : at + 3] for at in range(0, 18, 3)]
    assert all(sorted(each) == names for each in rounds)
    assert len({tuple(each) for each in rounds}) > 1
    assert all(len(each) == 6 for each in found.values())


def test_repeated_gives_the_time_for_one() -> None:
    calls: list[int] = []
    seconds = repeated(lambda: calls.append(1), 50)()
    assert len(calls) == 50
    assert 0 < seconds < 10


def test_table() -> None:
    met = Row("calls", "GET", "httpx", Spread(0.75, 0.7, 0.8), ours="1 ms", limit=0.9)
    missed = Row("calls", "GET", "ibind", Spread(0.6, 0.5, 0.7), limit=0.5)
    assert (met.verdict, missed.verdict) == ("yes", "NO")
    assert "0.70 to 0.80" in text([met, missed])
    lines = markdown([met, missed]).splitlines()
    assert len(lines) == 4
    assert lines[2] == "| calls | GET | httpx | 1 ms | 0.75 | 0.70 to 0.80 | ≤ 0.90 | yes |"


@pytest.mark.parametrize(
    ("seconds", "expected"), [(2.5, "2.50 s"), (0.0125, "12.5 ms"), (0.000378, "378 µs")]
)
def test_duration(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_the_server_has_everything_ready() -> None:
    content = Content()
    assert content.find("/v1/api/portfolio/accounts") == answer(payloads.accounts())
    pages = f"/v1/api/portfolio/{payloads.ACCOUNT}/positions"
    assert content.find(f"{pages}/99?sort=name") == answer(payloads.positions(9900, 100))
    assert content.find(f"{pages}/100") == answer(b"[]")
    assert b"404" in content.find("/v1/api/nothing")
    stocks = "/v1/api/trsrv/stocks?symbols=SYM7%2CSYM9"
    assert content.find(stocks) == answer(payloads.stocks("SYM7,SYM9"))
    assert content.find(stocks) is content.find(stocks)
    info = "/v1/api/iserver/secdef/info?conid=100000&month=JAN30&strike=250.0"
    assert content.find(info) == answer(payloads.options("250"))
    assert content.requests == 8
    messages: list[bytes] = []
    plain_messages(content.blocks["text"], 0, messages.append)
    assert messages[7] == payloads.quote(7)
    assert frame(b"x" * 300, 2)[:4] == b"\x82\x7e\x01\x2c"


def test_the_server_serves() -> None:
    with served(quick=True, tls=False) as setting:
        assert setting.control.get("/v1/api/portfolio/accounts") == payloads.accounts()
        assert setting.requests() == 1
        with pytest.raises(RuntimeError, match="no stream"):
            setting.start("burst", "nobody", kind="text", count=1)
