"""Runs the same script with both twins: the blocking client and the async client.

A script is a generator that yields functions to call and receives their results.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import bezant

T = TypeVar("T")
Script = Generator[Callable[[], Any], Any, T]


class Blocking:
    """Runs scripts with the blocking client; concurrent scripts run in threads."""

    name = "blocking"
    Client: Any = bezant.Client
    WsClient: Any = bezant.WsClient

    def run(self, script: Script[T], *, alone: bool = True) -> T:
        """Run a script and return its result.

        Args:
            script: the script.
            alone: whether to raise an error if threads that the script started are left at the end.
        """
        before = set(threading.enumerate())
        result = self._drive(script)
        ends = time.monotonic() + 30
        while alone and (left := set(threading.enumerate()) - before):
            if time.monotonic() > ends:
                raise AssertionError(f"threads left: {left}")
            time.sleep(0.01)
        return result

    def _drive(self, script: Script[T]) -> T:
        try:
            call = next(script)
            while True:
                try:
                    value = call()
                except Exception as error:  # noqa: BLE001 - the script handles it
                    call = script.throw(error)
                else:
                    call = script.send(value)
        except StopIteration as end:
            result: T = end.value
            return result

    def together(self, scripts: Sequence[Script[Any]]) -> list[Any]:
        """Run scripts concurrently, and return their results."""
        with ThreadPoolExecutor(max(len(scripts), 1)) as pool:
            return list(pool.map(self._drive, scripts))

    def sleep(self, seconds: float) -> None:
        """Wait for some seconds."""
        time.sleep(seconds)


class Asynchronous:
    """Runs scripts with the async client; concurrent scripts run as tasks."""

    name = "async"
    Client: Any = bezant.AsyncClient
    WsClient: Any = bezant.AsyncWsClient

    def run(self, script: Script[T], *, alone: bool = True) -> T:
        """Run a script in a new event loop, and return its result.

        Raise an error if tasks are left at the end.
        """
        del alone  # not needed: each script has an event loop of its own

        async def main() -> T:
            result = await self._drive(script)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            if left:
                raise AssertionError(f"tasks left: {left}")
            return result

        return asyncio.run(main())

    async def _drive(self, script: Script[T]) -> T:
        try:
            call = next(script)
            while True:
                try:
                    value = call()
                    if inspect.isawaitable(value):
                        value = await value
                except Exception as error:  # noqa: BLE001 - the script handles it
                    call = script.throw(error)
                else:
                    call = script.send(value)
        except StopIteration as end:
            result: T = end.value
            return result

    async def together(self, scripts: Sequence[Script[Any]]) -> list[Any]:
        """Run scripts concurrently; return their results."""
        return list(await asyncio.gather(*(self._drive(each) for each in scripts)))

    async def sleep(self, seconds: float) -> None:
        """Wait for some seconds."""
        await asyncio.sleep(seconds)


Twin = Blocking | Asynchronous
TWINS: tuple[Twin, ...] = (Blocking(), Asynchronous())


def close(thing: Any) -> Any:
    """Close a client or a stream, blocking or async."""
    return thing.aclose() if hasattr(thing, "aclose") else thing.close()


def check(holds: object, why: str) -> None:
    """Raise AssertionError if a condition is false, even when Python runs with ``-O``."""
    if not holds:
        raise AssertionError(why)
