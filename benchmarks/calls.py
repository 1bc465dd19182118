"""Benchmark of a GET with a typed result over an open connection, blocking and async."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator

import httpx
import requests
import urllib3
from ibind import IbkrClient

import bezant
from benchmarks._setting import API, Setting, Wire
from benchmarks._table import Row, duration
from benchmarks._timing import Measure, ratios, repeated, spread, take_turns

PATH = "/portfolio/accounts"


def rows(setting: Setting) -> Iterator[Row]:
    yield from _blocking(setting, setting.base, "GET")
    yield from _blocking(setting, setting.tls_base, "GET over TLS")
    for together in (1, 20):
        yield from _asynchronous(setting, together)


def _blocking(setting: Setting, base: str, what: str) -> Iterator[Row]:
    warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
    url = base + PATH
    plain = httpx.Client(verify=False)
    session = requests.Session()
    session.verify = False
    ibind = IbkrClient(url=base, cacert=False)
    wire = Wire(setting.port)
    client = bezant.Client(base, pacing=False)
    number = setting.number(100)
    measures: dict[str, Measure] = {
        "bezant": repeated(client.accounts, number),
        "httpx": repeated(lambda: plain.get(url).json(), number),
        "requests": repeated(lambda: session.get(url).json(), number),
        "ibind": repeated(ibind.portfolio_accounts, number),
    }
    if base.startswith("http:"):
        measures["a bare socket"] = repeated(lambda: wire.get(API + PATH), number)
    try:
        for measure in measures.values():
            measure()
        found = take_turns(measures, setting.rounds(21))
    finally:
        client.close()
        plain.close()
        session.close()
        ibind.close()
        wire.close()
    ours = duration(spread(found["bezant"]).middle)
    limits = {"httpx": 0.9, "ibind": 0.5}
    for peer in list(measures)[1:]:
        value = ratios(found["bezant"], found[peer])
        yield Row("calls", f"{what}, blocking", peer, value, ours=ours, limit=limits.get(peer))


def _asynchronous(setting: Setting, together: int) -> Iterator[Row]:
    url = setting.base + PATH
    number = max(setting.number(100) // together, 2)

    with asyncio.Runner() as runner:
        client = bezant.AsyncClient(setting.base, pacing=False, max_connections=20)
        plain = httpx.AsyncClient(limits=httpx.Limits(max_connections=20), verify=False)

        async def theirs() -> object:
            return (await plain.get(url)).json()

        def measure(work: Callable[[], Awaitable[object]]) -> Measure:
            return lambda: runner.run(_time(work, number, together))

        measures = {"bezant": measure(client.accounts), "httpx": measure(theirs)}
        try:
            for each in measures.values():
                each()
            found = take_turns(measures, setting.rounds(21))
        finally:
            runner.run(client.aclose())
            runner.run(plain.aclose())
    what = "GET, async" if together == 1 else f"GET, async, {together} at a time"
    yield Row(
        "calls",
        what,
        "httpx",
        ratios(found["bezant"], found["httpx"]),
        ours=duration(spread(found["bezant"]).middle),
        limit=1.0,
    )


async def _time(work: Callable[[], Awaitable[object]], number: int, together: int) -> float:
    async def some() -> None:
        for _ in range(number):
            await work()

    begin = time.perf_counter()
    if together == 1:
        await some()
    else:
        await asyncio.gather(*(some() for _ in range(together)))
    return (time.perf_counter() - begin) / number / together
