"""Clocks, locks, events and background workers on threads; waiting workers can be stopped.

The garbage collector may call a function that wakes a thread, even in a thread that is waiting
itself. So no function here takes a lock that its thread may already hold.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Annotated, Final, Self, TypeAlias, TypeVar, cast

from ...errors import WrongContext

if TYPE_CHECKING:
    from .._shared.http import Attempt

C = TypeVar("C")
T = TypeVar("T")

monotonic = time.monotonic
wall_time = time.time
chance = random.random


class Owner:
    """Process to which a client belongs from its first use."""

    def __init__(self) -> None:
        self._pid = 0

    def check(self) -> None:
        """Check that this is the client's process.

        Raises:
            WrongContext: the client was first used in another process.
        """
        if self.inherited:
            raise WrongContext(
                "this client was used before the fork; make a client in each process"
            )
        self._pid = os.getpid()

    @property
    def inherited(self) -> bool:
        """Whether this process was forked from the owner, and so must not close the sockets."""
        return self._pid not in (0, os.getpid())


class StateLock:
    """Lock for state. A thread that holds the lock never waits for anything else."""

    def __new__(cls) -> Self:
        """Return Python's own lock.

        Ctrl-C can end a method written in Python at its start and after each call in it, so a lock
        with such methods could stay locked permanently.
        """
        return cast("Self", threading.Lock())

    def __enter__(self) -> None: ...

    def __exit__(self, *exc_info: object) -> None: ...


def guarded(lock: StateLock, function: Callable[[], T]) -> Callable[[], T]:
    """Return a function that takes the lock and calls `function`."""

    def call() -> T:
        with lock:
            return function()

    return call


class Lock:
    """Lock that a thread holds while it sends a message, so that messages stay in order."""

    def __new__(cls) -> Self:
        """Return Python's own lock; see `StateLock`."""
        return cast("Self", threading.Lock())

    def __enter__(self) -> None: ...

    def __exit__(self, *exc_info: object) -> None: ...


Promise: TypeAlias = Annotated[C, "done at once"]


def call(function: Callable[..., object], *args: object) -> None:
    """Call a user's callback."""
    function(*args)


def call_within(seconds: float, function: Callable[[], object]) -> object:  # noqa: ARG001
    """Call a user's function and return its result.

    `seconds` has no effect, because a blocking function cannot be stopped.
    """
    return function()


Connecting: TypeAlias = Annotated[C, "connected at once"]


def connecting(opened: C) -> C:
    """Return the connection unchanged, because the blocking client has already opened it."""
    return opened


_logger = logging.getLogger("bezant")
_current = threading.local()


class Stopped(BaseException):
    """Exception that ends a waiting worker, like a cancellation; only `Worker` catches it."""


class _Nap:
    """One wait of a thread. Another thread can end the wait with `wake`, even before it begins."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def wake(self) -> None:
        """End the wait: at once, or as soon as it begins."""
        with contextlib.suppress(RuntimeError):  # raised if the wait was already ended
            self._lock.release()

    def take(self, timeout: float | None) -> None:
        """Wait until `wake` is called, or until the timeout.

        Raises:
            Stopped: the waiting worker has to end.
        """
        seconds = -1 if timeout is None else min(max(timeout, 0), threading.TIMEOUT_MAX)
        worker: Worker | None = getattr(_current, "worker", None)
        if worker is None:
            self._lock.acquire(timeout=seconds)
            return
        worker.nap = self
        try:
            _check(worker)
            self._lock.acquire(timeout=seconds)
        finally:
            worker.nap = None
        _check(worker)


def _check(worker: Worker) -> None:
    if worker.stopped:
        raise Stopped


@contextlib.contextmanager
def attempting(attempt: Attempt) -> Generator[None, None, None]:
    """Run the `with` block so that stopping the current worker also ends `attempt`.

    Raises:
        Stopped: the worker was stopped.
    """
    worker: Worker | None = getattr(_current, "worker", None)
    if worker is None:
        yield
        return
    worker.attempt = attempt
    try:
        _check(worker)
        yield
    finally:
        worker.attempt = None


def sleep(seconds: float) -> None:
    """Wait for a number of seconds."""
    if getattr(_current, "worker", None) is None:
        time.sleep(seconds)
    else:
        _Nap().take(seconds)


class Event:
    """Flag that callers can wait for."""

    def __init__(self) -> None:
        self._flag = False
        self._naps: set[_Nap] = set()

    def set(self) -> None:
        """Set the flag permanently."""
        self._flag = True
        for nap in list(self._naps):
            nap.wake()

    def is_set(self) -> bool:
        """Return whether the flag is set."""
        return self._flag

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is set; return False if the timeout passes first."""
        nap = _Nap()
        self._naps.add(nap)
        try:
            if not self._flag:
                nap.take(timeout)
        finally:
            self._naps.discard(nap)
        return self._flag


