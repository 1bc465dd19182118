"""WebSocket on asyncio: an upgraded connection of httpcore and a reader of frames."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence

from ..._core.settings.settings import Settings
from ..._core.stream.handshake import MAX_HEAD, Header, check_upgrade
from ..._wire.redaction import Secret
from ...errors import WsClosed, WsTimeout
from .._shared.debug_logs import hide_async
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
from .concurrency import monotonic
from .http import current_task
from .lanes import pool_for
from .network import Backend, Stream

_CHUNK = 256 * 1024
# Sending a Close frame may take this many seconds. The client does not wait for a response, because
# the gateway never responds to a Close frame.
_CLOSING_GRACE = 0.5


class WebSocket:
    """WebSocket connection to the gateway, on asyncio."""

    def __init__(
        self, stream: Stream, channel: httpcore.AsyncNetworkStream, frames: FrameReader
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._stream = stream
        # The channel is the connection's stream, preceded by the bytes that came together with the
        # response to the handshake.
        self._channel = channel
        self._frames = frames
        self._closed = False

    @classmethod
    async def connect(
        cls, settings: Settings, headers: Sequence[Header], timeout: float
    ) -> WebSocket:
        """Open a WebSocket to the gateway.

        Raises:
            NotAuthenticated: the gateway redirects to its login page or responds with 401.
            WsConnectFailed: the handshake failed.
            WsTimeout: the handshake took longer than the timeout.
        """
        attempt = Attempt(monotonic() + timeout, timeout)
        backend = Backend()
        task = asyncio.current_task()
        try:
            async with asyncio.timeout(timeout):
                return await cls._open(settings, headers, timeout, attempt, backend)
        except UPGRADE_ERRORS as error:
            if current_task() is not task:
                # As in HttpTransport.send, the garbage collector is ending this call after its
                # event loop was closed, so there is no caller to receive the error.
                raise GeneratorExit from None
            failure = upgrade_error_from(error, attempt, settings, timeout)
        finally:
            if backend.attempt is not None:  # true if the WebSocket was not opened
                backend.drop()
        # Raised without the original exception as its cause: that exception's traceback contains
        # the headers with the session's token.
        raise failure

    @classmethod
    async def _open(
        cls,
        settings: Settings,
        headers: Sequence[Header],
        timeout: float,
        attempt: Attempt,
        backend: Backend,
    ) -> WebSocket:
        key = os.urandom(16)
        backend.begin_upgrade(attempt, MAX_HEAD)
        connection = await _connection(settings, timeout, backend)
        response = await connection.handle_async_request(
            upgrade_request(settings, headers, key, timeout, hide_async)
        )
        check_upgrade(settings.base_url, response.status, response.headers, key)
        stream = backend.upgraded()
        if stream is None:
            raise WsClosed("the WebSocket is closed", code=1006)
        frames = FrameReader(settings.base_url.ws_url)
        return cls(stream, network_stream(response), frames)

    async def receive(self, timeout: float) -> list[bytes]:
        """Wait for messages, text or binary, and return all that have arrived: at least one.

        Raises:
            WsTimeout: no message came within the timeout.
            WsClosed: the WebSocket is closed.
            WsProtocolError: the received bytes are not WebSocket frames.
        """
        frames = self._frames
        try:
            async with asyncio.timeout(timeout):
                while not frames.messages and frames.error is None:
                    await self._read()
        except TimeoutError as error:
            if not frames.messages:
                raise WsTimeout("no message came within the timeout") from error
        if frames.messages:
            return frames.take()
        raise frames.error or WsTimeout("no message came within the timeout")

    async def _read(self) -> None:
        try:
            data = await self._channel.read(_CHUNK)
        except TRANSPORT_ERRORS:
            data = b""
        frames = self._frames
        frames.feed(data)
        if frames.error is not None:
            # `call_soon` aborts the transport only after the Close frame was written below.
            self._loop.call_soon(self._stream.abort)
        if answer := frames.to_send():
            with contextlib.suppress(*TRANSPORT_ERRORS):
                await self._channel.write(answer)

    async def send(self, text: str | Secret) -> None:
        """Send one text message.

        Raises:
            WsClosed: the WebSocket is closed.
        """
        closed = self._frames.error
        if closed is None and not self._closed:
            try:
                await self._channel.write(
                    self._frames.text(text.value if isinstance(text, Secret) else text)
                )
            except TRANSPORT_ERRORS:
                pass
            else:
                return
        # Raised without the original exception as its cause: that exception's traceback contains
        # the text, which may be the session's token.
        raise closed or WsClosed("the WebSocket is closed (code 1006)", code=1006)

    def abort(self) -> None:
        """Drop the connection at once; any thread may call this."""
        self._closed = True
        self._stream.abort()

    async def aclose(self) -> None:
        """Close the WebSocket; a caller that waits for a message gets `WsClosed`."""
        if self._loop is not asyncio.get_running_loop():
            self.abort()
        elif not self._closed:
            self._closed = True
            try:
                if self._frames.error is None:
                    with contextlib.suppress(*TRANSPORT_ERRORS):
                        async with asyncio.timeout(_CLOSING_GRACE):
                            await self._channel.write(self._frames.close())
            finally:
                self._stream.abort()
            await asyncio.sleep(0)  # gives the event loop a turn to close the socket


async def _connection(
    settings: Settings, timeout: float, backend: Backend
) -> httpcore.AsyncConnectionInterface:
    """Return a connection for the WebSocket handshake; the first use opens the connection.

    If the gateway is reached through a proxy and without TLS, this function opens a tunnel through
    the proxy, and the result is a connection through that tunnel.
    """
    proxy = proxy_of(settings)
    if proxy is None or settings.base_url.scheme == "https":
        return pool_for(settings, backend).create_connection(origin_of(settings))
    there = httpcore.AsyncHTTPConnection(
        proxy.url.origin, ssl_context=proxy.ssl_context, network_backend=backend
    )
    response = await there.handle_async_request(
        tunnel_request(settings, proxy, timeout, hide_async)
    )
    if not 200 <= response.status < 300:
        raise httpcore.ProxyError(
            f"the proxy refused the tunnel with HTTP {response.status}; check the argument proxy"
        )
    return httpcore.AsyncHTTP11Connection(origin_of(settings), network_stream(response))
