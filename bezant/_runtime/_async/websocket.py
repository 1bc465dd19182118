"""The asyncio side's WebSocket, on the websockets library."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    WebSocketException,
)
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import CLOSED, OPEN

from ..._core.http.messages import TransportError
from ..._core.settings.settings import Settings
from ..._core.stream.framing import MAX_MESSAGE, frame_end, plain_messages
from ..._core.stream.handshake import HEAD_END, MAX_HEAD, Header, refusal
from ..._wire.redaction import Secret
from ...errors import WsClosed, WsConnectFailed, WsError, WsProtocolError, WsTimeout
from .._shared.http import addresses
from .._shared.library_logs import websocket_logger
from .._shared.tls import tls_context
from .network import drop_socket

# Where a reader that does not come any more stops the flow.
_MANY_MESSAGES = 20_000


class _Unsaid(Secret):
    """A header's value that is only shown where websockets writes it into the request's bytes."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return self.value


class _Connection(ClientConnection):
    """websockets' connection, but messages are handed over many at a time.

    The library's parser gets only the frames that are not plain messages, always whole ones, so
    that it stands between two frames in between.

    And a Close frame or a broken frame ends it: the library waits for the peer to close TCP then,
    and a peer that hangs never does.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.messages: deque[bytes] = deque()
        self.arrival: asyncio.Future[None] | None = None
        # The fragments that have come of a message, in one piece: there may be very many.
        self._fragments: bytearray | None = None
        self._full = False
        self._opening = True
        self._head = 0
        # While it is opened, the last few bytes that came; then the frame of which not all came,
        # and how many bytes of it are needed to go on.
        self._rest = bytearray()
        self._needed = 0

    def process_event(self, event: Any) -> None:
        if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
        elif event.fin and self._fragments is None:
            self._put(bytes(event.data))
        else:
            if self._fragments is None:
                self._fragments = bytearray()
            self._fragments += event.data
            if event.fin:
                whole, self._fragments = bytes(self._fragments), None
                self._put(whole)

    def _put(self, message: bytes) -> None:
        self.messages.append(message)
        self._announce()

    def _announce(self) -> None:
        if self.arrival is not None and not self.arrival.done():
            self.arrival.set_result(None)
        if len(self.messages) >= _MANY_MESSAGES and not self._full:
            self._full = True
            self.transport.pause_reading()

    def take_all(self) -> list[bytes]:
        """Return all messages that have come."""
        batch = list(self.messages)
        self.messages.clear()
        if self._full:
            self._full = False
            self.transport.resume_reading()
        return batch

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.arrival is not None and not self.arrival.done():
            self.arrival.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._opening:
            data = self._after_headers(data)
            if not data:
                return
        if self._rest:
            # Appended to, and not copied for every few bytes of a long frame.
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest = bytearray()
        start = 0
        while self.protocol.state is OPEN:
            if self._fragments is None:
                after = plain_messages(data, start, self.messages.append)
                if after != start:
                    start = after
                    self._announce()
            stop = frame_end(data, start, MAX_MESSAGE)
            if stop > len(data):
                self._rest += data[start:]
                self._needed = stop - start
                return
            self._to_library(data[start:stop])
            start = stop
        self._to_library(data[start:])

    def _after_headers(self, data: bytes) -> bytes:
        """Let the library read the handshake's answer; return what came behind it."""
        seen = len(self._rest)
        whole = bytes(self._rest) + data
        end = whole.find(HEAD_END)
        if end < 0:
            self._rest = bytearray(whole[-len(HEAD_END) + 1 :])
            self._head += len(data)
            if self._head > MAX_HEAD:
                self.transport.abort()
            else:
                self._to_library(data)
            return b""
        self._opening = False
        self._rest = bytearray()
        end += len(HEAD_END) - seen
        self._to_library(data[:end])
        return data[end:]

    def _to_library(self, data: bytes) -> None:
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

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._closed = False

    @classmethod
    async def connect(
        cls, settings: Settings, headers: Sequence[Header], timeout: float
    ) -> WebSocket:
        """Open a WebSocket to the gateway.

        Raises:
            NotAuthenticated: it was answered with the way to the login page.
            WsConnectFailed: the handshake did not succeed.
            WsTimeout: it did not succeed in time.
        """
        base_url = settings.base_url
        hidden: list[Any] = [
            (name, _Unsaid(value.value) if isinstance(value, Secret) else value)
            for name, value in headers
        ]
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
                            additional_headers=hidden,
                            logger=websocket_logger(),
                            user_agent_header=settings.user_agent,
                            compression=None,
                            open_timeout=None,
                            ping_interval=None,  # the gateway answers pings by itself: no proof
                            close_timeout=0.5,  # nor does it ever answer a Close frame
                            max_size=MAX_MESSAGE,
                            proxy=settings.proxy,
                            **where,
                        )
                    except ConnectionRefusedError as error:
                        failure = failure or error
                    else:
                        return cls(cast("_Connection", connection))
        except TimeoutError as error:
            raise WsTimeout(f"no WebSocket to {base_url.ws_url} within {timeout:g} s") from error
        except InvalidStatus as error:
            raise refusal(base_url, error.response.status_code) from error
        except TransportError as error:
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

    async def receive(self, timeout: float) -> list[bytes]:
        """Return the messages that have come, at least one, whether as text or as binary.

        Raises:
            WsTimeout: none came in time.
            WsClosed: the socket is closed.
            WsProtocolError: what came is not WebSocket.
        """
        connection = self._connection
        if not connection.messages and connection.protocol.state is not CLOSED:
            arrival = connection.arrival = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(timeout):
                    await arrival
            except TimeoutError as error:
                raise WsTimeout("no message came in time") from error
            finally:
                connection.arrival = None
        if connection.messages:
            return connection.take_all()
        raise _closed(connection.protocol.close_exc)

    async def send(self, text: str | Secret) -> None:
        """Send one text message.

        Raises:
            WsClosed: the socket is closed.
        """
        try:
            await self._connection.send(text.value if isinstance(text, Secret) else text)
        except ConnectionClosed as error:
            closed = _closed(error)
        else:
            return
        # Without a cause: the library's frames hold the text, which may be the session's token.
        raise closed

    def abort(self) -> None:
        """Drop the connection at once, from any thread."""
        self._closed = True
        connection = self._connection
        if connection.loop.is_closed():
            drop_socket(connection.transport)
        with contextlib.suppress(RuntimeError):  # it was closed just now
            connection.loop.call_soon_threadsafe(connection.transport.abort)

    async def aclose(self) -> None:
        """Close the socket; whoever waits for a message is told that it is closed."""
        if self._connection.loop is not asyncio.get_running_loop():
            self.abort()
        elif not self._closed:
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