class Notifier:
    """Bell that wakes all callers waiting for its next ring.

    Attributes:
        count: number of rings so far. To wait for the next ring, pass the last count that you have
            seen to `wait`.
    """

    def __init__(self) -> None:
        self.count: int = 0
        self._naps: set[_Nap] = set()

    def ring(self) -> None:
        """Wake all waiting callers."""
        self.count += 1
        for nap in list(self._naps):
            nap.wake()

    def wait(self, heard: int, timeout: float | None = None) -> bool:
        """Wait until `count` differs from `heard`; return False if the timeout passes first."""
        nap = _Nap()
        self._naps.add(nap)
        try:
            if self.count == heard:
                nap.take(timeout)
        finally:
            self._naps.discard(nap)
        return self.count != heard


class Waker:
    """Wakes one waiting caller; any thread and any event loop may call `wake`."""

    def __init__(self) -> None:
        self._nap = _Nap()

    def wake(self) -> None:
        """End the wait: at once, or as soon as it begins."""
        self._nap.wake()

    def wait(self, timeout: float) -> None:
        """Wait until `wake` is called, or until the timeout."""
        self._nap.take(timeout)


_AGAIN: Final = 0.02


class Worker:
    """Background thread that does not keep the process alive.

    Attributes:
        nap: the worker's current wait; None for none.
        attempt: the worker's current attempt at a call; None for none.
        stopped: whether the worker has to end.
    """

    def __init__(self, target: Callable[[], None], name: str) -> None:
        self.nap: _Nap | None = None
        self.attempt: Attempt | None = None
        self.stopped = False
        self._thread = threading.Thread(target=self._work, args=(target,), name=name, daemon=True)
        self._thread.start()

    def _work(self, target: Callable[[], None]) -> None:
        _current.worker = self
        with contextlib.suppress(Stopped):
            target()

    @property
    def alive(self) -> bool:
        """Whether the worker is still running."""
        return self._thread.is_alive()

    def abandon(self) -> None:
        """End the worker without waiting; any thread or garbage collection may call this."""
        self.stopped = True
        nap = self.nap
        if nap is not None:
            nap.wake()
        attempt = self.attempt
        if attempt is not None:
            attempt.stop()

    def stop(self, grace: float = 1.0) -> None:
        """End the worker, even in the middle of a call; wait up to `grace` seconds for its end.

        If the worker still runs after that time, a warning is logged.
        """
        if self._thread is threading.current_thread():
            return
        deadline = time.monotonic() + grace
        while self._thread.is_alive() and time.monotonic() < deadline:
            self.abandon()
            self._thread.join(_AGAIN)
        if self._thread.is_alive():
            # The thread ends by itself later, because it is a daemon and its call has a deadline.
            _logger.warning("the thread %s is still in the middle of a call", self._thread.name)


def run_blocking(function: Callable[[], T]) -> T:
    """Call a function that blocks for a short time, for example while it reads a file."""
    return function()
