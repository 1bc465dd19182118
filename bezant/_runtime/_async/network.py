"""Network backend of httpcore on asyncio, with one protocol object for each connection."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import ssl
from collections.abc import Iterable
from typing import Any, cast

from ..._core.http.response_end import ResponseEnd
from .._shared.http import Attempt, addresses, is_name
from .._shared.http_packages import httpcore

# If the buffer has more unread bytes than this, reading from the socket pauses.
_HIGH_WATER = 256 * 1024
# After this many seconds, the next address of a name is tried in parallel.
_NEXT_ADDRESS = 0.25
# After this many iterations of the event loop, received bytes have reached the protocol, also over
# TLS.
_TURNS = 4


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def drop_socket(transport: asyncio.BaseTransport) -> None:
    """Shut down a connection whose event loop was closed; asyncio itself cannot do that."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _is_readable(sock: Any) -> bool:
    """Return whether a socket has data to read or has been closed by the peer."""
    if not hasattr(select, "poll"):  # pragma: no cover - Windows
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()  # not `select.select`, which refuses descriptors above 1023
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


class Stream(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """One TCP or TLS connection of httpcore, as a protocol of asyncio."""

    def __init__(self, loop: asyncio.AbstractEventLoop, backend: Backend) -> None:
        self._loop = loop
        self._backend = backend
        self._transport: asyncio.Transport | None = None
        # The buffer usually is the bytes object that asyncio has received, because every copy of a
        # stream's data costs time.
        self._buffer: bytes | bytearray = b""
        self._ended = False
        self._aborted = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._reading_paused = False
        self._writing_paused = False
        self._encrypted = False
        self._response: ResponseEnd | None = None
        self._upgraded = False

    # asyncio calls the methods below.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self._buffer:
            self._buffer = data
        elif isinstance(self._buffer, bytearray):
            self._buffer += data
        else:
            self._buffer = bytearray(self._buffer) + data
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
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.set_result(None)

    def begin(self) -> None:
        """Forget the previous response; call this method before each request."""
        self._response = None

    def upgrade(self) -> None:
        """Stop following HTTP responses, because the connection was upgraded."""
        self._upgraded = True
        self._response = None

    @property
    def at_end(self) -> bool:
        """Whether the response was read to its end, on an open connection without more data."""
        return self.is_exact and self._is_silent

    @property
    def is_exact(self) -> bool:
        """Whether exactly one complete response has come since the request."""
        return self._response is not None and self._response.complete and not self._buffer

    @property
    def _is_silent(self) -> bool:
        return not (self._buffer or self._ended)

    async def is_clean(self) -> bool:
        """Return whether the connection is open and has no data to read.

        The socket is checked, too, because the event loop may not have read it yet. Over TLS, the
        method lets the event loop read first, because the bytes on the socket may only be a session
        ticket of TLS 1.3.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        sock = transport.get_extra_info("socket")
        for _ in range(_TURNS if self._encrypted else 0):
            if not self._is_silent or not _is_readable(sock):
                break
            await asyncio.sleep(0)
        return self._is_silent and not _is_readable(sock)

    def _take(self, max_bytes: int) -> bytes:
        found = self._buffer
        if len(found) <= max_bytes:
            self._buffer = b""
            return bytes(found)  # makes no copy if `found` is a bytes object already
        if not isinstance(found, bytearray):
            self._buffer = found = bytearray(found)
        data = bytes(found[:max_bytes])
        del found[:max_bytes]
        return data

    # httpcore calls the methods below. The sender of the request enforces the timeouts.

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Wait for data and return at least one byte; at the end of the stream, return no bytes."""
        left = self._backend.head_left
        if left is not None and left <= 0:
            raise httpcore.RemoteProtocolError(
                "the head of the response is too long for a WebSocket handshake"
            )
        if not self._buffer and not self._ended:
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        if self._buffer:
            data = self._take(max_bytes)
            if self._response is not None:
                self._response.feed(data)
            if left is not None:
                self._backend.head_left = left - len(data)
            if self._reading_paused and len(self._buffer) < _HIGH_WATER // 2:
                self._reading_paused = False
                if self._transport is not None and not self._transport.is_closing():
                    self._transport.resume_reading()
            return data
        if self._error is not None:
            raise httpcore.ReadError(str(self._error)) from self._error
        return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes, or buffer them until the operating system accepts them.

        The method waits while the buffer is full. The timeout of the whole call limits the wait.
        """
        if not buffer:
            return
        transport = self._transport
        if transport is None or transport.is_closing():
            raise httpcore.WriteError("the connection is closed") from self._error
        if self._response is None and not self._upgraded:
            if self._buffer:
                raise httpcore.RemoteProtocolError("the peer sent data before the request")
            self._response = ResponseEnd()
        if self._backend.attempt is not None:
            self._backend.attempt.sent = True
        transport.write(buffer)
        if self._writing_paused:
            if self._writer is None:
                self._writer = self._loop.create_future()
            # The future is shielded, because several writers may wait for it, and cancelling one
            # must leave the others waiting.
            await asyncio.shield(self._writer)

    async def aclose(self) -> None:
        """Drop the connection."""
        self.abort()

    def abort(self) -> None:
        """Drop the connection at once, without sending buffered bytes."""
        self._aborted = True
        transport = self._transport
        if transport is None:
            return
        if self._loop.is_closed():
            drop_socket(transport)
        elif _running_loop() is self._loop:
            transport.abort()
        else:  # the caller is in another thread or event loop
            with contextlib.suppress(RuntimeError):  # the loop may be closed in the same moment
                self._loop.call_soon_threadsafe(transport.abort)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Start TLS on the connection."""
        plain = cast("asyncio.Transport", self._transport)
        try:
            # without this check, `start_tls` would wait for a handshake on a closed connection
            if plain.is_closing():
                raise ConnectionAbortedError("the connection was closed before the TLS handshake")  # noqa: TRY301
            async with asyncio.timeout(timeout):
                transport = await self._loop.start_tls(
                    plain, self, ssl_context, server_hostname=server_hostname
                )
            if transport is None or self._aborted:  # uvloop may return a transport that is closed
                raise ConnectionAbortedError("the connection was closed in the TLS handshake")  # noqa: TRY301
        # closes the connection, because httpcore does not do so after this error
        except BaseException as error:
            await self.aclose()
            if isinstance(error, TimeoutError):
                raise httpcore.ConnectTimeout("timeout in the TLS handshake") from error
            if isinstance(error, OSError):
                raise httpcore.ConnectError(str(error)) from error
            raise
        self._transport = transport
        self._encrypted = True
        self._response = None
        if self._backend.attempt is not None:
            # so far only the proxy has received a request, not the gateway
            self._backend.attempt.sent = False
        return self

    def get_extra_info(self, info: str) -> Any:
        """Return a property of the connection for httpcore."""
        if info == "is_readable":  # httpcore does not reuse an idle connection that is readable
            return not self._is_silent
        if self._transport is None:
            return None
        names = {"ssl_object": "ssl_object", "client_addr": "sockname", "server_addr": "peername"}
        return self._transport.get_extra_info(names.get(info, info))


class Backend(httpcore.AsyncNetworkBackend):
    """Opens the connections of one lane, and closes them in any state.

    Attributes:
        attempt: the attempt that uses the connection; None for none.
        stream: the connection that was opened last; None for none.
        closed: whether the backend was closed, so that a connection opened later is closed at once.
        head_left: while a WebSocket is being opened, how many more bytes the head of the response
            may have; otherwise None.
    """

    def __init__(self) -> None:
        self.closed = False
        self.attempt: Attempt | None = None
        self.stream: Stream | None = None
        self.head_left: int | None = None

    def begin(self, attempt: Attempt) -> None:
        """Begin another attempt on the connection."""
        self.attempt = attempt
        if self.stream is not None:
            self.stream.begin()

    def begin_upgrade(self, attempt: Attempt, longest_head: int) -> None:
        """Begin an attempt to open a WebSocket.

        ``longest_head`` is the largest size accepted for the head of the response, in bytes.
        """
        self.begin(attempt)
        self.head_left = longest_head

    def upgraded(self) -> Stream | None:
        """Return the upgraded connection, and stop managing it; return None if there is none."""
        self.attempt = None
        self.head_left = None
        stream, self.stream = self.stream, None
        if stream is not None:
            stream.upgrade()
        return stream

    def drop(self) -> None:
        """Close the connection at once."""
        if self.stream is not None:
            self.stream.abort()
            self.stream = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that accepts the connection."""
        loop = asyncio.get_running_loop()
        failure: OSError | None = None
        try:
            async with asyncio.timeout(timeout):
                for address in addresses(host):
                    try:
                        if is_name(address):
                            found = await loop.getaddrinfo(address, port, type=socket.SOCK_STREAM)
                            numbers = list(dict.fromkeys(str(each[4][0]) for each in found))
                            self.stream = await self._race(loop, numbers, port)
                        else:
                            self.stream = await self._connect(loop, address, port)
                    except OSError as error:
                        failure = failure or error
                    else:
                        if self.closed:
                            self.stream.abort()
                        return self.stream
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("timeout while connecting") from error
        raise httpcore.ConnectError(str(failure)) from failure

    async def _connect(self, loop: asyncio.AbstractEventLoop, address: str, port: int) -> Stream:
        _, stream = await loop.create_connection(lambda: Stream(loop, self), address, port)
        return stream

    async def _race(self, loop: asyncio.AbstractEventLoop, numbers: list[str], port: int) -> Stream:
        """Connect to the first address that responds; try the next address after a short delay.

        asyncio's own race between addresses loses a socket if it is cancelled at the wrong moment,
        and uvloop has no race.
        """
        waiting = iter(numbers)
        running: set[asyncio.Task[Stream]] = set()
        failure: BaseException | None = None
        winner: Stream | None = None
        try:
            while True:
                address = next(waiting, None)
                if address is not None:
                    running.add(loop.create_task(self._connect(loop, address, port)))
                elif not running:
                    raise failure or OSError("the host name has no address")
                pause = None if address is None else _NEXT_ADDRESS
                done, _ = await asyncio.wait(
                    running, timeout=pause, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    if (error := task.exception()) is not None:
                        running.discard(task)
                        failure = failure or error
                    elif winner is None:
                        running.discard(task)
                        winner = task.result()
                if winner is not None:
                    return winner
        finally:
            for task in running:
                task.cancel()
                task.add_done_callback(_drop_late)

    async def sleep(self, seconds: float) -> None:  # pragma: no cover - only with retries
        """Wait for a number of seconds."""
        await asyncio.sleep(seconds)


def _drop_late(task: asyncio.Task[Stream]) -> None:
    """Close a connection that was made after another address had won the race."""
    if not task.cancelled() and task.exception() is None:
        task.result().abort()
