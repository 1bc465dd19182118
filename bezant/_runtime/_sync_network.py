"""How the threads side moves bytes under httpcore: sockets whose reads end at the deadline.

httpcore gives each read the whole time-out, so an answer that trickles would last for ever.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Generator, Iterable
from typing import Any

import httpcore

from ._shared import Attempt, addresses, current_attempt


class Stream(httpcore.NetworkStream):
    """One TCP or TLS connection.

    Attributes:
        spoiled: something that is not an answer may follow on it, so it must not be used again.
    """

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        # The garbage collector may stop a forgotten worker while this thread holds it.
        self._closing = threading.RLock()
        self._closed = False
        self._busy = False
        self._attempt: Attempt | None = None
        self.spoiled = False

    def _seconds_left(self, timeout: float | None, error: type[Exception]) -> float | None:
        attempt = current_attempt.get()
        if attempt is None:
            return timeout
        attempt.stream = self
        if attempt.aborted:
            raise httpcore.ReadError("the call was stopped")
        left = attempt.deadline - time.monotonic()
        if left <= 0:
            raise error("the deadline has passed")
        return left if timeout is None else min(left, timeout)

    @contextlib.contextmanager
    def _using(self) -> Generator[None, None, None]:
        with self._closing:
            if self._closed:
                raise httpcore.ReadError("the connection was closed")
            self._busy = True
            self._attempt = current_attempt.get()
        try:
            yield
        finally:
            with self._closing:
                self._busy = False
                if self._closed:
                    self._inner.close()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what comes, at least a byte, or nothing at the end of the stream."""
        left = self._seconds_left(timeout, httpcore.ReadTimeout)
        with self._using():
            return self._inner.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        if not buffer:
            return
        left = self._seconds_left(timeout, httpcore.WriteTimeout)
        with self._using():
            if self._attempt is not None:
                self._attempt.sent = True
            self._inner.write(buffer, left)

    def close(self) -> None:
        """Drop the connection, at once or as soon as another thread has done with it."""
        with self._closing:
            if self._busy:
                self.abort()
            else:
                self._inner.close()
            self._closed = True

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
            return Stream(self._inner.start_tls(ssl_context, server_hostname, left))
        except BaseException:  # httpcore leaves this to us
            self.close()
            raise

    def get_extra_info(self, info: str) -> Any:
        """Answer httpcore's questions about the connection."""
        if info == "is_readable":  # asked of an idle connection: can it not be used again?
            if self.spoiled or self._closed:
                return True
            # httpcore looks whether it is idle and then here, and another thread may have begun a
            # call in between: its answer is not a sign that the peer has gone.
            if self._attempt is not None and not self._attempt.done:
                return False
        return self._inner.get_extra_info(info)


class Backend(httpcore.NetworkBackend):
    """Opens connections."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

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
                return Stream(stream)
        raise failure or httpcore.ConnectError(f"no address for {host}")
