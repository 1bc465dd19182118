"""The threads side of the pair: clocks, locks, workers and HTTP."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, TypeAlias, TypeVar

import httpcore
import httpx

from .._core.settings import Settings
from .._core.wire import Answer, Request, TransportTrouble, Trouble
from ..errors import WrongContext
from ._gates import Gate, gate_for
from ._order_turns import OrderTurns, order_turns_for
from ._quiet import hide
from ._shared import (
    TRANSPORT_ERRORS,
    Attempt,
    answer_from,
    core_request,
    current_attempt,
    from_httpx,
    http_request,
    is_encoded,
    spoil_connection,
    too_large,
    trouble_from,
)
from ._sync_ledger import Ledger
from ._sync_pool import Lane, Lanes
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

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self._lock.release()


class Lock:
    """Held over sending, so that it stays in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self._lock.release()


Promise: TypeAlias = Annotated[C, "done at once"]


def call(function: Callable[..., object], *args: object) -> None:
    """Call a user's callback."""
    function(*args)


Connecting: TypeAlias = Annotated[C, "connected at once"]


def connecting(opened: C) -> C:
    """Return a connection: on this side it has been made."""
    return opened


class HttpTransport:
    """Moves requests and answers over a bounded pool of kept connections."""

    def __init__(self, settings: Settings) -> None:
        self._state = threading.Condition()
        self._active: set[Attempt] = set()
        self._closing = False
        self._lanes = Lanes(settings)

    def send(self, request: Request, settings: Settings, seconds: float) -> Answer:
        """Send a request and read its answer to the end, within so many seconds.

        Raises:
            TransportTrouble: no complete answer came.
        """
        attempt = Attempt(monotonic() + seconds, settings.connect_timeout)
        token = current_attempt.set(attempt)
        try:
            with attempting(attempt):
                return self._attempt(attempt, request, settings, seconds)
        finally:
            current_attempt.reset(token)

    def _attempt(
        self, attempt: Attempt, request: Request, settings: Settings, seconds: float
    ) -> Answer:
        self._begin(attempt)
        try:
            lane = self._lanes.take(attempt)
            try:
                return _exchange(lane, request, settings, seconds)
            finally:
                attempt.let_go()
                self._lanes.give_back(lane)
        except TRANSPORT_ERRORS as error:
            trouble = trouble_from(error, attempt)
            if attempt.aborted:
                trouble = TransportTrouble(Trouble.STOPPED, "stopped", sent=attempt.sent)
            raise trouble from error
        finally:
            self._end(attempt)

    def _begin(self, attempt: Attempt) -> None:
        with self._state:
            if self._closing:
                attempt.aborted = True
            self._active.add(attempt)

    def _end(self, attempt: Attempt) -> None:
        with self._state:
            self._active.discard(attempt)
            last = self._closing and not self._active
            self._state.notify_all()
        if last:  # whoever closed the transport did not wait for this call
            self._lanes.close()

    def close(self) -> None:
        """Close every connection, and end the calls that other threads are in the middle of."""
        with self._state:
            self._closing = True
            deadline = monotonic() + _CLOSING_GRACE
            while self._active and monotonic() < deadline:
                for attempt in self._active:
                    attempt.stop()
                self._state.wait(0.02)
            if self._active:  # connecting; the last of them closes
                return
        self._lanes.close()


# httpx adds a third to what httpcore needs for a call, so it is gone past: but not where a tool for
# tests, such as pytest-httpx, has put something else in the place of its method.
_httpx_handles = httpx.HTTPTransport.handle_request


class _Body(httpx.SyncByteStream):
    """A response's body, for httpx to decode."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks


def _ask(lane: Lane, request: Request, settings: Settings, seconds: float) -> httpcore.Response:
    if httpx.HTTPTransport.handle_request is _httpx_handles:
        return lane.pool.handle_request(core_request(request, settings, seconds, hide))
    return from_httpx(lane.transport.handle_request(http_request(request, settings, seconds, hide)))


def _exchange(lane: Lane, request: Request, settings: Settings, seconds: float) -> Answer:
    response = _ask(lane, request, settings, seconds)
    try:
        spoil_connection(response)
        chunks: list[bytes] = []
        length = 0
        stream: Any = response.stream
        if is_encoded(response):
            body = _Body(stream)
            stream = httpx.Response(response.status, headers=response.headers, stream=body)
            stream = stream.iter_bytes()
        for chunk in stream:
            length += len(chunk)
            if length > settings.max_answer_bytes:
                raise too_large(settings.max_answer_bytes)
            chunks.append(chunk)
    finally:
        response.close()
    return answer_from(response, chunks[0] if len(chunks) == 1 else b"".join(chunks))
