"""What the blocking tests need and cannot say the same way in both worlds."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def gather(*functions: Callable[[], T]) -> list[T | BaseException]:
    """Run functions side by side and return their results or errors."""
    with ThreadPoolExecutor(max(len(functions), 1)) as pool:
        futures = [pool.submit(each) for each in functions]
    return [each.exception() or each.result() for each in futures]


def pause(seconds: float) -> None:
    """Let others run for a while."""
    assert seconds <= 0.2
    time.sleep(seconds)


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until something has become true."""
    for _ in range(int(seconds / 0.005)):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError(f"not within {seconds} s")


def later(function: Callable[[], Any]) -> Future[Any]:
    """Start something beside."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(function)
    pool.shutdown(wait=False)
    return future


def result(future: Future[T]) -> T:
    """Wait for what was started beside."""
    return future.result(60)
