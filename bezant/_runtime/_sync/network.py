"""How the threads side moves bytes under httpcore: sockets whose reads end at the deadline.

httpcore gives each read the whole time-out, so an answer that trickles would last for ever.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Iterable
from typing import Any

from ..._core.http.response_end import ResponseEnd
from .._shared.http import Attempt, addresses
from .._shared.http_packages import httpcore


class Stream(httpcore.NetworkStream):
    """One TCP or TLS connection."""

    def __init__(self, inner: httpcore.NetworkStream, backend: Backend) -> None:
        self._inner = inner
        self._backend = backend
        # The garbage collector may stop a forgotten worker while this thread holds it.
        self._closing = threading.RLock()
        self._closed = False
        self._response: ResponseEnd | None = None
        self._used = False
        # Through a proxy that is spoken to in TLS; its socket cannot be asked for the TLS within.
        self._nested = isinstance(inner.get_extra_info("ssl_object"), ssl.SSLObject)
        backend.stream = self

    def _seconds_left(self, timeout: float | None, error: type[Exception]) -> float | None:
        attempt = self._backend.attempt
        if attempt is None:
            return timeout
        attempt.stream = self
        if attempt.aborted:
            raise httpcore.ReadError("the call was stopped")
        left = attempt.deadline - time.monotonic()
        if left <= 0:
            raise error("the deadline has passed")
        return left if timeout is None else min(left, timeout)

    def begin(self) -> None:
        """Expect the response to another request."""
        self._response = None

    @property
    def at_end(self) -> bool:
        """Whether the response was read to its end, and nothing behind it."""
        return self.is_exact and not self._closed

    @property
    def is_exact(self) -> bool:
        """Whether nothing but the response, whole, has come since the request."""
        return self._response is not None and self._response.complete

    @property
    def is_clean(self) -> bool:
        """Whether the connection is open and no data waits on it."""
        if self._closed:
            return False
        sock = self._inner.get_extra_info("socket")
        encrypted = isinstance(sock, ssl.SSLSocket)
        if not self._inner.get_extra_info("is_readable"):
            return not (encrypted and sock.pending())
        if self._nested:
            return not self._used
        if not encrypted:
            return False
        # TLS has records without data, such as the session tickets of TLS 1.3.
        try:
            sock.settimeout(0)
            sock.recv(1)
        except ssl.SSLWantReadError:
            return True
        except OSError:
            pass
        return False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what comes, at least a byte, or nothing at the end of the stream."""
        left = self._seconds_left(timeout, httpcore.ReadTimeout)
        data = self._inner.read(max_bytes, left)
        if self._response is not None:
            self._response.feed(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        if not buffer:
            return
        left = self._seconds_left(timeout, httpcore.WriteTimeout)
        if self._response is None:
            if not self.is_clean:
                raise httpcore.RemoteProtocolError(
                    "the connection was closed, or data came, before the request was sent"
                )
            self._response = ResponseEnd()
            self._used = True
        attempt = self._backend.attempt
        if attempt is not None:
            attempt.sent = True
        self._inner.write(buffer, left)

    def close(self) -> None:
        """Drop the connection."""
        with self._closing:
            self._closed = True
            self._inner.close()

    def abort(self) -> None:
        """Wake whoever waits for bytes on it, from another thread.

        It is shut down and not closed: a closed descriptor may be another connection's before the
        waiting thread has noticed, and that thread's bytes would go there.
        """
        with self._closing:
            sock = self._inner.get_extra_info("socket")
            if not self._closed and isinstance(sock, socket.socket):
                with contextlib.suppress(OSError):
                    # Past ssl's own shutdown, which another thread's read would not survive.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Begin TLS."""
        try:
            left = self._seconds_left(timeout, httpcore.ConnectTimeout)
            inner = self._inner.start_tls(ssl_context, server_hostname, left)
        except BaseException:  # httpcore leaves this to us
            self.close()
            raise
        attempt = self._backend.attempt
        if attempt is not None:
            attempt.sent = False  # so far only a proxy was spoken to
        return Stream(inner, self._backend)

    def get_extra_info(self, info: str) -> Any:
        """Answer httpcore's questions about the connection."""
        if info == "is_readable":  # asked of an idle connection: can it not be used again?
            return not self.is_clean
        return self._inner.get_extra_info(info)


class Backend(httpcore.NetworkBackend):
    """Opens the connections of one lane.

    Attributes:
        stream: the connection that was opened last.
    """

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()
        self.stream: Stream | None = None
        # Weak: a call that was interrupted anywhere must not keep its lane.
        self._attempt: weakref.ref[Attempt] | None = None

    @property
    def attempt(self) -> Attempt | None:
        """The attempt that uses the connection."""
        return None if self._attempt is None else self._attempt()

    def begin(self, attempt: Attempt) -> None:
        """Work for another attempt."""
        self._attempt = weakref.ref(attempt)
        if self.stream is not None:
            self.stream.begin()

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
        """Connect to the first address that answers."""
        failure: httpcore.ConnectError | None = None
        for address in addresses(host):
            try:
                stream = self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except httpcore.ConnectError as error:
                failure = failure or error
            else:
                return Stream(stream, self)
        raise failure or httpcore.ConnectError(f"no address for {host}")
