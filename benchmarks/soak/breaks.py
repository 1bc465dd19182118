"""Soak test of interrupted calls: cancelled calls in asyncio, Ctrl-C in the blocking client.

``python -m benchmarks.soak.breaks cancel COUNT`` runs the cancellations,
``python -m benchmarks.soak.breaks interrupt COUNT`` the interrupts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import random
import signal
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Self

import trustme

import bezant
from bezant._core.pacing.limiter import RateLimiter
from bezant._core.pacing.limits import Limit

BODY = b'{"x":1}'
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"7\r\n" + BODY + b"\r\n0\r\n\r\n"
)


class Answering(asyncio.Protocol):
    """Server protocol that sends each response in two parts, after a random delay."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.opened += 1
        self.server.open += 1

    def connection_lost(self, _: Exception | None) -> None:
        self.server.open -= 1

    def data_received(self, data: bytes) -> None:
        self.data += data
        while b"\r\n\r\n" in self.data:
            _, _, self.data = self.data.partition(b"\r\n\r\n")
            delay = self.server.chance.random() * self.server.delay
            loop = asyncio.get_running_loop()
            loop.call_later(delay / 2, self.transport.write, RESPONSE[:90])
            loop.call_later(delay, self.transport.write, RESPONSE[90:])


class Server:
    """Server in its own thread that counts its connections."""

    def __init__(self, *, tls: bool = False, delay: float = 0.0) -> None:
        self.delay = delay
        self.opened = 0
        self.open = 0
        self.chance = random.Random(1)
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            leaf = trustme.CA().issue_cert("localhost", "127.0.0.1")
            leaf.configure_cert(self._context)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),), daemon=True)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await self._loop.create_server(
            lambda: Answering(self), "127.0.0.1", 0, ssl=self._context
        )
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()

    @property
    def base_url(self) -> str:
        return f"http{'s' if self._context else ''}://127.0.0.1:{self._port}/v1/api"

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def settles_at(self, most: int, seconds: float = 30.0) -> bool:
        """Wait until at most `most` connections are open; return False after `seconds`."""
        deadline = time.monotonic() + seconds
        while self.open > most and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.open <= most


@dataclass
class Report:
    """Result of a test: the numbers of calls by their outcome, and the first problem found.

    Attributes:
        broken: calls that were cancelled or interrupted.
        done: calls with a response.
        failed: calls that raised a `BezantError`.
        wrong: the first problem; empty without one.
    """

    broken: int = 0
    done: int = 0
    failed: int = 0
    wrong: str = ""

    def __str__(self) -> str:
        text = f"{self.broken:,} interrupted, {self.done:,} completed"
        return f"{text}: {self.wrong}" if self.wrong else f"{text}, nothing left open"


async def cancelled_calls(
    server: Server,
    count: int,
    *,
    seed: int = 1,
    together: int = 4,
    call: Callable[[bezant.AsyncClient], Awaitable[object]] | None = None,
) -> Report:
    """Cancel calls, each after a random number of event loop iterations or after a random time.

    Args:
        server: server that receives the calls.
        count: number of calls to cancel.
        seed: seed of the random decisions.
        together: number of concurrent calls.
        call: function that makes one call; a plain GET by default.
    """
    report = Report()
    chance = random.Random(seed)
    mine = asyncio.all_tasks()
    async with bezant.AsyncClient(server.base_url, timeout=60, pacing=False, retries=0) as client:

        async def plain(client: bezant.AsyncClient) -> object:
            return await client.request("GET", "/x")

        call = call or plain
        began = time.monotonic()
        for _ in range(5):
            await plain(client)
        usual = (time.monotonic() - began) / 5 * max(1, together / 4)

        async def one() -> None:
            task = asyncio.ensure_future(call(client))
            if chance.random() < 0.5:
                for _ in range(chance.randrange(40)):
                    await asyncio.sleep(0)
            else:
                await asyncio.sleep(chance.random() * usual * 1.3)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                report.broken += 1
            except bezant.BezantError:
                report.failed += 1
            else:
                report.done += 1

        while report.broken < count and not report.wrong:
            await asyncio.gather(*(one() for _ in range(together)))
            if chance.random() < 0.02:
                report.wrong = await _works(client, plain)
        report.wrong = report.wrong or await _works(client, plain)
        report.wrong = report.wrong or await _left(server, mine, 4)
        if report.failed:
            report.wrong = report.wrong or f"{report.failed} calls failed"
    report.wrong = report.wrong or await _left(server, mine, 0)
    return report


