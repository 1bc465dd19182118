"""Benchmark of how cost grows with the amount of work: the exponent, where 1 is proportional."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import bezant
from benchmarks import _payloads as payloads
from benchmarks._setting import Setting
from benchmarks._sources import Blocking, rate
from benchmarks._table import Row
from benchmarks._timing import exponent, repeated, spread, take_turns
from bezant._core.http.messages import Response
from bezant._core.http.operation import Operation
from bezant._core.http.response import read
from bezant.models._positions import Position

LIMIT = 1.15
OPERATION = Operation("GET", "/benchmark", idempotent=True)


def rows(setting: Setting) -> Iterator[Row]:
    yield _row("decoding positions", *_decoding(setting))
    yield _row("fetching positions", *_positions(setting))
    yield _row("receiving messages", *_messages(setting))


def _row(what: str, sizes: Sequence[int], found: dict[str, list[float]]) -> Row:
    by_round = zip(*(found[str(each)] for each in sizes), strict=True)
    value = spread([exponent(sizes, costs) for costs in by_round])
    scope = " to ".join(f"{each:,}" for each in (sizes[0], sizes[-1]))
    return Row("growth", f"{what}, {scope}", "", value, unit="as exponent", limit=LIMIT)


def _decoding(setting: Setting) -> tuple[list[int], dict[str, list[float]]]:
    sizes = [100, 1_000, 10_000]

    def work(body: bytes) -> Callable[[], object]:
        answer = Response(200, {"content-type": "application/json"}, body)
        return lambda: read(answer, OPERATION, list[Position], print)

    bodies = {each: payloads.positions(0, each) for each in sizes}
    measures = {str(size): repeated(work(body), 10_000 // size) for size, body in bodies.items()}
    return sizes, take_turns(measures, setting.rounds(9))


def _positions(setting: Setting) -> tuple[list[int], dict[str, list[float]]]:
    sizes = [1_000, 3_000, 10_000]
    with bezant.Client(setting.base, pacing=False) as client:

        def some(count: int) -> None:
            left = count
            for page in client.position_pages(payloads.ACCOUNT):
                left -= len(page)
                if left <= 0:
                    return

        some(100)
        measures = {str(each): repeated(partial(some, each), 1) for each in sizes}
        return sizes, take_turns(measures, setting.rounds(9))


def _messages(setting: Setting) -> tuple[list[int], dict[str, list[float]]]:
    sizes = [1_000, 5_000] if setting.quick else [5_000, 20_000, 80_000]
    source = Blocking(setting, "growth")
    try:

        def burst(count: int) -> float:
            return count * rate(source, setting, "text", count)

        measures = {str(each): partial(burst, each) for each in sizes}
        for measure in measures.values():
            measure()
        return sizes, take_turns(measures, setting.rounds(9))
    finally:
        source.close()
