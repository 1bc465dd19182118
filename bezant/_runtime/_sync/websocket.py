"""The threads side's WebSocket, on the websocket-client library."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import websocket

from ..._core.http.messages import TransportError
from ..._core.settings.base_url import BaseUrl
from ..._core.settings.settings import Settings
from ..._core.stream.framing import MAX_MESSAGE
from ..._core.stream.handshake import HEAD_END, MAX_HEAD, Header, check_head, request_head
from ..._wire.redaction import Secret
from ...errors import WsClosed, WsConnectFailed, WsError, WsProtocolError, WsTimeout
from .._shared.http import Attempt, addresses
from .._shared.tls import tls_context
from .concurrency import attempting
from .sockets import PlainSocket, TlsSocket

# Messages that are handed over at a time.
_BATCH = 1000
# Bytes of a long message that are asked for at a time.
_CHUNK = 64 * 1024


class _Parts(websocket._abnf.continuous_frame):  # noqa: SLF001
    """The parts of a message that came so far; the library copies them all for each one."""

    @property
    def length(self) -> int:
        return len(self.cont_data[1]) if self.cont_data else 0

    def add(self, frame: websocket.ABNF) -> None:
        if not self.cont_data and not frame.fin:
            frame.data = cast("Any", bytearray(cast("bytes", frame.data)))
        super().add(frame)


class _Frames(websocket._abnf.frame_buffer):  # noqa: SLF001
    """The library's reader of frames, which by itself takes any length that a frame says it has."""

    def __init__(self, recv: Callable[[int], bytes], parts: _Parts) -> None:
        super().__init__(cast("Any", recv), skip_utf8_validation=True)
        self._parts = parts
        self._came = bytearray()

    def recv_strict(self, bufsize: int) -> bytes:
        # The library keeps every few bytes that come as an object of its own.
        came = self._came
        while len(came) < bufsize:
            came += self.recv(min(_CHUNK, bufsize - len(came)))
        self._came = bytearray()
        return bytes(came)

    def recv_length(self) -> None:
        super().recv_length()
        length = self.length or 0
        header = cast("Any", self).header
        if header[4] == websocket.ABNF.OPCODE_CONT:
            length += self._parts.length
        if length > MAX_MESSAGE:
            raise websocket.WebSocketProtocolException(
                f"a message of {length:,} bytes exceeds the limit of {MAX_MESSAGE:,}"
            )


class _Dialling:
    """A handshake, for whoever has to stop it."""

    def __init__(self) -> None:
        self.sock: socket.socket | None = None
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True
        _shut_down(self.sock)


