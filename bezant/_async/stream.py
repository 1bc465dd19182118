"""Streams."""

from __future__ import annotations

import logging
import warnings
from collections import deque
from typing import Self

from .._core.decode import Drift
from .._core.health import TICKLE, problem
from .._core.requests import cookie_header
from .._core.settings import check_seconds
from .._core.stream.connection import READY_TIMEOUT, StreamState
from .._core.stream.fields import MarketDataFields
from .._core.stream.wanted import ORDERS, PNL, Ticket, market_data_topic
from .._runtime import _async as rt
from ..errors import (
    InvalidRequest,
    NoSession,
    NotAuthenticated,
    WsClosed,
    WsError,
    WsProtocolError,
    WsTimeout,
)
from ..models.stream import Message
from .client import AsyncClient

_logger = logging.getLogger("bezant.stream")


class AsyncSubscription:
    """One topic that a stream receives; ends with ``cancel()`` or with its context."""

    def __init__(self, stream: AsyncWsClient, ticket: Ticket) -> None:
        self._stream = stream
        self._ticket = ticket
        self._active = True

    def __repr__(self) -> str:
        state = "" if self._active else " cancelled"
        return f"<{type(self).__name__} s{self._ticket.topic}{state}>"

    @property
    def active(self) -> bool:
        """Whether it was not cancelled."""
        return self._active

    async def cancel(self) -> None:
        """Receive this topic no longer. Doing so twice, or after the stream's end, is fine."""
        if self._active:
            self._active = False
            await self._stream._unsubscribe(self._ticket)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.cancel()


