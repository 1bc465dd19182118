"""Server and protocols of uvicorn, adapted to the simulated gateway. No other file uses uvicorn.

The protocol classes override only methods of `asyncio.Protocol`. They give the application access
to the TCP connection through a `Link`. `tests/sim/transport/test_uvicorn.py` checks the other
properties of uvicorn that this module relies on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from .link import LINK, Link

if TYPE_CHECKING:
    import ssl

    from starlette.types import ASGIApp
    from uvicorn.config import Config
    from uvicorn.server import ServerState

BACKLOG = 128
"""How many connections may wait to be accepted."""

# IBKR's gateway closes a WebSocket when a frame is longer than this number of bytes.
_MAX_FRAME = 65_536
_KEEP_ALIVE = 86_400  # seconds
_GRACE = 0.2  # seconds that requests in progress get to finish when the server stops


class _Linked(asyncio.Protocol):
    """Base of the protocol classes: reports the events of a connection to its `Link`."""

    link: Link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.link.transport = cast("asyncio.Transport", transport)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.link.lost.set()
        # Wake the tasks that wait to write, so that they notice that the connection is lost.
        self.link.writable.set()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.link.writable.clear()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.link.writable.set()

    def data_received(self, data: bytes) -> None:
        if not self.link.deaf:
            super().data_received(data)


class HttpProtocol(_Linked, H11Protocol):
    """HTTP protocol of uvicorn that also tells a `Link` about each connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.link = Link()
        super().__init__(config, server_state, app_state | {LINK: self.link}, _loop)


class WebSocketProtocol(_Linked, WebSocketsSansIOProtocol):
    """WebSocket protocol of uvicorn that also reports to the `Link` of its upgrade request."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.link = app_state[LINK]
        super().__init__(config, server_state, app_state, _loop)


class Server(uvicorn.Server):
    """Uvicorn server that stops at once and drops its connections, as IBKR's gateway does.

    The base class checks only every 0.1 s whether to stop. Then it waits until all clients have
    closed their connections, which may never happen: clients keep idle connections in a pool.
    """

    def __init__(self, config: uvicorn.Config, running: threading.Event) -> None:
        super().__init__(config)
        self._running = running
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Stop serving. Call this on the server's event loop."""
        self._stop.set()

    async def main_loop(self) -> None:
        """Serve until `stop` is called."""
        self._running.set()
        await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drop all connections, then wait up to 0.2 s until requests in progress have ended."""
        await self.drop_all(sockets or [], set())
        if self.server_state.tasks:
            await asyncio.wait(list(self.server_state.tasks), timeout=_GRACE)

    async def drop_all(
        self, listeners: list[socket.socket], spared: set[asyncio.Task[Any] | None]
    ) -> None:
        """Stop listening and drop all connections.

        Args:
            listeners: listening sockets; they are closed
            spared: tasks that are not cancelled
        """
        loop = asyncio.get_running_loop()
        for listener in listeners:
            # Stop accepting connections. Some event loops cannot do this (NotImplementedError); on
            # them, a connection can still be accepted while the lines below run.
            with contextlib.suppress(NotImplementedError):
                if listener.fileno() >= 0:
                    loop.remove_reader(listener)
        # Let the TLS handshakes of new connections begin. asyncio leaks a connection whose server
        # closes, or whose task is cancelled, before its handshake has begun.
        await _yield_to_loop(3)
        for server in self.servers:
            server.close()
        self.servers.clear()
        mine = {asyncio.current_task(), *self.server_state.tasks}
        for task in asyncio.all_tasks() - mine - spared:
            task.cancel()
        await _yield_to_loop(2)
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    async def listen_again(self, listener: socket.socket) -> None:
        """Serve requests on a new socket, after `drop_all` has closed the old one.

        Args:
            listener: the socket, bound to its address
        """
        listener.listen(BACKLOG)
        config = self.config

        def protocol() -> asyncio.Protocol:
            return HttpProtocol(config, self.server_state, self.lifespan.state)

        loop = asyncio.get_running_loop()
        server = await loop.create_server(protocol, sock=listener, ssl=config.ssl, backlog=BACKLOG)
        self.servers.append(server)


async def _yield_to_loop(count: int) -> None:
    """Let the event loop run `count` iterations."""
    for _ in range(count):
        await asyncio.sleep(0)


def create_server(app: ASGIApp, tls: ssl.SSLContext | None, running: threading.Event) -> Server:
    """Return a uvicorn server that serves an application with the protocols of this module.

    Args:
        app: the ASGI application
        tls: TLS context; None for plain HTTP
        running: set when the server accepts requests
    """
    config = uvicorn.Config(
        app,
        http=HttpProtocol,
        ws=WebSocketProtocol,
        ws_max_size=_MAX_FRAME,
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
    )
    config.load()
    config.ssl = tls
    return Server(config, running)
