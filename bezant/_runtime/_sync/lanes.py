"""Lanes on threads: kept connections, each used by one thread at a time.

A lane is one httpcore connection. The connection is kept only after a complete exchange, and is
closed after any other end, such as an interrupt. httpcore's own pool loses connections when a call
is interrupted, and the pool's locks may stay locked.

Locks here are Python's own, which an interrupt cannot leave locked. A lane refers weakly to the
attempt that uses it: if an interrupt skips even the `finally` of a call, the lane is free again
once the attempt is garbage-collected.
"""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from collections import deque

from ..._core.http.body import BodyReader
from ..._core.http.messages import Request, Response, TransportError, Trouble
from ..._core.settings.settings import Settings
from .._shared.debug_logs import hide
from .._shared.http import (
    Attempt,
    LastUse,
    core_request,
    origin_of,
    proxy_of,
    response_from,
    waiting_for,
)
from .._shared.http_packages import httpcore
from .._shared.tls import tls_context
from .concurrency import _Nap
from .network import Backend

# A waiting call checks after this many seconds whether a lane is free, because a wake-up can be
# lost, for example through an interrupt.
_LOOK_AGAIN = 0.05


def pool_for(settings: Settings, backend: Backend) -> httpcore.ConnectionPool:
    """Return a pool of httpcore for one lane, which uses the pool only to create its connection.

    The connection is direct or goes through the proxy of the settings.
    """
    return httpcore.ConnectionPool(
        ssl_context=tls_context(settings.tls) if settings.tls.mode != "none" else None,
        proxy=proxy_of(settings),
        max_connections=1,
        network_backend=backend,
    )


class Lane:
    """One connection. It opens with its first use, and again with the next use after a `drop`.

    Attributes:
        user: attempt that uses the lane; None or a dead reference if the lane is free.
        last_use: time of the last complete response; None if the connection must not be reused.
    """

    def __init__(self, settings: Settings) -> None:
        self.user: weakref.ref[Attempt] | None = None
        self.last_use: LastUse | None = None
        self._backend = Backend()
        self._origin = origin_of(settings)
        self._pool = pool_for(settings, self._backend)
        self._connection: httpcore.ConnectionInterface | None = None

    @property
    def last_used(self) -> float:
        """Monotonic time of the last complete response; 0 without a usable connection."""
        last_use = self.last_use
        return 0.0 if last_use is None else last_use.monotonic

    @property
    def free(self) -> bool:
        """Whether no call uses the lane."""
        return self.user is None or self.user() is None

    def exchange(
        self, attempt: Attempt, request: Request, settings: Settings, seconds: float
    ) -> Response:
        """Send a request and read the response to its end."""
        ready = core_request(request, settings, seconds, hide)
        connection = self._prepare(request)
        # The connection of a call with a side effect is checked a second time, directly before its
        # first byte.
        self._backend.begin(attempt, checked=request.operation.idempotent)
        response = connection.handle_request(ready)
        body = BodyReader(response.headers, settings.max_response_bytes)
        for chunk in response.iter_stream():
            body.feed(chunk)
        data = body.finish()
        stream = self._backend.stream
        clean = stream is not None and stream.is_exact
        response.close()
        if stream is not None and stream.at_end and connection.is_idle():
            # Depending on its response, an order may be sent a second time. So the connection must
            # hold no other bytes that could be mistaken for a response.
            clean = clean and (request.longest_idle is None or stream.is_clean)
            self.last_use = LastUse() if clean else None
        return response_from(response.status, response.headers, data, clean=clean)

    def _prepare(self, request: Request) -> httpcore.ConnectionInterface:
        """Return the kept connection if it is known to work, else a new connection."""
        last_use, self.last_use = self.last_use, None
        stream, connection = self._backend.stream, self._connection
        if (
            last_use is None
            or stream is None
            or connection is None
            or not last_use.is_within(request.longest_idle)
            or not stream.is_clean
        ):
            self.drop()
            connection = self._connection = self._pool.create_connection(self._origin)
        return connection

    def drop(self) -> None:
        """Close the connection in any state."""
        self.last_use = None
        self._connection = None
        self._backend.drop()


class _Waiting:
    """Wait of a call for a lane, which other threads can end."""

    def __init__(self) -> None:
        self.nap = _Nap()

    def abort(self) -> None:
        """End the wait, from any thread."""
        self.nap.wake()


class Lanes:
    """Limited number of lanes; a call waits until a lane is free."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._lanes: list[Lane] = []
        self._waiting: deque[_Waiting] = deque()
        self._closed = False

    def take(self, attempt: Attempt) -> Lane:
        """Return a free lane, and reserve it until `give_back` is called.

        Raises:
            TransportError: no lane was free before the deadline, or the call was stopped.
        """
        waiting: _Waiting | None = None
        while True:
            with self._lock:
                if self._closed or attempt.aborted:
                    raise TransportError(Trouble.STOPPED, "stopped", sent=False)
                lane = self._claim(attempt)
            if lane is not None:
                attempt.queued = False
                return lane
            left = attempt.deadline - time.monotonic()
            attempt.queued = True
            if left <= 0:
                raise TransportError(Trouble.TIMEOUT, waiting_for(attempt), sent=False)
            waiting = attempt.stream = _Waiting()
            self._waiting.append(waiting)
            try:
                waiting.nap.take(min(left, _LOOK_AGAIN))
            finally:
                with contextlib.suppress(ValueError):
                    self._waiting.remove(waiting)

    def _claim(self, attempt: Attempt) -> Lane | None:
        lane: Lane | None = None
        for each in self._lanes:
            if each.free and (lane is None or each.last_used > lane.last_used):
                lane = each
        if lane is None:
            if len(self._lanes) >= self._settings.max_connections:
                return None
            lane = Lane(self._settings)
            self._lanes.append(lane)
        lane.user = weakref.ref(attempt)
        return lane

    def give_back(self, attempt: Attempt) -> None:
        """Free the lane of an attempt for other calls, if the attempt has a lane."""
        for lane in self._lanes:
            if lane.user is not None and lane.user() is attempt:
                if lane.last_use is None or self._closed:
                    lane.drop()
                lane.user = None
                break
        with contextlib.suppress(IndexError):
            self._waiting.popleft().nap.wake()

    def stop(self) -> bool:
        """End the calls that other threads are making; return whether there are any."""
        self._closed = True
        for waiting in list(self._waiting):
            waiting.nap.wake()
        users = [lane.user() for lane in list(self._lanes) if lane.user is not None]
        active = [user for user in users if user is not None]
        for attempt in active:
            attempt.stop()
        return bool(active)

    def close(self) -> None:
        """Close the free connections; all other connections are closed when their calls end."""
        self._closed = True
        with self._lock:
            for lane in self._lanes:
                if lane.free:
                    lane.drop()
