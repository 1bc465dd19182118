"""What no web framework has words for: answers cut off, connections reset or left hanging.

ASGI cannot say these things. uvicorn's own object stands behind the function that sends; all that
is known about it is in this module.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Send

    from bezant.sim._fault_plan import Fault

_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_FLUSH = 0.5  # seconds in which half an answer has to be on its way


def protocol_of(send: object) -> Any:
    """Return uvicorn's object for a request or a WebSocket."""
    return getattr(send, "__self__")  # noqa: B009 - types know nothing of it


def reset(send: object) -> None:
    """Break the connection with a TCP reset; what was not read yet is lost."""
    protocol = protocol_of(send)
    own = protocol.transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
    leave(send)


def leave(send: object) -> None:
    """Break the connection, with what was written delivered first where it is out already."""
    protocol = protocol_of(send)
    protocol.transport.abort()
    # Else uvicorn complains of an application that has not answered.
    protocol.disconnected = True
    if hasattr(protocol, "handshake_complete"):
        protocol.handshake_complete = True


async def hang(receive: Receive, send: object) -> None:
    """Leave the connection open without another byte, until the client or the gateway ends."""
    gone = ("http.disconnect", "websocket.disconnect")
    try:
        while (await receive())["type"] not in gone:
            pass
    except asyncio.CancelledError:
        leave(send)


async def send_half(answer: Response, send: Send) -> None:
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
    transport = protocol_of(send).transport
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FLUSH):
            while transport.get_write_buffer_size():  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.001)


async def lose(fault: Fault, answer: Response | None, receive: Receive, send: Send) -> None:
    """Do to a connection what a `drop` or a `silence` says.

    Args:
        fault: The fault.
        answer: What would have been answered; None where the request was not handled.
        receive: The client's side.
        send: The gateway's side.
    """
    if fault.when == "during" and answer is not None:
        await send_half(answer, send)
        if fault.kind == "drop":
            leave(send)
            return
    elif fault.kind == "drop":
        reset(send)
        return
    await hang(receive, send)


def deafen(send: object) -> None:
    """Read nothing more from a connection, as if its other end were gone without a word."""
    protocol = protocol_of(send)
    protocol.transport.pause_reading()
    # uvicorn would begin to read again with the next message that it hands on.
    protocol.read_paused = False


def frame(payload: bytes) -> bytes:
    """Return a binary WebSocket frame, as a server sends it."""
    size = len(payload)
    if size < 126:
        return bytes((0x82, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", 0x82, 126, size) + payload
    return struct.pack("!BBQ", 0x82, 127, size) + payload


async def write_frames(send: object, frames: bytes) -> bool:
    """Write many frames at once when the connection takes them; False when it has gone."""
    protocol = protocol_of(send)
    await protocol.writable.wait()
    if protocol.disconnected or protocol.transport.is_closing():
        return False
    protocol.transport.write(frames)
    return True
