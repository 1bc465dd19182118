"""The threads side's clocks, locks and waiting, and workers that can be ended while they wait.

Whatever wakes somebody may run in the garbage collector, in a thread that is in the middle of
waiting itself. So nothing here takes a lock that it could hold already.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Generator
from typing import Annotated, Final, Self, TypeAlias, TypeVar, cast

from ...errors import WrongContext
from .._shared.http import Attempt

C = TypeVar("C")

monotonic = time.monotonic
wall_time = time.time
chance = random.random


class Owner:
    """The process that a client belongs to, from its first use on."""

    def __init__(self) -> None:
        self._pid = 0

    def check(self) -> None:
        """Refuse a forked process.

        Raises:
            WrongContext: this is not where the client was first used.
        """
        if self.inherited:
            raise WrongContext("this client was used before the fork; make one in each process")
        self._pid = os.getpid()

    @property
    def inherited(self) -> bool:
        """Whether this process was forked from the owner: what it would close is not its own."""
        return self._pid not in (0, os.getpid())


class StateLock:
    """Guards state that is never waited over."""

    def __new__(cls) -> Self:
        """Return Python's own lock.

        Ctrl-C can end a method that is written in Python at its beginning and after each call in
        it: such a lock would stay locked for good.
        """
        return cast("Self", threading.Lock())

    def __enter__(self) -> None: ...

    def __exit__(self, *exc_info: object) -> None: ...


class Lock:
    """Held over sending, so that it stays in order."""

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
    """Call a user's function and return its result. Nothing can stop it."""
    return function()


Connecting: TypeAlias = Annotated[C, "connected at once"]


def connecting(opened: C) -> C:
    """Return a connection: on this side it has been made."""
    return opened


_logger = logging.getLogger("bezant")
_current = threading.local()


class Stopped(BaseException):
    """The worker that is waiting has to end. Like a cancellation, only its owner catches it."""


class _Nap:
    """One wait, which ends when it is woken; being woken first is fine."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def wake(self) -> None:
        """End it, now or when it begins."""
        with contextlib.suppress(RuntimeError):  # it was woken before
            self._lock.release()

    def take(self, timeout: float | None) -> None:
        """Wait until woken, or until the time-out.

        Raises:
            Stopped: the worker that waits has to end.
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
    """Let whoever stops this worker end an attempt at a call.

    Raises:
        Stopped: somebody has.
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
    """Wait."""
    if getattr(_current, "worker", None) is None:
        time.sleep(seconds)
    else:
        _Nap().take(seconds)


class Event:
    """A flag that can be waited for."""

    def __init__(self) -> None:
        self._flag = False
        self._naps: set[_Nap] = set()

    def set(self) -> None:
        """Raise the flag, for good."""
        self._flag = True
        for nap in list(self._naps):
            nap.wake()

    def is_set(self) -> bool:
        """Say whether it is raised."""
        return self._flag

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is raised; False when the time-out passes first."""
        nap = _Nap()
        self._naps.add(nap)
        try:
            if not self._flag:
                nap.take(timeout)
        finally:
            self._naps.discard(nap)
        return self._flag


class Notifier:
    """Rings for everybody who waits; who has heard it before waits for the next time."""

    def __init__(self) -> None:
        self.count: int = 0
        self._naps: set[_Nap] = set()

    def ring(self) -> None:
        """Wake everybody who waits."""
        self.count += 1
        for nap in list(self._naps):
            nap.wake()

    def wait(self, heard: int, timeout: float | None = None) -> bool:
        """Wait until the count is no longer what it was; False when the time-out passes first."""
        nap = _Nap()
        self._naps.add(nap)
        try:
            if self.count == heard:
                nap.take(timeout)
        finally:
            self._naps.discard(nap)
        return self.count != heard


class Waker:
    """Ends one wait, from any thread and any event loop."""

    def __init__(self) -> None:
        self._nap = _Nap()

    def wake(self) -> None:
        """End the wait, now or when it begins."""
        self._nap.wake()

    def wait(self, timeout: float) -> None:
        """Wait until woken, or until the time-out."""
        self._nap.take(timeout)


_AGAIN: Final = 0.02


class Worker:
    """Something that runs beside its starter and never keeps the process alive.

    Attributes:
        nap: what it waits for just now.
        attempt: the attempt at a call that it is in the middle of.
        stopped: whether it has to end.
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
        """Whether it is still running."""
        return self._thread.is_alive()

    def abandon(self) -> None:
        """Have it end, from wherever the garbage collector happens to run; do not wait."""
        self.stopped = True
        nap = self.nap
        if nap is not None:
            nap.wake()
        attempt = self.attempt
        if attempt is not None:
            attempt.stop()

    def stop(self, grace: float = 1.0) -> None:
        """End it, in the middle of a call if need be, and wait until it has ended."""
        if self._thread is threading.current_thread():
            return
        deadline = time.monotonic() + grace
        while self._thread.is_alive() and time.monotonic() < deadline:
            self.abandon()
            self._thread.join(_AGAIN)
        if self._thread.is_alive():
            # It is a daemon and its call has a deadline: it ends by itself.
            _logger.warning("%s is still in the middle of a call", self._thread.name)
