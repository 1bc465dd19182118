"""Access to the TCP connection that carries a request, to truncate, reset or silence it.

ASGI applications cannot do these things. The protocol classes in `uvicorn.py` therefore put a
`Link`, which holds the connection's transport, into the `state` of the ASGI scope.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_FLUSH = 0.5  # longest time in seconds to wait until half a response has been written

LINK = "bezant.link"
"""Key of the link in the scope's state."""


class Link:
    """Access to one TCP connection, which carries requests or a WebSocket.

    Attributes:
        transport: the connection's transport; None before the connection is made
        lost: set when the connection has ended
        writable: set while the write buffer has room
        deaf: whether the gateway ignores incoming bytes
    """

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.lost: asyncio.Event = asyncio.Event()
        self.writable: asyncio.Event = asyncio.Event()
        self.writable.set()
        self.deaf: bool = False

    async def leave(self) -> None:
        """Abort the connection. Bytes that were sent before still reach the client."""
        if self.transport is not None:
            self.transport.abort()
            # Wait until uvicorn knows of the abort. If the application returned earlier without a
            # complete response, uvicorn would log an error.
            await self.lost.wait()

    async def reset(self) -> None:
        """Abort the connection with a TCP reset; bytes that the client has not read are lost."""
        if self.transport is not None:
            own = self.transport.get_extra_info("socket")
            with contextlib.suppress(OSError):
                own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        await self.leave()

    def deafen(self) -> None:
        """Ignore all bytes from the client, as if this host had vanished from the network."""
        self.deaf = True
        if self.transport is not None:
            self.transport.pause_reading()

    async def write(self, data: bytes) -> bool:
        """Write raw bytes once the buffer has room; return False if the connection has ended."""
        await self.writable.wait()
        if self.transport is None or self.lost.is_set() or self.transport.is_closing():
            return False
        self.transport.write(data)
        return True

    async def flush(self) -> None:
        """Wait until the write buffer is empty, for at most half a second."""
        transport = self.transport
        if transport is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH):
                while transport.get_write_buffer_size():  # noqa: ASYNC110 - there is no event for it
                    await asyncio.sleep(0.001)


def link_of(scope: Scope) -> Link:
    """Return the link to the connection of a request or WebSocket, given its ASGI scope."""
    return cast("Link", scope["state"][LINK])


async def hang(link: Link, receive: Receive) -> None:
    """Keep the connection open and send nothing, until the client leaves or the gateway stops."""
    gone = ("http.disconnect", "websocket.disconnect")
    try:
        while (await receive())["type"] not in gone:
            pass
    except asyncio.CancelledError:
        await link.leave()


async def send_half(link: Link, response: Response, send: Send) -> None:
    """Send the status line, the headers and the first half of the body of a response."""
    await send(
        {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": response.raw_headers,
        }
    )
    body = bytes(response.body)
    half = body[: (len(body) + 1) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    await link.flush()


def frame(payload: bytes) -> bytes:
    """Return a binary WebSocket frame with `payload`, unmasked as servers send frames."""
    size = len(payload)
    if size < 126:
        return bytes((0x82, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", 0x82, 126, size) + payload
    return struct.pack("!BBQ", 0x82, 127, size) + payload
