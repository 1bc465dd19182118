"""Helpers of the blocking tests; `_async` has async helpers with the same names."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from bezant._runtime._shared.http_packages import httpx

T = TypeVar("T")


def direct() -> httpx.HTTPTransport:
    """Return a custom transport, with which the client also sends operations that need OAuth."""
    return httpx.HTTPTransport()


def gather(*functions: Callable[[], T]) -> list[T | BaseException]:
    """Run functions concurrently and return their results or errors."""
    with ThreadPoolExecutor(max(len(functions), 1)) as pool:
        futures = [pool.submit(each) for each in functions]
    return [each.exception() or each.result() for each in futures]


def pause(seconds: float) -> None:
    """Let other threads run for `seconds`, which must not exceed 0.2."""
    assert seconds <= 0.2
    time.sleep(seconds)


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until a condition is true; fail after `seconds`."""
    for _ in range(int(seconds / 0.005)):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError(f"the condition was not true within {seconds} s")


def later(function: Callable[[], Any]) -> Future[Any]:
    """Start a function in a background thread."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(function)
    pool.shutdown(wait=False)
    return future


def result(future: Future[T]) -> T:
    """Wait for a background function and return its result."""
    return future.result(60)
