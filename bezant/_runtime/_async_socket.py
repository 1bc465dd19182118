"""The asyncio side's WebSocket, on the websockets library."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConcurrencyError,
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    WebSocketException,
)

from .._core.settings import Settings
from .._core.wire import TransportTrouble
from ..errors import WsClosed, WsConnectFailed, WsError, WsProtocolError, WsTimeout
from ._shared import addresses, tls_context

# Quotes come in small frames; nothing that the gateway forwards is longer than 64 KiB.
_MAX_MESSAGE = 16 * 1024 * 1024


class _Connection(ClientConnection):
    """websockets' connection, but a Close frame or a broken frame ends it.

    The library waits for the peer to close TCP then, and a peer that hangs never does.
    """

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.protocol.close_expected():
            # Our Close frame has been written by now.
            self.loop.call_soon(self.transport.abort)


class _Connect(connect):
    """websockets' connect, but a redirect is an error: it leads to the login page."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class WebSocket:
    """One WebSocket connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._closed = False

    @classmethod
    async def connect(
        cls, settings: Settings, headers: Sequence[tuple[str, str]], timeout: float
    ) -> WebSocket:
        """Open a WebSocket to the gateway.

        Raises:
            WsConnectFailed: the handshake did not succeed.
            WsTimeout: it did not succeed in time.
        """
        base_url = settings.base_url
        failure: OSError | None = None
        try:
            async with asyncio.timeout(timeout):
                for address in addresses(base_url):
                    # A proxy resolves the name itself.
                    where: dict[str, Any] = {} if settings.proxy else {"host": address}
                    if settings.tls.mode != "none":
                        where["ssl"] = tls_context(settings.tls)
                        where["server_hostname"] = base_url.host
                    try:
                        connection = await _Connect(
                            base_url.ws_url,
                            create_connection=_Connection,
                            additional_headers=list(headers),
                            user_agent_header=settings.user_agent,
                            compression=None,
                            open_timeout=None,
                            ping_interval=None,  # the gateway answers pings by itself: no proof
                            close_timeout=0.5,  # nor does it ever answer a Close frame
                            max_size=_MAX_MESSAGE,
                            proxy=settings.proxy,
                            **where,
                        )
                    except ConnectionRefusedError as error:
                        failure = failure or error
                    else:
                        return cls(connection)
        except TimeoutError as error:
            raise WsTimeout(f"no WebSocket to {base_url.ws_url} within {timeout:g} s") from error
        except InvalidStatus as error:
            status = error.response.status_code
            raise WsConnectFailed(
                f"{base_url.ws_url} refused the WebSocket with HTTP {status}", status=status
            ) from error
        except TransportTrouble as error:
            raise WsConnectFailed(error.detail) from error
        except (InvalidHandshake, WebSocketException, EOFError) as error:
            raise WsConnectFailed(f"{base_url.ws_url} is no WebSocket: {error}") from error
        except ssl.SSLError as error:
            raise WsConnectFailed(
                f"TLS with {base_url.root} failed: {error}; see the verify argument"
            ) from error
        except OSError as error:
            failure = error
        raise WsConnectFailed(f"cannot connect to {base_url.root}: {failure}") from failure

    async def recv(self, timeout: float | None) -> bytes:
        """Return the next message's bytes, whether it came as text or as binary.

        Raises:
            WsTimeout: none came in time.
            WsClosed: the socket is closed.
            WsProtocolError: what came is not WebSocket.
        """
        try:
            if timeout is None:
                return await self._connection.recv(decode=False)
            async with asyncio.timeout(timeout):
                return await self._connection.recv(decode=False)
        except TimeoutError as error:
            raise WsTimeout("no message came in time") from error
        except ConnectionClosed as error:
            raise _closed(error) from error
        except ConcurrencyError as error:
            raise WsError("another task is already waiting for the next message") from error

    async def send(self, text: str) -> None:
        """Send one text message.

        Raises:
            WsClosed: the socket is closed.
        """
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise _closed(error) from error

    async def aclose(self) -> None:
        """Close the socket; whoever waits for a message is told that it is closed."""
        if not self._closed:
            self._closed = True
            await self._connection.close()


# The codes with which the library itself ends a connection: a broken frame, bad UTF-8, too long.
_BROKEN = (1002, 1007, 1009)


def _closed(error: ConnectionClosed) -> WsError:
    frame = error.rcvd
    if frame is None and error.sent is not None and error.sent.code in _BROKEN:
        return WsProtocolError(f"the peer broke the WebSocket protocol: {error.sent.reason}")
    code = frame.code if frame is not None else 1006
    reason = frame.reason if frame is not None else ""
    return WsClosed(f"the WebSocket is closed (code {code})", code=code, reason=reason)
