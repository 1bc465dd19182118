"""The async and the blocking client behind one async interface, so that a test can use both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import bezant
from bezant._core.pacing.order_turns import OrderTurns
from bezant._runtime._shared import order_turns
from bezant._runtime._shared.limiters import ProcessRateLimiter


class Threaded:
    """Async wrapper around a blocking object; each method call runs in a thread."""

    def __init__(self, blocking: Any) -> None:
        self.blocking = blocking

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.blocking, name)
        if not callable(found):
            return found

        async def call(*arguments: Any, **options: Any) -> Any:
            result = await asyncio.to_thread(found, *arguments, **options)
            handles = (bezant.Client, bezant.Keepalive, bezant.Subscription)
            return Threaded(result) if isinstance(result, handles) else result

        return call

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.blocking.__enter__)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await asyncio.to_thread(self.blocking.__exit__, *exc_info)


@dataclass(frozen=True)
class Twin:
    """One of the two kinds of client, async or blocking."""

    name: str

    def client(self, base_url: str, **options: Any) -> Any:
        """Return a client; use it with ``async with``."""
        if self.name == "async":
            return bezant.AsyncClient(base_url, **options)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(24))
        return Threaded(bezant.Client(base_url, **options))

    def stranger(self, base_url: str, **options: Any) -> Any:
        """Return a client that shares no state with other clients, as in another process."""
        client = self.client(base_url, **options)
        inner = client.blocking if isinstance(client, Threaded) else client
        inner._pipeline.limiter = ProcessRateLimiter()
        return client

    async def connect(self, client: Any, **options: Any) -> Any:
        """Open a stream, by default without reconnection; use it with ``async with``."""
        if "reconnect" in inspect.signature(bezant.WsClient.connect).parameters:
            options = {"reconnect": False} | options
        if self.name == "async":
            return await bezant.AsyncWsClient.connect(client, **options)

        def connect() -> Any:
            return bezant.WsClient.connect(client.blocking, **options)

        return Threaded(await asyncio.to_thread(connect))

    async def keepalive(self, client: Any, interval: float, **options: Any) -> Any:
        """Start a keepalive; use it with ``async with``."""
        if self.name == "async":
            return client.keepalive(interval, **options)
        return await client.keepalive(interval, **options)


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until a condition is true; fail after `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.01)


def forget_questions() -> None:
    """Forget all open questions about orders, because the server behind the gateway was reset."""
    for turns in order_turns._registry.values():
        turns._turns = OrderTurns()
        turns.questions = frozenset()
