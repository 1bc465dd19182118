"""How the asyncio side moves bytes under httpcore: plain asyncio, one protocol object each."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import weakref
from collections.abc import Iterable
from typing import Any, cast

import httpcore

from ._shared import addresses, current_attempt, is_name

# Beyond this the peer is made to wait until the buffer has been read.
_HIGH_WATER = 256 * 1024


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def drop_socket(transport: asyncio.BaseTransport) -> None:
    """End a connection whose event loop was closed: asyncio cannot do it any more."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


class Stream(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """One TCP or TLS connection.

    Attributes:
        spoiled: something that is not an answer may follow on it, so it must not be used again.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._reading_paused = False
        self._writing_paused = False
        self.spoiled = False

    # asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > _HIGH_WATER and not self._reading_paused:
            self._reading_paused = True
            cast("asyncio.Transport", self._transport).pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._error = exc
        self._writing_paused = False
        self._wake()
        self._wake_writer()

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._wake_writer()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _wake_writer(self) -> None:
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    # httpcore calls these; the time-outs are kept by whoever sends the request

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come, at least a byte, or nothing at the end of the stream."""
        if not self._buffer and not self._ended:
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        if self._buffer:
            data = bytes(self._buffer[:max_bytes])
            del self._buffer[:max_bytes]
            if self._reading_paused and len(self._buffer) < _HIGH_WATER // 2:
                self._reading_paused = False
                if self._transport is not None and not self._transport.is_closing():
                    self._transport.resume_reading()
            return data
        if self._error is not None:
            raise httpcore.ReadError(str(self._error)) from self._error
        return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes, or at least hand them to the operating system's care."""
        if not buffer:
            return
        transport = self._transport
        if transport is None or transport.is_closing():
            raise httpcore.WriteError("the connection is closed") from self._error
        attempt = current_attempt.get()
        if attempt is not None:
            attempt.sent = True
        transport.write(buffer)
        if self._writing_paused:
            self._writer = self._loop.create_future()
            try:
                await self._writer
            finally:
                self._writer = None

    async def aclose(self) -> None:
        """Drop the connection."""
        self.abort()

    def abort(self) -> None:
        """Drop the connection at once: nothing is ever left to send."""
        transport = self._transport
        if transport is None:
            return
        if self._loop.is_closed():
            drop_socket(transport)
        elif _running_loop() is self._loop:
            transport.abort()
        else:  # closed from where it does not belong to
            with contextlib.suppress(RuntimeError):  # that loop was closed just now
                self._loop.call_soon_threadsafe(transport.abort)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Begin TLS."""
        try:
            async with asyncio.timeout(timeout):
                transport = await self._loop.start_tls(
                    cast("asyncio.Transport", self._transport),
                    self,
                    ssl_context,
                    server_hostname=server_hostname,
                )
            if transport is None:
                raise ConnectionAbortedError("closed in the TLS handshake")  # noqa: TRY301
        except BaseException as error:  # httpcore leaves this to us
            await self.aclose()
            if isinstance(error, TimeoutError):
                raise httpcore.ConnectTimeout("time-out in the TLS handshake") from error
            if isinstance(error, OSError):
                raise httpcore.ConnectError(str(error)) from error
            raise
        self._transport = transport
        return self

    def get_extra_info(self, info: str) -> Any:
        """Answer httpcore's questions about the connection."""
        if info == "is_readable":  # asked of an idle connection: can it not be used again?
            return self.spoiled or self._ended or bool(self._buffer)
        if self._transport is None:
            return None
        names = {"ssl_object": "ssl_object", "client_addr": "sockname", "server_addr": "peername"}
        return self._transport.get_extra_info(names.get(info, info))


class Backend(httpcore.AsyncNetworkBackend):
    """Opens connections, and closes those that httpcore's pool has lost sight of."""

    def __init__(self) -> None:
        self._streams: weakref.WeakSet[Stream] = weakref.WeakSet()
        self.closed = False

    def close(self) -> None:
        """Drop every connection, whatever it is in the middle of, and open no more."""
        self.closed = True
        for stream in list(self._streams):
            stream.abort()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers."""
        loop = asyncio.get_running_loop()
        failure: OSError | None = None
        try:
            async with asyncio.timeout(timeout):
                for address in addresses(host):
                    # Only for names: cancelled at the wrong moment, asyncio's race between
                    # addresses forgets a socket that it has opened.
                    race = 0.25 if is_name(address) else None
                    try:
                        _, stream = await loop.create_connection(
                            lambda: Stream(loop), address, port, happy_eyeballs_delay=race
                        )
                    except OSError as error:
                        failure = failure or error
                    else:
                        self._streams.add(stream)
                        if self.closed:
                            stream.abort()
                        return stream
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("time-out while connecting") from error
        raise httpcore.ConnectError(str(failure)) from failure

    async def sleep(self, seconds: float) -> None:  # pragma: no cover - only with retries
        """Wait."""
        await asyncio.sleep(seconds)
