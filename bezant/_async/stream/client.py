"""Streams."""

from __future__ import annotations

import warnings
from typing import Self

from ..._core.settings.checks import check_count, check_seconds
from ..._core.stream.buffer import DEFAULT_BUFFER, MessageBuffer
from ..._core.stream.phases import READY_TIMEOUT, Timing
from ..._runtime import _async as rt
from ..._wire.redaction import shown
from ...errors import InvalidRequest, WsClosed, WsError, WsTimeout
from ...models.stream import Message, StreamStats
from ..client import AsyncClient
from ..waiting import wait_for
from .subscribing import AsyncSubscribing
from .worker import AsyncStreamWorker


class AsyncWsClient(AsyncSubscribing):
    """A stream of messages from the gateway that can be left running.

    Made by ``AsyncWsClient.connect(client)``. Iterate over it for messages:

    ```python
    async with AsyncWsClient.connect(client) as ws:
        await ws.subscribe_market_data(265598)
        async for message in ws:
            ...
    ```

    Beside the program it reads the socket, keeps it alive, renews market data before IBKR ends it,
    and makes a new connection when one is lost; a `Gap` then stands before the first message that
    follows.
    """

    def __init__(self, worker: AsyncStreamWorker) -> None:
        super().__init__(worker)
        self._reading = False

    def __repr__(self) -> str:
        state = self._stream_worker.state.phase.value
        return f"<{type(self).__name__} {self._client._settings.base_url.ws_url} {state}>"

    @property
    def closed(self) -> bool:
        """Whether it has ended: nothing comes any more but what was not read yet."""
        return self._stream_worker.ended

    @property
    def close_reason(self) -> WsClosed | None:
        """Why it ended by itself; None while it is open and after ``close()``."""
        return self._stream_worker.close_reason

    @property
    def stats(self) -> StreamStats:
        """How it is doing: what came, was merged or missed, and how far the reader is behind."""
        state = self._stream_worker.state
        with self._stream_worker.lock:
            return StreamStats(
                received=state.received,
                conflated=state.message_buffer.merged,
                missed=state.message_buffer.missed,
                buffered=len(state.message_buffer),
                reconnects=state.reconnects,
                last_heard=state.moment(state.last_heard),
                lag=state.message_buffer.lag(rt.monotonic()),
            )

    @classmethod
    def connect(
        cls,
        client: AsyncClient,
        *,
        reconnect: bool = True,
        ready_timeout: float = READY_TIMEOUT,
        buffer: int = DEFAULT_BUFFER,
        quote_backlog: int = 0,
    ) -> rt.Connecting[AsyncWsClient]:
        """Open a stream and wait until the gateway is ready on it.

        The session comes from ``POST /tickle``, for each connection anew; address, certificates and
        proxy are the client's.

        Args:
            client: whose session to use. Closing it does not close the stream, which then cannot
                reconnect any more.
            reconnect: whether to make a new connection when one is lost. False: the iteration ends.
            ready_timeout: seconds to wait for the gateway's ``system`` message.
            buffer: how many messages that nobody has read are held. What comes beyond is counted
                in a `Gap` for each topic.
            quote_backlog: how many quotes that nobody has read are held before those of one
                contract are merged into one. With 0 a reader never gets an outdated quote; with
                more it gets every single one, as long as it keeps up.

        Raises:
            NotAuthenticated: nobody is logged in.
            NoSession: the brokerage session is closed.
            WsConnectFailed: the WebSocket could not be opened, or this process has five open to
                the gateway already, which serves no more.
            WsTimeout: it opened, but the gateway never became ready.
            InvalidRequest: an argument cannot be used.
        """
        if not isinstance(client, AsyncClient):
            raise InvalidRequest(
                f"client must be the client whose session to use, not {shown(client)}"
            )
        check_seconds("ready_timeout", ready_timeout)
        check_count("buffer", buffer, 1)
        check_count("quote_backlog", quote_backlog, 0)
        timing = Timing(ready_timeout=ready_timeout)
        message_buffer = MessageBuffer(buffer, quote_backlog)
        return rt.connecting(cls._open(client, timing, message_buffer, reconnect=reconnect))

    @classmethod
    async def _open(
        cls, client: AsyncClient, timing: Timing, message_buffer: MessageBuffer, *, reconnect: bool
    ) -> AsyncWsClient:
        worker = AsyncStreamWorker(client, timing, message_buffer, reconnect=reconnect)
        await worker.open()
        return cls(worker)

    async def next_message(self, timeout: float | None = None) -> Message | None:
        """Return the next message, or None when the stream has ended.

        Args:
            timeout: seconds to wait; None for as long as it takes.

        Raises:
            WsTimeout: none came in time; or, without reconnection, the gateway fell silent.
            WsProtocolError: without reconnection: what came is not WebSocket.
            WsError: somebody else is waiting already.
        """
        if timeout is not None:
            check_seconds("timeout", timeout)
        worker = self._stream_worker
        if worker.drifts:
            self._tell_drifts()
        message = worker.take()
        if message is not None:
            return message
        self._client._pipeline.owner.check()
        with worker.lock:
            if self._reading:
                raise WsError("somebody else is already waiting for the next message")
            self._reading = True
        try:
            return await self._wait_for_message(timeout)
        finally:
            self._reading = False

    async def _wait_for_message(self, timeout: float | None) -> Message | None:
        worker = self._stream_worker
        try:
            message = await wait_for(worker.bell, self._take, lambda: worker.ended, timeout)
        except TimeoutError:
            raise WsTimeout("no message came in time") from None
        if message is None:
            error, worker.error = worker.error, None
            if error is not None:
                raise error
        return message

    def _take(self) -> Message | None:
        if self._stream_worker.drifts:
            self._tell_drifts()
        return self._stream_worker.take()

    def _tell_drifts(self) -> None:
        drifts = list(self._stream_worker.drifts)
        del self._stream_worker.drifts[: len(drifts)]
        self._client._pipeline.report(drifts, strict=False)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        worker = self._stream_worker
        message = None if worker.drifts else worker.take()
        if message is None:
            message = await self.next_message()
        if message is None:
            raise StopAsyncIteration
        return message

    async def aclose(self) -> None:
        """Close the stream; whoever waits for a message gets None. Doing so twice is fine."""
        if not self._client._pipeline.owner.inherited:
            await self._stream_worker.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        worker = getattr(self, "_stream_worker", None)
        if worker is None or worker.ended or worker.client._pipeline.owner.inherited:
            return
        # The worker must not go on for nobody.
        worker.abandon()
        warnings.warn(
            f"{self!r} was never closed; use it as a context manager",
            ResourceWarning,
            stacklevel=2,
            source=self,
        )
