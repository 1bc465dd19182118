"""Network backend of httpcore on threads: sockets whose reads end at the deadline of the call.

httpcore itself allows the whole timeout for each read, so a slow stream of bytes would never end.

One thread may read a connection while another thread writes, which OpenSSL does not allow. So TLS
works here on buffers in memory, under a lock, and threads wait outside of that lock.
"""

from __future__ import annotations

import contextlib
import math
import select
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Iterable
from typing import Any, Protocol, cast

from ..._core.http.response_end import ResponseEnd
from .._shared.http import Attempt, addresses
from .._shared.http_packages import httpcore

# One read takes at most this many bytes of TLS data.
_CHUNK = 64 * 1024


def _wait(sock: socket.socket, deadline: float | None, *, to_write: bool) -> None:
    """Wait until a socket can be read or written.

    Raises:
        TimeoutError: the deadline passed first.
    """
    left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
    if hasattr(select, "poll"):
        poll = select.poll()  # not `select.select`, which refuses descriptors above 1023
        poll.register(sock, select.POLLOUT if to_write else select.POLLIN)
        # The wait is rounded up, because a wait of 0 ms would be a busy loop.
        ready = bool(poll.poll(None if left is None else math.ceil(left * 1000)))
    else:  # pragma: no cover - Windows
        reading, writing = ([], [sock]) if to_write else ([sock], [])
        ready = any(select.select(reading, writing, writing, left))
    if not ready:
        raise TimeoutError("the deadline has passed")


def _as_bytes(host: str) -> str:
    """Return an ASCII host as bytes, because Python loads its slow IDNA codec for text."""
    return cast("str", host.encode("ascii")) if host.isascii() else host


class _Pipe(Protocol):
    """Channel for bytes: a socket, or TLS over a socket."""

    def receive(self, max_bytes: int, deadline: float | None) -> bytes: ...

    def receive_now(self, max_bytes: int) -> bytes | None: ...

    def send(self, data: bytes, deadline: float | None) -> None: ...


