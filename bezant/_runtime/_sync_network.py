"""How the threads side moves bytes under httpcore: sockets whose reads end at the deadline.

httpcore gives each read the whole time-out, so an answer that trickles would last for ever.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore

from ._shared import addresses, current_attempt


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

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what comes, at least a byte, or nothing at the end of the stream."""
        left = self._seconds_left(timeout, httpcore.ReadTimeout)
        return self._inner.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        if not buffer:
            return
        left = self._seconds_left(timeout, httpcore.WriteTimeout)
        attempt = current_attempt.get()
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
            return Stream(self._inner.start_tls(ssl_context, server_hostname, left))
        except BaseException:  # httpcore leaves this to us
            self.close()
            raise

    def get_extra_info(self, info: str) -> Any:
        """Answer httpcore's questions about the connection."""
        if info == "is_readable" and self.spoiled:  # asked before it is used again
            return True
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