class WebSocket:
    """One WebSocket connection."""

    def __init__(
        self, connection: websocket.WebSocket, channel: PlainSocket, sock: socket.socket
    ) -> None:
        self._connection = connection
        self._channel = channel
        self._sock = sock
        # Whether the library is in the middle of a message.
        self._partial = False
        self._closed = False
        self._failure: WsError | None = None
        self._reading = threading.Lock()

    @classmethod
    def connect(cls, settings: Settings, headers: Sequence[Header], timeout: float) -> WebSocket:
        """Open a WebSocket to the gateway.

        Raises:
            NotAuthenticated: it was answered with the way to the login page.
            WsConnectFailed: the handshake did not succeed.
            WsTimeout: it did not succeed in time.
        """
        dialling = _Dialling()
        attempt = Attempt(time.monotonic() + timeout, timeout)
        attempt.stream = dialling
        with attempting(attempt):
            return cls._open(settings, headers, timeout, dialling)

    @classmethod
    def _open(
        cls,
        settings: Settings,
        headers: Sequence[Header],
        timeout: float,
        dialling: _Dialling,
    ) -> WebSocket:
        base_url = settings.base_url
        deadline = time.monotonic() + timeout
        # It skips its UTF-8 check, which is written in Python: the decoder checks.
        connection = websocket.WebSocket(skip_utf8_validation=True, enable_multithread=True)
        connection.cont_frame = parts = _Parts(False, skip_utf8_validation=True)
        recv: Any = cast("Any", connection)._recv  # noqa: SLF001
        connection.frame_buffer = _Frames(recv, parts)
        # Each read of the handshake has the whole time-out.
        watchdog = threading.Timer(timeout, lambda: _shut_down(dialling.sock))
        watchdog.daemon = True
        watchdog.start()
        opened = False
        try:
            sock = dialling.sock = _dial(settings, timeout)
            if dialling.aborted:
                _shut_down(sock)
            left = max(deadline - time.monotonic(), 0.01)
            if settings.tls.mode == "none":
                channel = PlainSocket(sock)
            else:
                channel = TlsSocket(sock, tls_context(settings.tls), base_url.host, left)
            _shake_hands(channel, settings, headers, deadline)
            connection.sock = cast("Any", channel)
            connection.connected = True
        except (TimeoutError, websocket.WebSocketTimeoutException) as error:
            raise _late(base_url, timeout) from error
        except TransportError as error:
            raise WsConnectFailed(error.detail) from error
        except ssl.SSLError as error:
            if time.monotonic() >= deadline:
                raise _late(base_url, timeout) from error
            raise WsConnectFailed(
                f"TLS with {base_url.root} failed: {error}; see the verify argument"
            ) from error
        except (websocket.WebSocketException, ValueError) as error:
            if time.monotonic() >= deadline:
                raise _late(base_url, timeout) from error
            raise WsConnectFailed(f"{base_url.ws_url} is no WebSocket: {error}") from error
        except OSError as error:
            raise WsConnectFailed(f"cannot connect to {base_url.root}: {error}") from error
        else:
            opened = True
            return cls(connection, channel, sock)
        finally:
            if not opened and dialling.sock is not None:  # after Ctrl-C, too
                dialling.sock.close()
            watchdog.cancel()
            watchdog.join()

    def receive(self, timeout: float) -> list[bytes]:
        """Return the messages that have come, at least one, whether as text or as binary.

        Raises:
            WsTimeout: none came in time.
            WsClosed: the socket is closed.
            WsProtocolError: what came is not WebSocket.
        """
        try:
            with self._reading:
                return self._read_batch(time.monotonic() + timeout)
        finally:
            self._tidy()

    def _read_batch(self, deadline: float) -> list[bytes]:
        batch: list[bytes] = []
        try:
            if self._failure is not None:
                raise self._failure
            if self._closed:
                raise WsClosed("the WebSocket is closed", code=1006)
            connection: Any = self._connection  # untyped there
            receive = connection.recv_data
            self._connection.settimeout(_left(deadline))
            while len(batch) < _BATCH:
                if not self._partial and self._channel.take_messages(batch.append):
                    # What else has come is taken without waiting.
                    self._connection.settimeout(0.0)
                    continue
                # The library reads what is not a plain message.
                self._partial = True
                opcode, data = receive(True)
                self._partial = False
                if opcode in (websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY):
                    if not batch:
                        # What else has come is taken without waiting.
                        self._connection.settimeout(0.0)
                    batch.append(bytes(data))
                elif opcode == websocket.ABNF.OPCODE_CLOSE:
                    raise _closed(data)
                elif not batch:  # a ping, which has been answered
                    self._connection.settimeout(_left(deadline))
        except (TimeoutError, websocket.WebSocketTimeoutException) as error:
            if not batch:
                raise WsTimeout("no message came in time") from error
        except WsError as error:
            self._fail(error, batch)
        except (websocket.WebSocketProtocolException, websocket.WebSocketPayloadException) as error:
            broken = WsProtocolError(f"the peer broke the WebSocket protocol: {error}")
            self._fail(broken, batch)
        except (websocket.WebSocketException, OSError, ValueError, AttributeError):
            # AttributeError: websocket-client lets go of its socket when another thread closes.
            self._fail(WsClosed("the WebSocket is closed (code 1006)", code=1006), batch)
        return batch

    def _fail(self, error: WsError, batch: list[bytes]) -> None:
        """Close; what came before is handed over first."""
        self._failure = error
        self._shut_down()
        if not batch:
            raise error

    def send(self, text: str | Secret) -> None:
        """Send one text message.

        Raises:
            WsClosed: the socket is closed.
        """
        if self._closed:
            raise WsClosed("the WebSocket is closed", code=1006)
        try:
            self._connection.send(text.value if isinstance(text, Secret) else text)
        except (websocket.WebSocketException, OSError, ValueError, AttributeError):
            self._drop()
        else:
            return
        # Without a cause: the library's frames hold the text, which may be the session's token.
        raise WsClosed("the WebSocket is closed (code 1006)", code=1006)

    def close(self) -> None:
        """Close the socket; whoever waits for a message is told that it is closed."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(websocket.WebSocketException, OSError, ValueError, AttributeError):
            self._connection.settimeout(0.5)
            # The gateway never answers a Close frame, so nobody waits for one.
            self._connection.send_close()
        self._drop()

    def abort(self) -> None:
        """Drop the connection at once, from any thread."""
        self._drop()

    def _drop(self) -> None:
        self._shut_down()
        self._tidy()

    def _shut_down(self) -> None:
        self._closed = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _tidy(self) -> None:
        # A reader in another thread still uses the file descriptor: it closes it on its way out.
        if self._closed and self._reading.acquire(blocking=False):
            self._sock.close()
            self._reading.release()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _closed(data: bytes) -> WsClosed:
    code, reason = 1005, ""
    if len(data) >= 2:
        code = struct.unpack("!H", data[:2])[0]
        reason = data[2:].decode("utf-8", "replace")
    return WsClosed(f"the WebSocket is closed (code {code})", code=code, reason=reason)


def _late(base_url: BaseUrl, timeout: float) -> WsTimeout:
    return WsTimeout(f"no WebSocket to {base_url.ws_url} within {timeout:g} s")


def _shut_down(sock: socket.socket | None) -> None:
    """Wake whoever waits on the socket; they close it."""
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _shake_hands(
    channel: PlainSocket, settings: Settings, headers: Sequence[Header], deadline: float
) -> None:
    # Not by websocket-client: it reads the answer byte by byte, however long that is, keeps cookies
    # for the whole process, and its frames hold the token where a traceback is shown with locals.
    base_url = settings.base_url
    key = os.urandom(16)
    agent: Header = ("User-Agent", settings.user_agent)
    channel.send(request_head(base_url, [*headers, agent], key))
    channel.settimeout(_left(deadline))
    head = channel.take_head(HEAD_END, MAX_HEAD)
    if head is None:
        raise ValueError("it closes the connection in the middle of its answer")
    check_head(head, base_url, key)


def _dial(settings: Settings, timeout: float) -> socket.socket:
    base_url = settings.base_url
    timeout = min(timeout, settings.connect_timeout)
    if settings.proxy:
        return _dial_proxy(settings.proxy, base_url.host, base_url.port, timeout)
    failure: OSError | None = None
    for address in addresses(base_url):
        try:
            sock = socket.create_connection((address, base_url.port), timeout)
        except OSError as error:
            failure = failure or error
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise failure or OSError(f"no address for {base_url.host}")


def _dial_proxy(proxy: str, host: str, port: int, timeout: float) -> socket.socket:
    # websocket-client's own way through a proxy hands back a socket that is already in TLS.
    from websocket import _http

    parts = urlsplit(proxy)
    options: Any = _http.proxy_info(  # type: ignore[no-untyped-call]
        http_proxy_host=parts.hostname,
        http_proxy_port=parts.port,
        proxy_type=parts.scheme,
        http_proxy_auth=(unquote(parts.username), unquote(parts.password or ""))
        if parts.username
        else None,
    )
    sock = socket.create_connection((parts.hostname or "", parts.port or 80), timeout)
    try:
        return _http._tunnel(sock, host, port, options.auth)  # noqa: SLF001
    except BaseException:
        sock.close()
        raise
