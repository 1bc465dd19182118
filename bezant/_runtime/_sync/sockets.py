"""What websocket-client takes for a socket on the threads side."""

from __future__ import annotations

import math
import select
import socket
import ssl
import threading
from collections.abc import Callable

from ..._core.stream.framing import MAX_MESSAGE, frame_end, may_be_plain, plain_messages

_CHUNK = 64 * 1024
_SEND_TIMEOUT = 10.0


def _readable(sock: socket.socket, timeout: float | None) -> bool:
    if not hasattr(select, "poll"):  # pragma: no cover - Windows
        return bool(select.select([sock], [], [], timeout)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    # Rounded up: a wait of less than a millisecond must not spin.
    return bool(poll.poll(None if timeout is None else math.ceil(timeout * 1000)))


class PlainSocket:
    """What websocket-client takes for a socket: read in large chunks, with its own read time-out.

    The real socket's time-out would hold for another thread's sending, too.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = b""
        # Where in the buffer the bytes begin that nobody has taken.
        self._at = 0
        self._timeout: float | None = None
        sock.settimeout(_SEND_TIMEOUT)

    def _wait(self) -> None:
        if not _readable(self._sock, self._timeout):
            raise TimeoutError

    def _read(self) -> bytes:
        self._wait()
        return self._sock.recv(_CHUNK)

    def take_messages(self, put: Callable[[bytes], object]) -> bool:
        """Hand over the plain messages that come next; False where something else does.

        Raises:
            TimeoutError: nothing came in time.
        """
        while True:
            before = self._at
            self._at = plain_messages(self._buffer, before, put)
            if self._at > before:
                return True
            self._buffer, self._at = self._buffer[before:], 0
            if not may_be_plain(self._buffer):
                return False
            if not self._read_up_to(frame_end(self._buffer, 0, MAX_MESSAGE)):
                return False

    def _read_up_to(self, needed: int) -> bool:
        """Read until so many bytes are in the buffer; False where the peer ends before."""
        parts = [self._buffer]
        missing = needed - len(self._buffer)
        try:
            while missing > 0:
                data = self._read()
                if not data:
                    return False
                parts.append(data)
                missing -= len(data)
        finally:
            # Joined once, and not for every few bytes that come.
            self._buffer = b"".join(parts)
        return True

    def take_head(self, end: bytes, longest: int) -> bytes | None:
        """Return what comes before the end of a head; None where the peer ends before.

        Raises:
            TimeoutError: nothing came in time.
            ValueError: it is too long.
        """
        seen = 0
        while (stop := self._buffer.find(end, max(seen - len(end), 0))) < 0:
            seen = len(self._buffer)
            if seen > longest:
                raise ValueError(f"the answer's head is longer than {longest:,} bytes")
            data = self._read()
            if not data:
                return None
            self._buffer += data
        head, self._buffer = self._buffer[:stop], self._buffer[stop + len(end) :]
        return head

    def recv(self, length: int) -> bytes:
        if self._at >= len(self._buffer):
            self._buffer, self._at = self._read(), 0
        data = self._buffer[self._at : self._at + length]
        self._at += len(data)
        return data

    def send(self, data: bytes) -> int:
        self._sock.sendall(data)
        return len(data)

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = timeout

    def gettimeout(self) -> float | None:
        return self._timeout

    def fileno(self) -> int:
        return self._sock.fileno()

    def shutdown(self, how: int) -> None:
        self._sock.shutdown(how)

    def close(self) -> None:
        self._sock.close()


class TlsSocket(PlainSocket):
    """TLS that one thread may read while another writes.

    OpenSSL allows one thread at a time in a connection, so it only ever sees memory here, under a
    lock, and the waiting is done outside.
    """

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext, host: str, timeout: float
    ) -> None:
        super().__init__(sock)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._timeout = timeout
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            else:
                self._flush()
                return

    def _flush(self) -> None:
        with self._send_lock:
            with self._lock:
                data = self._outgoing.read()
            if data:
                self._sock.sendall(data)

    def _fill(self) -> None:
        data = super()._read()
        with self._lock:
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()

    def _read(self) -> bytes:
        while True:
            try:
                with self._lock:
                    return self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def send(self, data: bytes) -> int:
        with self._lock:
            self._tls.write(data)
        self._flush()
        return len(data)
