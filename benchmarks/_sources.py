"""Market data streams of bezant and of other libraries, all with the interface `Source`."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import websocket
from ibind import CallbackSink, IbkrClient, IbkrWsClient, events
from ibind.ibkr_ws.ibkr_subscriptions import MarketDataSubscription
from websockets.asyncio.client import ClientConnection, connect

import bezant
from benchmarks import _payloads as payloads
from benchmarks._setting import API, Setting

Took = Callable[[str], None]
"""Callback that gets each message's last price."""

CONIDS = range(payloads.FIRST_CONID, payloads.FIRST_CONID + payloads.CONTRACTS)
PATIENCE = 60.0


class Quote(msgspec.Struct):
    """Type into which market data is decoded when a bare WebSocket library is measured."""

    topic: str = ""
    conid: int = 0
    conid_ex: str = msgspec.field(default="", name="conidEx")
    updated: int = msgspec.field(default=0, name="_updated")
    last: str = msgspec.field(default="", name="31")
    bid: str = msgspec.field(default="", name="84")
    ask: str = msgspec.field(default="", name="86")


class Source(Protocol):
    """An open stream of market data, in any library."""

    name: str

    def receive(self, count: int, start: Callable[[], None], took: Took | None = None) -> None:
        """Call `start`, then wait until the stream has delivered `count` messages.

        Args:
            count: number of messages.
            start: function that makes the server send the messages.
            took: function called with each message's last price, which contains the time of
                sending; None for no function.
        """

    def close(self) -> None:
        """Close the stream."""


class Blocking:
    """Blocking stream of bezant."""

    def __init__(self, setting: Setting, name: str = "bezant") -> None:
        self.name = name
        self._client = bezant.Client(f"{setting.root}/{name}{API}", pacing=False)
        self.ws = bezant.WsClient.connect(self._client, quote_backlog=10**7)
        for conid in CONIDS:
            self.ws.subscribe_market_data(conid)

    def receive(self, count: int, start: Callable[[], None], took: Took | None = None) -> None:
        start()
        left = count
        for message in self.ws:
            if type(message) is bezant.MarketData:
                if took is not None:
                    took(message.raw["31"])
                left -= 1
                if not left:
                    return

    def close(self) -> None:
        self.ws.close()
        self._client.close()


class Asynchronous:
    """Async stream of bezant."""

    def __init__(self, setting: Setting, runner: asyncio.Runner) -> None:
        self.name = "bezant-async"
        self._runner = runner
        self._setting = setting
        runner.run(self._open())

    async def _open(self) -> None:
        base = f"{self._setting.root}/{self.name}{API}"
        self._client = bezant.AsyncClient(base, pacing=False)
        self._ws = await bezant.AsyncWsClient.connect(self._client, quote_backlog=10**7)
        for conid in CONIDS:
            await self._ws.subscribe_market_data(conid)

    def receive(self, count: int, start: Callable[[], None], took: Took | None = None) -> None:
        self._runner.run(self._receive(count, start, took))

    async def _receive(self, count: int, start: Callable[[], None], took: Took | None) -> None:
        start()
        left = count
        async for message in self._ws:
            if type(message) is bezant.MarketData:
                if took is not None:
                    took(message.raw["31"])
                left -= 1
                if not left:
                    return

    def close(self) -> None:
        self._runner.run(self._close())

    async def _close(self) -> None:
        await self._ws.aclose()
        await self._client.aclose()


class BareBlocking:
    """Stream of the bare library websocket-client, with messages decoded by msgspec."""

    def __init__(self, setting: Setting) -> None:
        self.name = "websocket-client"
        url = f"ws://127.0.0.1:{setting.port}/{self.name}{API}/ws?quiet"
        self._ws: Any = websocket.create_connection(url, skip_utf8_validation=True)
        self._decode = msgspec.json.Decoder(Quote).decode
        for _ in range(2):  # skip the messages `system` and `sts`
            self._ws.recv()

    def receive(self, count: int, start: Callable[[], None], took: Took | None = None) -> None:
        start()
        receive, decode = self._ws.recv, self._decode
        for _ in range(count):
            quote = decode(receive())
            if took is not None:
                took(quote.last)

    def close(self) -> None:
        self._ws.close()


class BareAsynchronous:
    """Stream of the bare library websockets, with messages decoded by msgspec."""

    def __init__(self, setting: Setting, runner: asyncio.Runner) -> None:
        self.name = "websockets"
        self._runner = runner
        self._setting = setting
        self._decode = msgspec.json.Decoder(Quote).decode
        self._ws: ClientConnection = runner.run(self._open())

    async def _open(self) -> ClientConnection:
        url = f"ws://127.0.0.1:{self._setting.port}/{self.name}{API}/ws?quiet"
        ws = await connect(url, compression=None, ping_interval=None)
        for _ in range(2):  # skip the messages `system` and `sts`
            await ws.recv()
        return ws

    def receive(self, count: int, start: Callable[[], None], took: Took | None = None) -> None:
        self._runner.run(self._receive(count, start, took))

    async def _receive(self, count: int, start: Callable[[], None], took: Took | None) -> None:
        start()
        decode = self._decode
        left = count
        async for message in self._ws:
            quote = decode(message)
            if took is not None:
                took(quote.last)
            left -= 1
            if not left:
                return

    def close(self) -> None:
        self._runner.run(self._ws.close())


class Ibind:
    """Stream of ibind with a callback, in ibind's default mode or its faster synchronous mode."""

    def __init__(self, setting: Setting, *, synchronous: bool) -> None:
        self.name = "ibind-synchronous" if synchronous else "ibind"
        self._left = 0
        self._took: Took | None = None
        self._done = threading.Event()
        sink = CallbackSink()
        sink.on(events.MarketData, self._on_quote)
        rest = IbkrClient(url=setting.base, cacert=False)
        self._ws = IbkrWsClient(
            url=f"ws://127.0.0.1:{setting.port}/{self.name}{API}/ws",
            ibkr_client=rest,
            cacert=False,
            sink=sink,
            synchronous_output_events=synchronous,
        )
        if not self._ws.start():
            raise RuntimeError("ibind's stream does not start")
        for conid in CONIDS:
            self._ws.subscribe(MarketDataSubscription(conid=str(conid), fields=["31", "84", "86"]))

    def _on_quote(self, quote: Any) -> None:
        if self._took is not None:
            self._took(quote.data["last_price"])
        self._left -= 1
        if self._left == 0:
            self._done.set()

    def receive(self, count: int, start: Callable[[], None], took: Took | None = None) -> None:
        self._took = took
        self._left = count
        self._done.clear()
        start()
        if not self._done.wait(PATIENCE):
            raise RuntimeError(f"{self.name} did not deliver {self._left} of {count} messages")

    def close(self) -> None:
        self._ws.shutdown()


def rate(source: Source, setting: Setting, kind: str, count: int) -> float:
    """Return the average seconds that a stream takes for each message of a burst."""
    begin = time.perf_counter()
    source.receive(count, lambda: setting.start("burst", source.name, kind=kind, count=count))
    return (time.perf_counter() - begin) / count
