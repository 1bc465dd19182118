"""Runs the application on uvicorn in a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

import uvicorn

from ._wire import HttpProtocol, WebSocketProtocol

if TYPE_CHECKING:
    import ssl
    from collections.abc import Coroutine

    from starlette.types import ASGIApp

_START_TIMEOUT = 10.0
_STOP_TIMEOUT = 10.0
_CALL_TIMEOUT = 5.0
_GRACE = 0.2
_DAY = 86_400
_BACKLOG = 128


class _Uvicorn(uvicorn.Server):
    """uvicorn, told to stop at once and to drop what is connected.

    The stock server looks every 0.1 s whether it is to stop, and then waits for its clients to
    close: a client with an idle pooled connection never does. The real gateway drops them too.
    """

    def __init__(self, config: uvicorn.Config, running: threading.Event) -> None:
        super().__init__(config)
        self._running = running
        self._stop = asyncio.Event()

    def stop(self) -> None:
        self._stop.set()

    async def main_loop(self) -> None:
        self._running.set()
        await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self.drop_all(sockets or [], set())
        if self.server_state.tasks:
            await asyncio.wait(list(self.server_state.tasks), timeout=_GRACE)

    async def drop_all(
        self, listeners: list[socket.socket], spared: set[asyncio.Task[Any] | None]
    ) -> None:
        """Take no more connections, and drop those that there are.

        Args:
            listeners: The listening sockets, which are closed.
            spared: Tasks that go on.
        """
        loop = asyncio.get_running_loop()
        for listener in listeners:
            # Not every loop has readers; without them the next lines cover all but a moment.
            with contextlib.suppress(NotImplementedError):
                if listener.fileno() >= 0:
                    loop.remove_reader(listener)
        # Connections that were taken a moment ago are no one's yet. asyncio loses them if their
        # server is closed before it got round to them, or if they are cancelled before their
        # TLS handshake began.
        await _turns(3)
        for server in self.servers:
            server.close()
        self.servers.clear()
        mine = {asyncio.current_task(), *self.server_state.tasks}
        for task in asyncio.all_tasks() - mine - spared:
            task.cancel()
        await _turns(2)
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    async def listen_again(self, listener: socket.socket) -> None:
        """Serve on another socket, after `drop_all`."""
        listener.listen(_BACKLOG)
        config = self.config

        def protocol() -> asyncio.Protocol:
            return HttpProtocol(config, self.server_state, self.lifespan.state)

        loop = asyncio.get_running_loop()
        server = await loop.create_server(protocol, sock=listener, ssl=config.ssl, backlog=_BACKLOG)
        self.servers.append(server)


async def _turns(count: int) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


class ServerThread:
    """A listening socket and the thread that serves it."""

    def __init__(self, app: ASGIApp, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self._app = app
        self._context = context
        self._running = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: _Uvicorn | None = None
        self._host = host
        self._sockets = [_listen(host, port)]
        self._main: asyncio.Task[Any] | None = None
        self._coming: asyncio.Task[None] | None = None
        self._outages: set[asyncio.Task[Any] | None] = set()
        self._turn = asyncio.Lock()
        self.port: int = self._sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="bezant-sim", daemon=True)

    def start(self) -> None:
        """Start to serve; returns when requests are answered.

        Raises:
            OSError: If the server did not come up.
        """
        self._thread.start()
        started = self._running.wait(_START_TIMEOUT)
        if self._failure is not None or not started:
            self.stop()
            msg = f"the simulated gateway did not start on port {self.port}"
            raise OSError(msg) from self._failure

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:  # noqa: BLE001 - told to the thread that waits in start()
            self._failure = failure
        finally:
            self._running.set()
            self._sockets[0].close()

    async def _serve(self) -> None:
        config = uvicorn.Config(
            self._app,
            http=HttpProtocol,
            ws=WebSocketProtocol,
            ws_max_size=65_536,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_DAY,
        )
        config.load()
        config.ssl = self._context
        self._loop = asyncio.get_running_loop()
        self._main = asyncio.current_task()
        self._server = _Uvicorn(config, self._running)
        await self._server.serve(sockets=self._sockets)

    def run_soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine on the server's loop without waiting for it."""
        self._begin(work)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine on the server's loop, and wait for it unless this is its thread."""
        begun = self._begin(work)
        if begun is not None and threading.current_thread() is not self._thread:
            # Cancelled: the gateway was stopped meanwhile.
            with contextlib.suppress(concurrent.futures.CancelledError):
                begun.result(_CALL_TIMEOUT)

    def _begin(self, work: Coroutine[Any, Any, None]) -> concurrent.futures.Future[None] | None:
        """Hand a coroutine to the server's loop; None where that has ended."""
        if self._loop is not None:
            # It may end at any moment.
            with contextlib.suppress(RuntimeError):
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        return None

    async def interrupt(self, seconds: float) -> None:
        """Drop all connections, and refuse new ones for a while."""
        server = self._server
        if server is None:
            return
        self._outages.add(asyncio.current_task())
        try:
            # One after the other: each takes the place of the one before.
            async with self._turn:
                await self._interrupt(server, seconds)
        finally:
            self._outages.discard(asyncio.current_task())

    async def _interrupt(self, server: _Uvicorn, seconds: float) -> None:
        earlier, self._coming = self._coming, None
        if earlier is not None:
            earlier.cancel()
        await server.drop_all(self._sockets, {self._main, *self._outages})
        self._sockets[0].close()
        # Bound and not listening, it refuses connections and keeps the port from others.
        self._sockets[0] = _bind(self._host, self.port)
        if seconds > 0:
            self._coming = asyncio.create_task(self._come_back(server, seconds))
        else:
            await server.listen_again(self._sockets[0])

    async def _come_back(self, server: _Uvicorn, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await server.listen_again(self._sockets[0])

    def stop(self) -> None:
        """Drop all connections and end the thread."""
        loop, server = self._loop, self._server
        if server is not None and loop is not None:
            # It may have ended by itself.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(server.stop)
        self._thread.join(_STOP_TIMEOUT)


def _listen(host: str, port: int) -> socket.socket:
    try:
        listener = _bind(host, port)
        try:
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        msg = f"the simulated gateway can't listen on {host} port {port}: {error.strerror or error}"
        raise OSError(error.errno, msg) from error
    return listener


def _bind(host: str, port: int) -> socket.socket:
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, proto)
    try:
        if sys.platform != "win32":
            # There it would let a second gateway take the port of a running one.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except BaseException:
        bound.close()
        raise
    return bound
