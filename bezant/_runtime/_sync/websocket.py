"""WebSocket on threads: an upgraded connection of httpcore and a reader of frames.

The package websocket-client makes the frames to send. It keeps no state, unlike the package
websockets, which the reader uses. So one thread can send while another thread reads.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import time
from collections.abc import Sequence

from websocket import ABNF

from ..._core.settings.settings import Settings
from ..._core.stream.handshake import MAX_HEAD, Header, check_upgrade
from ..._wire.redaction import Secret
from ...errors import WsClosed, WsTimeout
from .._shared.debug_logs import hide
from .._shared.frames import FrameReader
from .._shared.http import TRANSPORT_ERRORS, Attempt, origin_of, proxy_of
from .._shared.http_packages import httpcore
from .._shared.upgrade import (
    UPGRADE_ERRORS,
    network_stream,
    tunnel_request,
    upgrade_error_from,
    upgrade_request,
)
from .concurrency import attempting
from .lanes import pool_for
from .network import Backend, Stream

_CHUNK = 64 * 1024
_SEND_TIMEOUT = 10.0
# Sending a Close frame may take this many seconds. The client does not wait for a response, because
# the gateway never responds to a Close frame.
_CLOSING_GRACE = 0.5


class WebSocket:
    """WebSocket connection to the gateway, on threads."""

    def __init__(
        self, stream: Stream, channel: httpcore.NetworkStream, frames: FrameReader
    ) -> None:
        self._stream = stream
        # The channel is the connection's stream, preceded by the bytes that came together with the
        # response to the handshake.
        self._channel = channel
        self._frames = frames
        self._closed = False
        self._reading = threading.Lock()

    @classmethod
    def connect(cls, settings: Settings, headers: Sequence[Header], timeout: float) -> WebSocket:
        """Open a WebSocket to the gateway.

        Raises:
            NotAuthenticated: the gateway redirects to its login page or responds with 401.
            WsConnectFailed: the handshake failed.
            WsTimeout: the handshake took longer than the timeout.
        """
        attempt = Attempt(time.monotonic() + timeout, timeout)
        backend = Backend()
        with attempting(attempt):
            try:
                return cls._open(settings, headers, timeout, attempt, backend)
            except UPGRADE_ERRORS as error:
                failure = upgrade_error_from(error, attempt, settings, timeout)
            finally:
                attempt.let_go()
                # the WebSocket was not opened, or Ctrl-C interrupted the opening
                if backend.attempt is not None:
                    backend.drop()
        # Raised without the original exception as its cause: that exception's traceback contains
        # the headers with the session's token.
        raise failure

    @classmethod
    def _open(
        cls,
        settings: Settings,
        headers: Sequence[Header],
        timeout: float,
        attempt: Attempt,
        backend: Backend,
    ) -> WebSocket:
        key = os.urandom(16)
        backend.begin_upgrade(attempt, MAX_HEAD)
        connection = _connection(settings, timeout, backend)
        response = connection.handle_request(upgrade_request(settings, headers, key, timeout, hide))
        check_upgrade(settings.base_url, response.status, response.headers, key)
        frames = FrameReader(settings.base_url.ws_url)
        stream = backend.upgraded()
        if stream is None:
            raise WsClosed("the WebSocket is closed", code=1006)
        return cls(stream, network_stream(response), frames)

    def receive(self, timeout: float) -> list[bytes]:
        """Wait for messages, text or binary, and return all that have arrived: at least one.

        Raises:
            WsTimeout: no message came within the timeout.
            WsClosed: the WebSocket is closed.
            WsProtocolError: the received bytes are not WebSocket frames.
        """
        deadline = time.monotonic() + timeout
        frames = self._frames
        try:
            with self._reading:
                while not frames.messages and frames.error is None:
                    self._read(deadline)
                if frames.messages:
                    return frames.take()
        finally:
            self._tidy()
        raise frames.error or WsClosed("the WebSocket is closed", code=1006)

    def _read(self, deadline: float) -> None:
        try:
            data = b"" if self._closed else self._channel.read(_CHUNK, _left(deadline))
        except (TimeoutError, httpcore.ReadTimeout) as error:
            raise WsTimeout("no message came within the timeout") from error
        except TRANSPORT_ERRORS:
            data = b""
        frames = self._frames
        frames.feed(data)
        if answer := frames.to_send():
            with contextlib.suppress(*TRANSPORT_ERRORS):
                self._channel.write(answer, _SEND_TIMEOUT)
        if frames.error is not None:
            self._shut_down()

    def send(self, text: str | Secret) -> None:
        """Send one text message.

        Raises:
            WsClosed: the WebSocket is closed.
        """
        if self._closed:
            raise WsClosed("the WebSocket is closed", code=1006)
        try:
            self._channel.write(
                _text_frame(text.value if isinstance(text, Secret) else text), _SEND_TIMEOUT
            )
        except TRANSPORT_ERRORS:
            self.abort()
        else:
            return
        # Raised without the original exception as its cause: that exception's traceback contains
        # the text, which may be the session's token.
        raise WsClosed("the WebSocket is closed (code 1006)", code=1006)

    def close(self) -> None:
        """Close the WebSocket; a caller that waits for a message gets `WsClosed`."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(*TRANSPORT_ERRORS):
            self._channel.write(_close_frame(), _CLOSING_GRACE)
        self.abort()

    def abort(self) -> None:
        """Drop the connection at once; any thread may call this."""
        self._shut_down()
        self._tidy()

    def _shut_down(self) -> None:
        self._closed = True
        self._stream.abort()

    def _tidy(self) -> None:
        # If a reader in another thread still uses the descriptor, the reader closes it when it
        # returns.
        if self._closed and self._reading.acquire(blocking=False):
            self._stream.close()
            self._reading.release()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _text_frame(text: str) -> bytes:
    return ABNF.create_frame(text, ABNF.OPCODE_TEXT).format()


def _close_frame() -> bytes:
    return ABNF.create_frame(struct.pack("!H", 1000), ABNF.OPCODE_CLOSE).format()


def _connection(
    settings: Settings, timeout: float, backend: Backend
) -> httpcore.ConnectionInterface:
    """Return a connection for the WebSocket handshake; the first use opens the connection.

    If the gateway is reached through a proxy and without TLS, this function opens a tunnel through
    the proxy, and the result is a connection through that tunnel.
    """
    proxy = proxy_of(settings)
    if proxy is None or settings.base_url.scheme == "https":
        return pool_for(settings, backend).create_connection(origin_of(settings))
    there = httpcore.HTTPConnection(
        proxy.url.origin, ssl_context=proxy.ssl_context, network_backend=backend
    )
    response = there.handle_request(tunnel_request(settings, proxy, timeout, hide))
    if not 200 <= response.status < 300:
        raise httpcore.ProxyError(
            f"the proxy refused the tunnel with HTTP {response.status}; check the argument proxy"
        )
    return httpcore.HTTP11Connection(origin_of(settings), network_stream(response))