class AsyncWsClient:
    """A stream of messages from the gateway, over one WebSocket.

    Made by ``AsyncWsClient.connect(client)``. Iterate over it for messages:

    ```python
    async with AsyncWsClient.connect(client) as ws:
        await ws.subscribe_market_data(265598)
        async for message in ws:
            ...
    ```

    Nothing is sent before the gateway's ``system`` message: it drops such commands without a word.
    """

    def __init__(self, client: AsyncClient, socket: rt.WebSocket, session: str) -> None:
        self._client = client
        self._socket = socket
        self._state = StreamState(session, self._report, rt.monotonic())
        self._state_lock = rt.StateLock()
        self._send_lock = rt.Lock()
        self._messages: deque[Message] = deque()
        self._closed = False
        self._close_reason: WsClosed | None = None

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<{type(self).__name__} {self._client._settings.base_url.ws_url} {state}>"

    @property
    def closed(self) -> bool:
        """Whether the socket is closed, by whichever side."""
        return self._closed

    @property
    def close_reason(self) -> WsClosed | None:
        """How the peer closed it; None while it is open and after ``close()``."""
        return self._close_reason

    @classmethod
    def connect(
        cls, client: AsyncClient, *, ready_timeout: float = READY_TIMEOUT
    ) -> rt.Connecting[AsyncWsClient]:
        """Open a stream and wait until the gateway is ready on it.

        The session comes from ``POST /tickle``; address, certificates and proxy are the client's.

        Args:
            client: whose session to use. Closing it does not close the stream.
            ready_timeout: seconds to wait for the gateway's ``system`` message.

        Raises:
            NotAuthenticated: nobody is logged in.
            NoSession: the gateway is not connected to the backend.
            WsConnectFailed: the WebSocket could not be opened.
            WsTimeout: it opened, but the gateway never became ready.
        """
        check_seconds("ready_timeout", ready_timeout)
        return rt.connecting(cls._open(client, ready_timeout))

    @classmethod
    async def _open(cls, client: AsyncClient, ready_timeout: float) -> AsyncWsClient:
        tickle = await client.tickle()
        if tickle.status is not None:
            trouble = problem(tickle.status, TICKLE)
            if isinstance(trouble, NotAuthenticated | NoSession):
                trouble.login_url = client.gateway_root
                raise trouble
        session = tickle.session or ""
        settings = client._settings
        headers = [("Origin", settings.base_url.root), *cookie_header(session)]
        _logger.debug("connecting to %s", settings.base_url.ws_url)
        socket = await rt.WebSocket.connect(settings, headers, settings.connect_timeout + 5.0)
        stream = cls(client, socket, session)
        try:
            await stream._wait_until_ready(ready_timeout)
        except BaseException:
            await stream.aclose()
            raise
        return stream

    async def _wait_until_ready(self, timeout: float) -> None:
        deadline = rt.monotonic() + timeout
        while not self._state.ready:
            left = max(deadline - rt.monotonic(), 0.001)
            try:
                data = await self._socket.recv(left)
            except WsTimeout as error:
                raise WsTimeout(
                    f"the WebSocket opened, but no system message came within {timeout:g} s: the "
                    "gateway is not logged in, or has five WebSockets open already"
                ) from error
            except WsClosed as error:
                raise WsClosed(
                    f"{error.message} before the gateway was ready",
                    code=error.code,
                    reason=error.reason,
                ) from error
            self._take(data)
            await self._flush()

    def _report(self, drift: Drift) -> None:
        self._client._channel.report([drift], strict=False)

    def _take(self, data: bytes) -> None:
        with self._state_lock:
            self._messages.extend(self._state.received(data, rt.monotonic()))

    async def _flush(self) -> None:
        """Send what is due, in order."""
        async with self._send_lock:
            with self._state_lock:
                commands = self._state.outgoing(rt.monotonic())
            for command in commands:
                await self._socket.send(command)

    async def subscribe_market_data(
        self,
        conid: int,
        fields: MarketDataFields | None = None,
        *,
        exchange: str | None = None,
    ) -> AsyncSubscription:
        """Receive `MarketData` of a contract (topic ``smd``).

        The fields of all subscriptions to a contract are one set at the gateway, and each message
        has only those that changed. IBKR ends such a subscription about 15 minutes after it was
        made.

        Args:
            conid: the contract.
            fields: which fields; by default last, bid and ask with their sizes.
            exchange: one exchange instead of IBKR's choice of the best.

        Raises:
            InvalidRequest: an argument cannot be used.
            WsClosed: the stream is closed.
        """
        topic = market_data_topic(conid, exchange)
        chosen = MarketDataFields.default_l1() if fields is None else fields
        if not isinstance(chosen, MarketDataFields):
            raise InvalidRequest("fields must be MarketDataFields, such as .default_l1()")
        return await self._subscribe(topic, chosen)

    async def subscribe_orders(self) -> AsyncSubscription:
        """Receive `OrderUpdate` for every order of the session (topic ``sor``)."""
        return await self._subscribe(ORDERS)

    async def subscribe_pnl(self) -> AsyncSubscription:
        """Receive `Pnl` of the accounts, about once a second (topic ``spl``)."""
        return await self._subscribe(PNL)

    async def _subscribe(
        self, topic: str, fields: MarketDataFields | None = None
    ) -> AsyncSubscription:
        self._check_open()
        with self._state_lock:
            ticket = self._state.subscribe(topic, fields)
        await self._flush()
        return AsyncSubscription(self, ticket)

    async def _unsubscribe(self, ticket: Ticket) -> None:
        if self._closed:
            return
        with self._state_lock:
            self._state.unsubscribe(ticket)
        try:
            await self._flush()
        except WsError:
            _logger.debug("the stream closed before its subscription was cancelled")

    async def send_text(self, text: str) -> None:
        """Send a command of your own, such as ``ssd+DU123456+{}``.

        Its answers come as `Other`.

        Raises:
            InvalidRequest: it is longer than the gateway takes.
            WsClosed: the stream is closed.
        """
        self._check_open()
        with self._state_lock:
            self._state.command(text)
        await self._flush()

    def _check_open(self) -> None:
        self._client._channel.owner.check()
        if self._closed:
            raise WsClosed("this stream is closed; connect again")

    async def next_message(self, timeout: float | None = None) -> Message | None:
        """Return the next message, or None when the socket is closed.

        Args:
            timeout: seconds to wait; None for as long as it takes.

        Raises:
            WsTimeout: none came in time, or the gateway has fallen silent altogether.
            WsProtocolError: what came is not WebSocket; the stream is closed.
        """
        if timeout is not None:
            check_seconds("timeout", timeout)
        deadline = None if timeout is None else rt.monotonic() + timeout
        while not self._messages:
            if self._closed:
                return None
            try:
                await self._receive(deadline)
            except WsClosed as error:
                await self._ended(error)
            except WsProtocolError:
                await self.aclose()
                raise
        return self._messages.popleft()

    async def _receive(self, deadline: float | None) -> None:
        await self._flush()
        now = rt.monotonic()
        wait = self._state.seconds_until_due(now)
        if deadline is not None and deadline - now <= wait:
            self._take(await self._socket.recv(max(deadline - now, 0.001)))
            return
        try:
            data = await self._socket.recv(wait)
        except WsTimeout:
            return  # something is due
        self._take(data)

    async def _ended(self, error: WsClosed) -> None:
        if not self._closed:
            self._close_reason = error
            _logger.debug("%s", error)
            await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        message = await self.next_message()
        if message is None:
            raise StopAsyncIteration
        return message

    async def aclose(self) -> None:
        """Close the stream; whoever waits for a message gets None. Doing so twice is fine."""
        self._closed = True
        if not self._client._channel.owner.inherited:
            await self._socket.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            warnings.warn(
                f"{self!r} was never closed; use it as a context manager",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )
