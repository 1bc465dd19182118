"""Worker process that measures one version of bezant.

``benchmarks.against`` runs this worker in an environment in which that version is installed. To
measure older commits with the same file, the worker imports nothing of the project except `bezant`,
and uses only names that every version has. The worker reads one JSON command per line, and prints
one figure per line.
"""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import sys
import time
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import bezant

PATH = "/portfolio/accounts"
API = "/v1/api"
FIRST_CONID, CONTRACTS = 100_000, 50


class Worker:
    """Clients and streams of the measured version, kept open between measurements.

    Args:
        name: name of this worker. The server uses it to distinguish the streams of several workers.
        port: the server's port for plain HTTP.
        tls_port: the server's port for HTTPS.
        account: account whose positions are requested from the server.
    """

    def __init__(self, name: str, port: int, tls_port: int, account: str) -> None:
        self._name = name
        self._port = port
        self._account = account
        self._runner = asyncio.Runner()
        base = f"http://127.0.0.1:{port}"
        self._client = bezant.Client(base + API, pacing=False)
        self._tls = bezant.Client(f"https://127.0.0.1:{tls_port}{API}", pacing=False)
        self._async: Any = self._runner.run(self._open(base + API))
        self._base = base
        self._ws: Any = None
        self._async_ws: Any = None
        self._control = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    async def _open(self, base: str) -> Any:
        return bezant.AsyncClient(base, pacing=False, max_connections=20)

    def measure(self, what: str, number: int) -> float:
        """Measure a subject, and return the average seconds for one call or message.

        Args:
            what: name of the subject, one of `SUBJECTS` in `benchmarks.against`.
            number: how many calls or messages to measure.
        """
        if what == "get":
            return self._repeat(self._client.accounts, number)
        if what == "tls":
            return self._repeat(self._tls.accounts, number)
        if what == "raw":
            return self._repeat(lambda: self._client.request("GET", PATH), number)
        if what == "positions":
            return self._repeat(lambda: self._client.all_positions(self._account), 1)
        if what == "async":
            return self._runner.run(self._tasks(self._async.accounts, number, 1))
        if what == "async-20":
            return self._runner.run(self._tasks(self._async.accounts, max(number // 20, 2), 20))
        if what == "stream":
            return self._stream(number)
        return self._runner.run(self._async_stream(number))

    def _repeat(self, work: Callable[[], object], number: int) -> float:
        begin = time.perf_counter()
        for _ in range(number):
            work()
        return (time.perf_counter() - begin) / number

    async def _tasks(
        self, work: Callable[[], Awaitable[object]], number: int, together: int
    ) -> float:
        async def some() -> None:
            for _ in range(number):
                await work()

        begin = time.perf_counter()
        await asyncio.gather(*(some() for _ in range(together)))
        return (time.perf_counter() - begin) / number / together

    def _burst(self, to: str, count: int) -> None:
        self._control.request("GET", f"/control/burst?to={to}&kind=text&count={count}")
        if self._control.getresponse().read() != b"1":
            raise RuntimeError(f"no stream {to} is open")

    def _stream(self, count: int) -> float:
        if self._ws is None:
            client = bezant.Client(f"{self._base}/{self._name}{API}", pacing=False)
            self._ws = bezant.WsClient.connect(client, quote_backlog=10**7)
            for conid in range(FIRST_CONID, FIRST_CONID + CONTRACTS):
                self._ws.subscribe_market_data(conid)
        begin = time.perf_counter()
        self._burst(self._name, count)
        left = count
        for message in self._ws:
            if type(message) is bezant.MarketData:
                left -= 1
                if not left:
                    break
        return (time.perf_counter() - begin) / count

    async def _async_stream(self, count: int) -> float:
        to = f"{self._name}-async"
        if self._async_ws is None:
            client = bezant.AsyncClient(f"{self._base}/{to}{API}", pacing=False)
            self._async_ws = await bezant.AsyncWsClient.connect(client, quote_backlog=10**7)
            for conid in range(FIRST_CONID, FIRST_CONID + CONTRACTS):
                await self._async_ws.subscribe_market_data(conid)
        begin = time.perf_counter()
        self._burst(to, count)
        left = count
        async for message in self._async_ws:
            if type(message) is bezant.MarketData:
                left -= 1
                if not left:
                    break
        return (time.perf_counter() - begin) / count


def main() -> None:
    warnings.simplefilter("ignore")
    name, port, tls_port, account = sys.argv[1:]
    worker = Worker(name, int(port), int(tls_port), account)
    print(bezant.__file__, flush=True)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        gc.collect()
        print(worker.measure(order["what"], order["number"]), flush=True)


if __name__ == "__main__":
    main()
