"""What the asynchronous tests need and cannot say the same way in both worlds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def gather(*functions: Callable[[], Awaitable[T]]) -> list[T | BaseException]:
    """Run functions side by side and return their results or errors."""
    return await asyncio.gather(*(each() for each in functions), return_exceptions=True)


async def pause(seconds: float) -> None:
    """Let others run for a while."""
    assert seconds <= 0.2
    await asyncio.sleep(seconds)


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until something has become true."""
    for _ in range(int(seconds / 0.005)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"not within {seconds} s")


def later(function: Callable[[], Any]) -> asyncio.Task[Any]:
    """Start something beside."""
    return asyncio.ensure_future(function())


async def result(task: asyncio.Task[T]) -> T:
    """Wait for what was started beside."""
    return await task