async def _works(
    client: bezant.AsyncClient, plain: Callable[[bezant.AsyncClient], Awaitable[object]]
) -> str:
    for each in await asyncio.gather(*(plain(client) for _ in range(6)), return_exceptions=True):
        if each != {"x": 1}:
            return f"the client does not work: {each!r}"
    return ""


async def _left(server: Server, before: set[asyncio.Task[object]], most: int) -> str:
    if not await asyncio.to_thread(server.settles_at, most):
        return f"{server.open} connections are open; at most {most} may be"
    if left := asyncio.all_tasks() - before:
        return f"tasks are left: {left}"
    return ""


@contextlib.contextmanager
def _alarm() -> Iterator[Callable[[float], None]]:
    """Yield a function that sets an alarm.

    The alarm raises KeyboardInterrupt in this thread after the given seconds; 0 cancels the alarm.
    """
    armed = False

    def ring(*_: object) -> None:
        nonlocal armed
        if armed:
            armed = False
            raise KeyboardInterrupt

    def arm(seconds: float) -> None:
        nonlocal armed
        armed = seconds > 0
        signal.setitimer(signal.ITIMER_REAL, seconds)

    before = signal.signal(signal.SIGALRM, ring)
    try:
        yield arm
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def interrupted_calls(server: Server, count: int, *, seed: int = 1, pacing: bool = False) -> Report:
    """Interrupt blocking calls at random moments.

    Call this in the main thread; it does not work on Windows.
    """
    report = Report()
    chance = random.Random(seed)
    client = bezant.Client(server.base_url, timeout=60, pacing=pacing, retries=0)
    if pacing:  # use the rate limiter, but with a limit so high that no call waits
        client._pipeline.limiter._limiter = RateLimiter(Limit(10**9, 0.001))
    with client, _alarm() as arm:
        began = time.monotonic()
        for _ in range(10):
            client.request("GET", "/x")
        usual = (time.monotonic() - began) / 10
        while report.broken < count and not report.wrong:
            try:
                arm(1e-6 + chance.random() * usual * 1.2)
                client.request("GET", "/x")
                arm(0)
            except KeyboardInterrupt:
                report.broken += 1
            else:
                report.done += 1
            try:
                client.request("GET", "/x")
            except bezant.BezantError as error:
                report.wrong = f"the client does not work: {error!r}"
        if not report.wrong and not server.settles_at(4):
            report.wrong = f"{server.open} connections are open"
    if not report.wrong and not server.settles_at(0):
        report.wrong = f"{server.open} connections are open after the client was closed"
    return report


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak.breaks", description=__doc__)
    parser.add_argument("what", choices=["cancel", "interrupt"])
    parser.add_argument("count", type=int)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument(
        "--delay", type=float, default=0.0, help="longest delay of a response, in seconds"
    )
    parser.add_argument("--together", type=int, default=4, help="number of concurrent calls")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument(
        "--pacing", action="store_true", help="take a rate limit slot for each call"
    )
    options = parser.parse_args()
    logging.disable(logging.ERROR)
    with Server(tls=options.tls, delay=options.delay) as server:
        if options.what == "interrupt":
            report = interrupted_calls(
                server, options.count, seed=options.seed, pacing=options.pacing
            )
        else:
            factory = None
            if options.uvloop:
                import uvloop

                factory = uvloop.new_event_loop
            with asyncio.Runner(loop_factory=factory) as runner:
                report = runner.run(
                    cancelled_calls(
                        server, options.count, seed=options.seed, together=options.together
                    )
                )
    print(report)
    raise SystemExit(bool(report.wrong))


if __name__ == "__main__":
    main()
