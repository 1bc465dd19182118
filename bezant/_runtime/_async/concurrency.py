"""Clocks, locks, events and background workers on asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Generic, TypeAlias, TypeVar

from ...errors import WrongContext

T = TypeVar("T")
_logger = logging.getLogger("bezant")

monotonic = time.monotonic
wall_time = time.time
chance = random.random


async def sleep(seconds: float) -> None:
    """Wait for a number of seconds."""
    await asyncio.sleep(seconds)


class Owner:
    """Process and event loop to which a client belongs from its first use."""

    def __init__(self) -> None:
        self._pid = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def check(self) -> None:
        """Check that this is the client's event loop and process.

        Raises:
            WrongContext: the client was first used in another event loop or process.
        """
        if self.inherited:
            raise WrongContext(
                "this client was used before the fork; make a client in each process"
            )
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise WrongContext(
                "this client needs a running asyncio event loop; call it in a coroutine"
            ) from None
        if self._loop is None:
            self._loop = loop
            self._pid = os.getpid()
        elif self._loop is not loop:
            raise WrongContext(
                "this client belongs to another event loop; make a client in each event loop"
            )

    @property
    def inherited(self) -> bool:
        """Whether this process was forked from the owner, and so must not close the sockets."""
        return self._pid not in (0, os.getpid())


class StateLock:
    """Stand-in for a lock on state; does nothing.

    The code in its `with` block never awaits, so no other task of the event loop can run within the
    block, and no lock is needed.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc_info: object) -> None:
        pass


def guarded(lock: StateLock, function: Callable[[], T]) -> Callable[[], T]:  # noqa: ARG001
    """Return `function` unchanged: no other task of the event loop can run in the middle of it."""
    return function


class Lock:
    """Lock that a task holds while it sends a message, so that messages stay in order."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> None:
        await self._lock.acquire()

    async def __aexit__(self, *exc_info: object) -> None:
        self._lock.release()


class Event:
    """Flag that callers can wait for."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Set the flag permanently."""
        self._event.set()

    def is_set(self) -> bool:
        """Return whether the flag is set."""
        return self._event.is_set()

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is set; return False if the timeout passes first."""
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return False
        return True


class Notifier:
    """Bell that wakes all callers waiting for its next ring.

    Attributes:
        count: number of rings so far. To wait for the next ring, pass the last count that you have
            seen to `wait`.
    """

    def __init__(self) -> None:
        self.count: int = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake all waiting callers."""
        self.count += 1
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, heard: int, timeout: float | None = None) -> bool:
        """Wait until `count` differs from `heard`; return False if the timeout passes first."""
        if self.count != heard:
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            async with asyncio.timeout(timeout):
                await waiter
        except TimeoutError:
            return self.count != heard
        finally:
            self._waiting.discard(waiter)
        return True


class Waker:
    """Wakes one waiting caller; any thread and any event loop may call `wake`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def wake(self) -> None:
        """End the wait: at once, or as soon as it begins."""
        # If the loop was closed in the meantime, nobody is waiting any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, timeout: float) -> None:
        """Wait until `wake` is called, or until the timeout."""
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            pass


_running: set[asyncio.Task[None]] = set()


class Worker:
    """Background task that does not keep the process alive."""

    def __init__(self, target: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        task = asyncio.get_running_loop().create_task(target(), name=name)
        self._task = task
        _running.add(task)
        task.add_done_callback(_running.discard)

    @property
    def alive(self) -> bool:
        """Whether the worker is still running."""
        return not self._task.done()

    def abandon(self) -> None:
        """End the worker without waiting; any thread or garbage collection may call this."""
        with contextlib.suppress(
            RuntimeError
        ):  # the loop was closed, and the task has ended with it
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    async def stop(self, grace: float = 1.0) -> None:
        """End the worker, even in the middle of a call; wait up to `grace` seconds for its end.

        If the worker still runs after that time, a warning is logged.
        """
        if self._task is asyncio.current_task() or self._task.done():
            return
        if self._task.get_loop() is not asyncio.get_running_loop():
            self.abandon()
            return
        self._task.cancel()
        await asyncio.wait([self._task], timeout=grace)
        if not self._task.done():  # pragma: no cover - needs a callback that eats cancellation
            _logger.warning("the task %s does not stop", self._task.get_name())


Promise: TypeAlias = Awaitable[T]


async def call(function: Callable[..., object], *args: object) -> None:
    """Call a user's callback, and wait for it if it is asynchronous."""
    result = function(*args)
    if inspect.isawaitable(result):
        await result


async def call_within(seconds: float, function: Callable[[], object]) -> object:
    """Call a user's function and return its result; await an asynchronous function.

    Raises:
        TimeoutError: an asynchronous function took longer than `seconds`. A blocking function
            cannot be stopped.
    """
    async with asyncio.timeout(seconds):
        result = function()
        return await result if inspect.isawaitable(result) else result


C = TypeVar("C", bound="Any")


class Connecting(Generic[C]):
    """Connection that is being opened: await this object, or use it in ``async with``."""

    def __init__(self, opening: Coroutine[Any, Any, C]) -> None:
        self._opening = opening
        self._opened: C | None = None

    def __await__(self) -> Generator[Any, None, C]:
        return self._opening.__await__()

    async def __aenter__(self) -> C:
        self._opened = await self._opening
        return self._opened

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._opened is not None:
            await self._opened.aclose()


def connecting(opening: Coroutine[Any, Any, C]) -> Connecting[C]:
    """Return an awaitable context manager for a connection that is being opened."""
    return Connecting(opening)


async def run_blocking(function: Callable[[], T]) -> T:
    """Call a function that blocks for a short time, for example while it reads a file.

    Other tasks of the event loop run in the meantime.
    """
    return await asyncio.to_thread(function)
