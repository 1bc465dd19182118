"""Helpers of the async tests; `_sync` has blocking helpers with the same names."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from bezant._runtime._shared.http_packages import httpx

T = TypeVar("T")


def direct() -> httpx.AsyncHTTPTransport:
    """Return a custom transport, with which the client also sends operations that need OAuth."""
    return httpx.AsyncHTTPTransport()


async def gather(*functions: Callable[[], Awaitable[T]]) -> list[T | BaseException]:
    """Run functions concurrently and return their results or errors."""
    return await asyncio.gather(*(each() for each in functions), return_exceptions=True)


async def pause(seconds: float) -> None:
    """Let other tasks run for `seconds`, which must not exceed 0.2."""
    assert seconds <= 0.2
    await asyncio.sleep(seconds)


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until a condition is true; fail after `seconds`."""
    for _ in range(int(seconds / 0.005)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"the condition was not true within {seconds} s")


def later(function: Callable[[], Any]) -> asyncio.Task[Any]:
    """Start a function as a task in the background."""
    return asyncio.ensure_future(function())


async def result(task: asyncio.Task[T]) -> T:
    """Wait for a background task and return its result."""
    return await task
