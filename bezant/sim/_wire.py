"""What no web framework has words for: answers cut off, connections reset or left hanging.

ASGI cannot say these things. What can is the connection's own transport: our protocols put it into
the scope's state. They are uvicorn's, and overridden is only what every `asyncio.Protocol` has;
`tests/sim/test_sim_wire.py` says what else is known of uvicorn.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from ._fault_plan import Fault

_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_FLUSH = 0.5  # seconds in which half an answer has to be on its way
_LINK = "bezant.link"


class Link:
    """One TCP connection, whatever is spoken over it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.lost: asyncio.Event = asyncio.Event()
        self.writable: asyncio.Event = asyncio.Event()
        self.writable.set()
        self.deaf: bool = False

    async def leave(self) -> None:
        """Break the connection, with what was written delivered first where it is out already."""
        if self.transport is not None:
            self.transport.abort()
            # Before uvicorn knows of it, it complains of an application that has not answered.
            await self.lost.wait()

    async def reset(self) -> None:
        """Break the connection with a TCP reset; what was not read yet is lost."""
        if self.transport is not None:
            own = self.transport.get_extra_info("socket")
            with contextlib.suppress(OSError):
                own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        await self.leave()

    def deafen(self) -> None:
        """Read nothing more, as if this end were gone without a word."""
        self.deaf = True
        if self.transport is not None:
            self.transport.pause_reading()

    async def write(self, data: bytes) -> bool:
        """Write past all protocols when the connection takes it; False when it has gone."""
        await self.writable.wait()
        if self.transport is None or self.lost.is_set() or self.transport.is_closing():
            return False
        self.transport.write(data)
        return True

    async def flush(self) -> None:
        """Wait for a moment until what was written is out."""
        transport = self.transport
        if transport is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH):
                while transport.get_write_buffer_size():  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.001)


def link_of(scope: Scope) -> Link:
    """Return the connection that a request or a WebSocket came over."""
    return cast("Link", scope["state"][_LINK])


class _Linked(asyncio.Protocol):
    """Keeps a link up to date."""

    link: Link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.link.transport = cast("asyncio.Transport", transport)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.link.lost.set()
        # No more is taken, and nobody is to wait for it.
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
    """uvicorn's protocol for requests, with a link."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.link = Link()
        super().__init__(config, server_state, app_state | {_LINK: self.link}, _loop)


class WebSocketProtocol(_Linked, WebSocketsSansIOProtocol):
    """uvicorn's protocol for WebSockets, with the link of the request that it began as."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.link = app_state[_LINK]
        super().__init__(config, server_state, app_state, _loop)


async def hang(link: Link, receive: Receive) -> None:
    """Leave the connection open without another byte, until the client or the gateway ends."""
    gone = ("http.disconnect", "websocket.disconnect")
    try:
        while (await receive())["type"] not in gone:
            pass
    except asyncio.CancelledError:
        await link.leave()


async def send_half(link: Link, answer: Response, send: Send) -> None:
    """Send the head and half of the body of an answer."""
    await send(
        {
            "type": "http.response.start",
            "status": answer.status_code,
            "headers": answer.raw_headers,
        }
    )
    body = bytes(answer.body)
    half = body[: (len(body) + 1) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    await link.flush()


async def lose(
    fault: Fault, answer: Response | None, scope: Scope, receive: Receive, send: Send
) -> None:
    """Do to a connection what a `drop` or a `silence` says.

    Args:
        fault: The fault.
        answer: What would have been answered; None where the request was not handled.
        scope: The request.
        receive: The client's side.
        send: The gateway's side.
    """
    link = link_of(scope)
    if fault.when == "during" and answer is not None:
        await send_half(link, answer, send)
        if fault.kind == "drop":
            await link.leave()
            return
    elif fault.kind == "drop":
        await link.reset()
        return
    await hang(link, receive)


def frame(payload: bytes) -> bytes:
    """Return a binary WebSocket frame, as a server sends it."""
    size = len(payload)
    if size < 126:
        return bytes((0x82, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", 0x82, 126, size) + payload
    return struct.pack("!BBQ", 0x82, 127, size) + payload