class _Plain:
    """Socket without TLS."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sending = threading.Lock()

    def receive(self, max_bytes: int, deadline: float | None) -> bytes:
        """Wait for data and return at least one byte; at the end of the stream, return no bytes."""
        while True:
            _wait(self._sock, deadline, to_write=False)
            try:
                return self._sock.recv(max_bytes)
            except BlockingIOError:  # the socket was reported as ready but has no data
                continue

    def receive_now(self, max_bytes: int) -> bytes | None:
        """Return the bytes received so far, without waiting; None if there are none yet."""
        try:
            return self._sock.recv(max_bytes)
        except BlockingIOError:
            return None

    def send(self, data: bytes, deadline: float | None) -> None:
        """Send bytes; the bytes of other threads come before or after them, not in between."""
        with self._sending:
            rest = memoryview(data)
            while rest:
                try:
                    rest = rest[self._sock.send(rest) :]
                except BlockingIOError:
                    _wait(self._sock, deadline, to_write=True)


class _Tls:
    """TLS over a socket, or over the TLS of a proxy."""

    def __init__(self, inner: _Pipe, context: ssl.SSLContext, host: str | None) -> None:
        self._inner = inner
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.object = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_hostname=None if host is None else _as_bytes(host),
        )
        self._lock = threading.Lock()
        self._flushing = threading.Lock()

    def shake_hands(self, deadline: float | None) -> None:
        """Do the TLS handshake."""
        while True:
            try:
                with self._lock:
                    self.object.do_handshake()
            except ssl.SSLWantReadError:
                self._flush(deadline)
                self._feed(self._inner.receive(_CHUNK, deadline))
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    self._flush(deadline)  # this sends the TLS alert to the peer
                raise
            else:
                self._flush(deadline)
                return

    def _feed(self, data: bytes) -> None:
        with self._lock:
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()

    def _flush(self, deadline: float | None) -> None:
        with self._flushing:
            with self._lock:
                data = self._outgoing.read()
            if data:
                self._inner.send(data, deadline)

    def receive(self, max_bytes: int, deadline: float | None) -> bytes:
        """Wait for data and return at least one byte; at the end of the stream, return no bytes."""
        while True:
            data = self._read(max_bytes) if self._has_input else None
            if data is not None:
                return data
            if self._outgoing.pending:
                self._flush(deadline)
            self._feed(self._inner.receive(_CHUNK, deadline))

    def receive_now(self, max_bytes: int) -> bytes | None:
        """Return the data received so far; None if none has come. Session tickets do not count."""
        # The buffer is not read without input, because that only raises an exception, which takes a
        # third of the time.
        data = self._read(max_bytes) if self._has_input else None
        while data is None:
            more = self._inner.receive_now(_CHUNK)
            if more is None:
                return None
            self._feed(more)
            data = self._read(max_bytes)
        return data

    @property
    def _has_input(self) -> bool:
        with self._lock:
            return bool(self._incoming.pending or self._incoming.eof or self.object.pending())

    def _read(self, max_bytes: int) -> bytes | None:
        try:
            with self._lock:
                return self.object.read(max_bytes)
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def send(self, data: bytes, deadline: float | None) -> None:
        """Send bytes; the bytes of other threads come before or after them, not in between."""
        rest = memoryview(data)
        with self._lock:
            while rest:
                rest = rest[self.object.write(rest) :]
        self._flush(deadline)


class Stream(httpcore.NetworkStream):
    """One TCP or TLS connection of httpcore, on a socket."""

    def __init__(self, sock: socket.socket, pipe: _Pipe, backend: Backend) -> None:
        self._sock = sock
        self._pipe = pipe
        self._backend = backend
        # The lock is reentrant, because the garbage collector may stop a forgotten worker while
        # this thread holds it.
        self._closing = threading.RLock()
        self._closed = False
        self._response: ResponseEnd | None = None
        self._upgraded = False
        backend.stream = self

    def _deadline(self, timeout: float | None, error: type[Exception]) -> float | None:
        now = time.monotonic()
        own = None if timeout is None else now + timeout
        attempt = self._backend.attempt
        if attempt is None:
            return own
        attempt.stream = self
        if attempt.aborted:
            raise httpcore.ReadError("the call was stopped")
        if attempt.deadline <= now:
            raise error("the deadline has passed")
        return attempt.deadline if own is None else min(attempt.deadline, own)

    def begin(self, *, checked: bool = False) -> None:
        """Prepare for the next request and its response.

        Args:
            checked: whether the connection was found clean a moment ago. If False, `Stream.write`
                checks this before it sends the request.
        """
        self._response = ResponseEnd() if checked else None

    def upgrade(self) -> None:
        """Stop following HTTP responses, because the connection was upgraded."""
        self._upgraded = True
        self._response = None

    @property
    def at_end(self) -> bool:
        """Whether the response was read to its end, on an open connection without more data."""
        return self.is_exact and not self._closed

    @property
    def is_exact(self) -> bool:
        """Whether exactly one complete response has come since the request."""
        return self._response is not None and self._response.complete

    @property
    def is_clean(self) -> bool:
        """Whether the connection is open and has no data to read, so that it can be used again.

        Over TLS, readable bytes on the socket need not be data.
        """
        if self._closed:
            return False
        try:
            return self._pipe.receive_now(1) is None
        except OSError:
            return False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Wait for data and return at least one byte; at the end of the stream, return no bytes."""
        deadline = self._deadline(timeout, httpcore.ReadTimeout)
        left = self._backend.head_left
        if left is not None and left <= 0:
            raise httpcore.RemoteProtocolError(
                "the head of the response is too long for a WebSocket handshake"
            )
        try:
            data = self._pipe.receive(max_bytes, deadline)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error
        if self._response is not None:
            self._response.feed(data)
        if left is not None:
            self._backend.head_left = left - len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes, within ``timeout`` seconds and before the deadline of the whole call.

        Raises:
            httpcore.WriteTimeout: the time was not enough.
            httpcore.WriteError: the connection is lost.
        """
        if not buffer:
            return
        deadline = self._deadline(timeout, httpcore.WriteTimeout)
        if self._response is None and not self._upgraded:
            if not self.is_clean:
                raise httpcore.RemoteProtocolError(
                    "the peer closed the connection or sent data before the request"
                )
            self._response = ResponseEnd()
        attempt = self._backend.attempt
        if attempt is not None:
            attempt.sent = True
        try:
            self._pipe.send(buffer, deadline)
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        """Drop the connection."""
        with self._closing:
            self._closed = True
            self._sock.close()

    def abort(self) -> None:
        """Wake the thread that waits for bytes on the connection; any thread may call this.

        The socket is shut down and not closed. The descriptor of a closed socket could be reused by
        another connection before the waiting thread notices, and would get that thread's bytes.
        """
        with self._closing:
            if not self._closed:
                with contextlib.suppress(OSError):
                    self._sock.shutdown(socket.SHUT_RDWR)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Start TLS on the connection."""
        try:
            deadline = self._deadline(timeout, httpcore.ConnectTimeout)
            tls = _Tls(self._pipe, ssl_context, server_hostname)
            try:
                tls.shake_hands(deadline)
            except TimeoutError as error:
                raise httpcore.ConnectTimeout("timeout in the TLS handshake") from error
            except OSError as error:
                raise httpcore.ConnectError(str(error)) from error
        except BaseException:  # httpcore does not close the connection here
            self.close()
            raise
        attempt = self._backend.attempt
        if attempt is not None:
            attempt.sent = False  # so far only the proxy has received a request, not the gateway
        return Stream(self._sock, tls, self._backend)

    def get_extra_info(self, info: str) -> Any:
        """Return a property of the connection for httpcore."""
        if info == "is_readable":  # httpcore does not reuse an idle connection that is readable
            return not self.is_clean
        if info == "ssl_object":
            return self._pipe.object if isinstance(self._pipe, _Tls) else None
        if info == "socket":
            return self._sock
        if info == "client_addr":
            return self._sock.getsockname()
        return self._sock.getpeername() if info == "server_addr" else None


