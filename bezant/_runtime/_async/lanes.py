"""Lanes on asyncio: kept connections, each used by one call at a time.

A lane is one httpcore connection. The connection is kept only after a complete exchange, and is
closed after any other end, such as a cancellation. httpcore's own pool loses connections when a
call is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterable
from typing import Any, cast

from ..._core.http.body import BodyReader
from ..._core.http.messages import Request, Response, TransportError, Trouble
from ..._core.settings.settings import Settings
from .._shared.debug_logs import hide_async
from .._shared.http import Attempt, LastUse, core_request, origin_of, proxy_of, response_from
from .._shared.http_packages import httpcore
from .._shared.tls import tls_context
from .network import Backend


def pool_for(settings: Settings, backend: Backend) -> httpcore.AsyncConnectionPool:
    """Return a pool of httpcore for one lane, which uses the pool only to create its connection.

    The connection is direct or goes through the proxy of the settings.
    """
    return httpcore.AsyncConnectionPool(
        ssl_context=tls_context(settings.tls) if settings.tls.mode != "none" else None,
        proxy=proxy_of(settings),
        max_connections=1,
        network_backend=backend,
    )


class Lane:
    """One connection. It opens with its first use, and again with the next use after a `drop`.

    Attributes:
        last_use: time of the last complete response; None if the connection must not be reused.
    """

    def __init__(self, settings: Settings) -> None:
        self.last_use: LastUse | None = None
        self._backend = Backend()
        self._origin = origin_of(settings)
        self._pool = pool_for(settings, self._backend)
        self._connection: httpcore.AsyncConnectionInterface | None = None

    async def exchange(
        self, attempt: Attempt, request: Request, settings: Settings, seconds: float
    ) -> Response:
        """Send a request and read the response to its end."""
        connection = await self._prepare(request)
        self._backend.begin(attempt)
        response = await connection.handle_async_request(
            core_request(request, settings, seconds, hide_async)
        )
        body = BodyReader(response.headers, settings.max_response_bytes)
        chunks: Any = aiter(cast("AsyncIterable[bytes]", response.stream))
        try:
            async for chunk in chunks:
                body.feed(chunk)
        # `body` has refused the response (too long, for example), and httpcore is still reading it
        except TransportError:
            await chunks.aclose()
            raise
        data = body.finish()
        stream = self._backend.stream
        clean = stream is not None and stream.is_exact
        await response.aclose()
        if stream is not None and stream.at_end and connection.is_idle():
            # Depending on its response, an order may be sent a second time. So the connection must
            # hold no other bytes that could be mistaken for a response.
            clean = clean and (request.longest_idle is None or await stream.is_clean())
            self.last_use = LastUse() if clean else None
        return response_from(response.status, response.headers, data, clean=clean)

    async def _prepare(self, request: Request) -> httpcore.AsyncConnectionInterface:
        """Return the kept connection if it is known to work, else a new connection."""
        last_use, self.last_use = self.last_use, None
        stream, connection = self._backend.stream, self._connection
        if (
            last_use is None
            or stream is None
            or connection is None
            or not last_use.is_within(request.longest_idle)
            or not await stream.is_clean()
        ):
            self.drop()
            connection = self._connection = self._pool.create_connection(self._origin)
        return connection

    def drop(self) -> None:
        """Close the connection in any state; any thread may call this."""
        self.last_use = None
        self._connection = None
        self._backend.drop()

    def close(self) -> None:
        """Close the connection permanently."""
        self._backend.closed = True
        self.drop()


class Lanes:
    """Limited number of lanes, with a queue in order of arrival."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        # The lane that was used last is taken first, so that few connections are opened.
        self._free: list[Lane] = []
        self._used: set[Lane] = set()
        # Number of calls that have a lane or were promised a lane.
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.closed = False

    async def take(self, attempt: Attempt) -> Lane:
        """Return a free lane, and reserve it until `give_back` is called.

        Raises:
            TransportError: the client was closed.
        """
        self._loop = asyncio.get_running_loop()
        if self._taken < self._settings.max_connections:
            self._taken += 1
        else:
            attempt.queued = True
            await self._promise(self._loop)
            attempt.queued = False
        if self.closed:
            self._release()
            raise TransportError(Trouble.STOPPED, "stopped", sent=False)
        lane = self._free.pop() if self._free else Lane(self._settings)
        self._used.add(lane)
        return lane

    async def _promise(self, loop: asyncio.AbstractEventLoop) -> None:
        """Queue the current call of the program, and wait until a lane is reserved for it."""
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self._release()  # the call was promised a lane and cancelled in the same moment
            else:
                with contextlib.suppress(ValueError):
                    self._waiting.remove(waiter)
            raise

    def give_back(self, lane: Lane) -> None:
        """Free a lane for other calls."""
        self._used.discard(lane)
        if lane.last_use is None or self.closed:
            lane.drop()
        self._free.append(lane)
        self._release()

    def _release(self) -> None:
        """Promise a free lane, if there is one, to the first call in the queue."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is not self._loop and self._loop is not None:
            # The garbage collector may end a call in another thread or loop, so the promise is made
            # in the lanes' loop.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._promise_next)
            return
        self._promise_next()

    def _promise_next(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._taken -= 1

    def close(self) -> None:
        """Close all connections, and end the calls that other tasks are making."""
        self.closed = True
        for lane in [*self._free, *self._used]:
            lane.close()
        for waiter in list(self._waiting):
            if not waiter.done():
                waiter.get_loop().call_soon_threadsafe(_wake, waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
