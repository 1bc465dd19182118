"""The asyncio side's clocks, locks, workers and waiting."""

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
    """Wait."""
    await asyncio.sleep(seconds)


class Owner:
    """The process and the event loop that a client belongs to, from its first use on."""

    def __init__(self) -> None:
        self._pid = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def check(self) -> None:
        """Refuse another loop or a forked process.

        Raises:
            WrongContext: this is not where the client was first used.
        """
        if self.inherited:
            raise WrongContext("this client was used before the fork; make one in each process")
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise WrongContext("this client needs a running asyncio event loop") from None
        if self._loop is None:
            self._loop = loop
            self._pid = os.getpid()
        elif self._loop is not loop:
            raise WrongContext(
                "this client belongs to another event loop; make one in each loop that needs it"
            )

    @property
    def inherited(self) -> bool:
        """Whether this process was forked from the owner: what it would close is not its own."""
        return self._pid not in (0, os.getpid())


class StateLock:
    """Guards state that is never awaited over: one loop needs no real lock."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc_info: object) -> None:
        pass


class Lock:
    """Held over sending, so that it stays in order."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> None:
        await self._lock.acquire()

    async def __aexit__(self, *exc_info: object) -> None:
        self._lock.release()


class Event:
    """A flag that can be waited for."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Raise the flag, for good."""
        self._event.set()

    def is_set(self) -> bool:
        """Say whether it is raised."""
        return self._event.is_set()

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is raised; False when the time-out passes first."""
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return False
        return True


class Notifier:
    """Rings for everybody who waits; who has heard it before waits for the next time."""

    def __init__(self) -> None:
        self.count: int = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake everybody who waits."""
        self.count += 1
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, heard: int, timeout: float | None = None) -> bool:
        """Wait until the count is no longer what it was; False when the time-out passes first."""
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
    """Ends one wait, from any thread and any event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def wake(self) -> None:
        """End the wait, now or when it begins."""
        # A loop that has been closed meanwhile has nobody left to wake.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, timeout: float) -> None:
        """Wait until woken, or until the time-out."""
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            pass


_running: set[asyncio.Task[None]] = set()


class Worker:
    """Something that runs beside its starter and never keeps the process alive."""

    def __init__(self, target: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        task = asyncio.get_running_loop().create_task(target(), name=name)
        self._task = task
        _running.add(task)
        task.add_done_callback(_running.discard)

    @property
    def alive(self) -> bool:
        """Whether it is still running."""
        return not self._task.done()

    def abandon(self) -> None:
        """Have it end, from wherever the garbage collector happens to run; do not wait."""
        with contextlib.suppress(RuntimeError):  # the loop has been closed, and so is the task
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    async def stop(self, grace: float = 1.0) -> None:
        """End it, in the middle of a call if need be, and wait until it has ended."""
        if self._task is asyncio.current_task() or self._task.done():
            return
        if self._task.get_loop() is not asyncio.get_running_loop():
            self.abandon()
            return
        self._task.cancel()
        await asyncio.wait([self._task], timeout=grace)
        if not self._task.done():  # pragma: no cover - needs a callback that eats cancellation
            _logger.warning("%s does not stop", self._task.get_name())


Promise: TypeAlias = Awaitable[T]


async def call(function: Callable[..., object], *args: object) -> None:
    """Call a user's callback; wait for it where it is asynchronous."""
    result = function(*args)
    if inspect.isawaitable(result):
        await result


async def call_within(seconds: float, function: Callable[[], object]) -> object:
    """Call a user's function and return its result; wait for it where it is asynchronous.

    Raises:
        TimeoutError: an asynchronous function took longer. Others cannot be stopped.
    """
    async with asyncio.timeout(seconds):
        result = function()
        return await result if inspect.isawaitable(result) else result


C = TypeVar("C", bound="Any")


class Connecting(Generic[C]):
    """A connection in the making: await it, or use it in ``async with``."""

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
    """Return a connection in the making."""
    return Connecting(opening)
