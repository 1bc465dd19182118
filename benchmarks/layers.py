"""Benchmark of the time that pacing, session, retries and drift detection add to one call.

The result is the time of a whole call, minus the time of only building the request, passing it to
the transport and reading the response. The transport here responds at once, so the network has no
part in either time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import bezant
from benchmarks import _payloads as payloads
from benchmarks._setting import Setting
from benchmarks._table import Row
from benchmarks._timing import differences, repeated, spread, take_turns
from bezant._core.http.messages import Request, Response
from bezant._core.http.operation import Operation
from bezant._core.http.request import build
from bezant._core.http.response import read
from bezant._core.pacing.limiter import RateLimiter
from bezant._core.pacing.limits import Limit
from bezant.models._portfolio import Account

OPERATION = Operation("GET", "/portfolio/{accountId}/allocation", idempotent=True)
PATH = "/portfolio/DU7654321/allocation"
ANSWER = Response(200, {"content-type": "application/json"}, payloads.accounts())
LIMIT = 40.0


class Instant:
    """Blocking transport that returns a prebuilt response at once."""

    def send(self, *_: object) -> Response:
        return ANSWER

    def close(self) -> None:
        """Do nothing; no connection is open."""


class AsyncInstant:
    """Async transport that returns a prebuilt response at once."""

    async def send(self, *_: object) -> Response:
        return ANSWER

    async def aclose(self) -> None:
        """Do nothing; no connection is open."""


def rows(setting: Setting) -> Iterator[Row]:
    number = setting.number(1000)
    rounds = setting.rounds(31)
    yield _row("blocking", *_blocking(setting, number, rounds))
    yield _row("async", *_asynchronous(setting, number, rounds))


def _row(what: str, whole: list[float], bare: list[float]) -> Row:
    more = differences([each * 1e6 for each in whole], [each * 1e6 for each in bare])
    ours = f"{spread(whole).middle * 1e6:.0f} µs in all"
    return Row("layers", f"a call, {what}", "", more, unit="µs", ours=ours, limit=LIMIT)


def _prepare(client: Any, transport: Any) -> Any:
    pipeline: Any = client._pipeline
    pipeline._transport = transport
    # Use the real rate limiter with its queue, but with a limit so high that no call waits.
    pipeline.limiter._limiter = RateLimiter(Limit(10**9, 1.0))
    return pipeline


def _request(pipeline: Any) -> Request:
    return build(OPERATION, pipeline.settings, path=PATH, params=None, cookies="")


def _blocking(setting: Setting, number: int, rounds: int) -> tuple[list[float], list[float]]:
    with bezant.Client(setting.base + "/layers", pacing=True) as client:
        transport = Instant()
        pipeline = _prepare(client, transport)

        def whole() -> object:
            return pipeline.call(OPERATION, list[Account], pipeline.settings, path=PATH)

        def bare() -> object:
            answer = transport.send(_request(pipeline), pipeline.settings, 30.0)
            return read(answer, OPERATION, list[Account], print)

        whole()
        measures = {"whole": repeated(whole, number), "bare": repeated(bare, number)}
        found = take_turns(measures, rounds)
    return found["whole"], found["bare"]


def _asynchronous(setting: Setting, number: int, rounds: int) -> tuple[list[float], list[float]]:
    with asyncio.Runner() as runner:
        client = bezant.AsyncClient(setting.base + "/layers", pacing=True)
        transport = AsyncInstant()
        pipeline = _prepare(client, transport)

        async def whole() -> float:
            begin = time.perf_counter()
            for _ in range(number):
                await pipeline.call(OPERATION, list[Account], pipeline.settings, path=PATH)
            return (time.perf_counter() - begin) / number

        async def bare() -> float:
            begin = time.perf_counter()
            for _ in range(number):
                answer = await transport.send(_request(pipeline), pipeline.settings, 30.0)
                read(answer, OPERATION, list[Account], print)
            return (time.perf_counter() - begin) / number

        runner.run(whole())
        found = take_turns(
            {"whole": lambda: runner.run(whole()), "bare": lambda: runner.run(bare())}, rounds
        )
        runner.run(client.aclose())
    return found["whole"], found["bare"]
