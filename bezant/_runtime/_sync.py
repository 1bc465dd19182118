"""The threads side of the pair: clocks, locks, workers and HTTP."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
import weakref
from collections.abc import Callable
from typing import Annotated, Self, TypeAlias, TypeVar, cast

from .._core.http.messages import Answer, Request, TransportTrouble, Trouble
from .._core.settings.settings import Settings
from ..errors import InvalidRequest, WrongContext
from ._gates import Gate, gate_for
from ._order_turns import OrderTurns, order_turns_for
from ._shared import TRANSPORT_ERRORS, Attempt, trouble_from
from ._sync_ledger import Ledger
from ._sync_pool import Lanes
from ._sync_socket import WebSocket
from ._sync_waits import Bell, Event, Waker, Worker, attempting, sleep

__all__ = [
    "Bell",
    "Connecting",
    "Event",
    "Gate",
    "HttpTransport",
    "Ledger",
    "Lock",
    "OrderTurns",
    "Owner",
    "Promise",
    "StateLock",
    "Waker",
    "WebSocket",
    "Worker",
    "call",
    "caller",
    "chance",
    "connecting",
    "gate_for",
    "monotonic",
    "order_turns_for",
    "sleep",
    "wall_time",
]

C = TypeVar("C")
_logger = logging.getLogger("bezant")
# How long closing waits for the calls that it ends; they notice within milliseconds.
_CLOSING_GRACE = 1.0

monotonic = time.monotonic
wall_time = time.time
chance = random.random


def caller() -> object:
    """Return what identifies the thread, without keeping it alive; compare with ``==``."""
    return weakref.ref(threading.current_thread())


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


Connecting: TypeAlias = Annotated[C, "connected at once"]


def connecting(opened: C) -> C:
    """Return a connection: on this side it has been made."""
    return opened


class HttpTransport:
    """Moves requests and answers over a bounded number of kept connections.

    Args:
        settings: the client's.
        custom: the user's own transport; see `check_custom`.
    """

    def __init__(self, settings: Settings, custom: object = None) -> None:
        self._lanes = Lanes(settings)
        self._custom = custom

    @staticmethod
    def check_custom(transport: object) -> None:
        """Refuse a user's transport that lacks the method that sends. None is accepted.

        Raises:
            InvalidRequest: the method is missing.
        """
        if transport is not None and not callable(getattr(transport, "handle_request", None)):
            raise InvalidRequest(
                f"transport must have a method handle_request, as httpx's transports have; "
                f"{type(transport).__name__} has none"
            )

    def send(self, request: Request, settings: Settings, seconds: float) -> Answer:
        """Send a request and read its answer to the end, within so many seconds.

        Raises:
            TransportTrouble: no complete answer came.
        """
        if self._custom is not None:
            from ._custom import send

            return send(self._custom, request, settings, seconds)
        attempt = Attempt(monotonic() + seconds, settings.connect_timeout)
        with attempting(attempt):
            try:
                lane = self._lanes.take(attempt)
                return lane.exchange(attempt, request, settings, seconds)
            except TRANSPORT_ERRORS as error:
                trouble = trouble_from(error, attempt)
                if attempt.aborted:
                    trouble = TransportTrouble(Trouble.STOPPED, "stopped", sent=attempt.sent)
                raise trouble from error
            finally:
                attempt.let_go()
                self._lanes.give_back(attempt)

    def close(self) -> None:
        """Close every connection, and end the calls that other threads are in the middle of."""
        deadline = monotonic() + _CLOSING_GRACE
        while self._lanes.stop() and monotonic() < deadline:
            time.sleep(0.02)
        self._lanes.close()
        if self._custom is not None:
            from ._custom import close

            close(self._custom)
