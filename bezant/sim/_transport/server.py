"""Runs an ASGI application on a server in its own thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

from .uvicorn import BACKLOG, Server, create_server

if TYPE_CHECKING:
    import ssl
    from collections.abc import Coroutine

    from starlette.types import ASGIApp

_START_TIMEOUT = 10.0
_STOP_TIMEOUT = 10.0
_CALL_TIMEOUT = 5.0


class ServerThread:
    """A listening socket and the thread that serves it.

    Args:
        app: the ASGI application
        host: address to listen on
        port: port to listen on; 0 for any free port
        context: TLS context; None for plain HTTP
    """

    def __init__(self, app: ASGIApp, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self._app = app
        self._context = context
        self._running = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: Server | None = None
        self._host = host
        self._sockets = [_listen(host, port)]
        self._main: asyncio.Task[Any] | None = None
        self._return: asyncio.Task[None] | None = None
        self._outages: set[asyncio.Task[Any] | None] = set()
        self._one_outage = asyncio.Lock()
        self.port: int = self._sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="bezant-sim", daemon=True)

    def start(self) -> None:
        """Start the thread; return when it serves requests.

        Raises:
            OSError: the server did not start
        """
        self._thread.start()
        started = self._running.wait(_START_TIMEOUT)
        if self._failure is not None or not started:
            self.stop()
            msg = f"the simulated gateway did not start on port {self.port}; try another port"
            raise OSError(msg) from self._failure

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:  # noqa: BLE001 - start() raises it in the caller's thread
            self._failure = failure
        finally:
            self._running.set()
            self._sockets[0].close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._main = asyncio.current_task()
        self._server = create_server(self._app, self._context, self._running)
        await self._server.serve(sockets=self._sockets)

    def run_soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a coroutine on the server's event loop, without waiting for its end."""
        self._begin(work)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine on the server's event loop, and wait until it has ended.

        If you call this method in the server's own thread, it returns without waiting, because the
        coroutine could not run during the wait.
        """
        begun = self._begin(work)
        if begun is not None and threading.current_thread() is not self._thread:
            # If the server stops in the meantime, the coroutine is cancelled.
            with contextlib.suppress(concurrent.futures.CancelledError):
                begun.result(_CALL_TIMEOUT)

    def _begin(self, work: Coroutine[Any, Any, None]) -> concurrent.futures.Future[None] | None:
        """Start a coroutine on the server's event loop; return None if the loop has ended."""
        if self._loop is not None:
            # The loop may close at any moment, and a closed loop raises RuntimeError.
            with contextlib.suppress(RuntimeError):
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        return None

    async def interrupt(self, seconds: float) -> None:
        """Drop all connections, and refuse new ones for a while.

        Args:
            seconds: how long to refuse new connections
        """
        server = self._server
        if server is None:
            return
        self._outages.add(asyncio.current_task())
        try:
            # If this is called twice at the same time, the calls run one after the other. The last
            # one decides when the server listens again.
            async with self._one_outage:
                await self._interrupt(server, seconds)
        finally:
            self._outages.discard(asyncio.current_task())

    async def _interrupt(self, server: Server, seconds: float) -> None:
        earlier, self._return = self._return, None
        if earlier is not None:
            earlier.cancel()
        await server.drop_all(self._sockets, {self._main, *self._outages})
        self._sockets[0].close()
        # The new socket is bound but does not listen yet: it reserves the port, and the operating
        # system refuses connections to it.
        self._sockets[0] = _bind(self._host, self.port)
        if seconds > 0:
            self._return = asyncio.create_task(self._listen_later(server, seconds))
        else:
            await server.listen_again(self._sockets[0])

    async def _listen_later(self, server: Server, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await server.listen_again(self._sockets[0])

    def stop(self) -> None:
        """Drop all connections and end the thread."""
        loop, server = self._loop, self._server
        if server is not None and loop is not None:
            # The loop may have ended already, which raises RuntimeError.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(server.stop)
        self._thread.join(_STOP_TIMEOUT)


def _listen(host: str, port: int) -> socket.socket:
    try:
        listener = _bind(host, port)
        try:
            listener.listen(BACKLOG)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        msg = (
            f"the simulated gateway cannot listen on {host} port {port}: {error.strerror or error}"
        )
        raise OSError(error.errno, msg) from error
    return listener


def _bind(host: str, port: int) -> socket.socket:
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, proto)
    try:
        if sys.platform != "win32":
            # On Windows, SO_REUSEADDR would let a second gateway listen on a port that is in use.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except BaseException:
        bound.close()
        raise
    return bound