class Backend(httpcore.NetworkBackend):
    """Opens the connections of one lane.

    Attributes:
        stream: the connection that was opened last; None for none.
        head_left: while a WebSocket is being opened, how many more bytes the head of the response
            may have; otherwise None.
    """

    def __init__(self) -> None:
        self.stream: Stream | None = None
        self.head_left: int | None = None
        # The reference is weak, so that an interrupted call does not keep its lane.
        self._attempt: weakref.ref[Attempt] | None = None

    @property
    def attempt(self) -> Attempt | None:
        """The attempt that uses the connection; None for none."""
        return None if self._attempt is None else self._attempt()

    def begin(self, attempt: Attempt, *, checked: bool = False) -> None:
        """Begin another attempt on the connection.

        Args:
            attempt: the attempt.
            checked: whether the connection was found clean a moment ago. If False, `Stream.write`
                checks this before it sends the request.
        """
        self._attempt = weakref.ref(attempt)
        if self.stream is not None:
            self.stream.begin(checked=checked)

    def begin_upgrade(self, attempt: Attempt, longest_head: int) -> None:
        """Begin an attempt to open a WebSocket.

        ``longest_head`` is the largest size accepted for the head of the response, in bytes.
        """
        self.begin(attempt)
        self.head_left = longest_head

    def upgraded(self) -> Stream | None:
        """Return the upgraded connection, and stop managing it; return None if there is none."""
        self._attempt = None
        self.head_left = None
        stream, self.stream = self.stream, None
        if stream is not None:
            stream.upgrade()
        return stream

    def drop(self) -> None:
        """Close the connection."""
        if self.stream is not None:
            self.stream.close()
            self.stream = None

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that accepts the connection."""
        failure: OSError | None = None
        for address in addresses(host):
            try:
                sock = socket.create_connection((_as_bytes(address), port), timeout)
            except TimeoutError as error:
                raise httpcore.ConnectTimeout("timeout while connecting") from error
            except OSError as error:
                failure = failure or error
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setblocking(False)
                return Stream(sock, _Plain(sock), self)
        raise httpcore.ConnectError(str(failure)) from failure
