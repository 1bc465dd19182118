"""`AsyncWsClient`: stream of messages over a WebSocket."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import datetime
from typing import Any, Self, TypeVar, overload

from ..._core.settings.checks import check_callable, check_count, check_seconds
from ..._core.stream.buffer import DEFAULT_BUFFER, MessageBuffer
from ..._core.stream.phases import READY_TIMEOUT, Timing
from ..._core.stream.readers import Reader, checked_classes
from ..._runtime import _async as rt
from ..._wire.redaction import shown
from ...errors import InvalidRequest, WsClosed, WsError, WsTimeout
from ...models.stream import Gap, Message, StreamStats
from ..client import AsyncClient
from ..waiting import wait_for
from .readers import AsyncMessageCallback, AsyncMessages
from .subscribing import AsyncSubscribing
from .worker import AsyncStreamWorker

M = TypeVar("M", bound=Message)
N = TypeVar("N", bound=Message)
P = TypeVar("P", bound=Message)


class AsyncWsClient(AsyncSubscribing):
    """Stream of messages from the gateway, which reconnects by itself.

    ``AsyncWsClient.connect(client)`` opens a stream. Iterate over the stream for messages:

    ```python
    async with AsyncWsClient.connect(client) as ws:
        await ws.subscribe_market_data(265598)
        async for message in ws:
            print(message)
    ```

    A worker in the background reads the socket, keeps it alive, renews market data before IBKR ends
    it, and reconnects when a connection is lost. A `Gap` then comes before the next message.
    """

    def __init__(self, worker: AsyncStreamWorker) -> None:
        super().__init__(worker)
        self._reading = False
        self._error_raised = False

    def __repr__(self) -> str:
        state = self._stream_worker.state.phase.value
        return f"<{type(self).__name__} {self._client._settings.base_url.ws_url} {state}>"

    @property
    def closed(self) -> bool:
        """Whether the stream has ended. You can still read the messages in the stream's buffer."""
        return self._stream_worker.ended

    @property
    def close_reason(self) -> WsClosed | None:
        """Reason why the stream ended by itself; None for an open stream and after ``close()``."""
        return self._stream_worker.close_reason

    @property
    def stats(self) -> StreamStats:
        """Statistics: messages received, merged and dropped, and how far your program is behind."""
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
        is_open: Callable[[int, datetime], bool | None] | None = None,
    ) -> rt.Connecting[AsyncWsClient]:
        """Open a stream and wait until the gateway is ready on it.

        For each connection, the stream gets the session's token from ``POST /tickle``. The stream
        uses the client's base URL, certificates and proxy.

        Args:
            client: the client whose session the stream uses. If you close the client, the stream
                stays open, but cannot reconnect anymore.
            reconnect: whether to reconnect when a connection is lost. If False, the iteration over
                the messages ends when the connection is lost.
            ready_timeout: seconds to wait for the gateway's ``system`` message; 10 by default.
            buffer: maximum number of unread messages other than quotes; 10,000 by default. If the
                buffer is full, the stream drops further messages, and delivers a `Gap` with their
                number for each topic. Quotes do not count and are never dropped: the stream merges
                them instead.
            quote_backlog: number of unread quotes above which the stream merges the quotes of one
                contract. With 0 (the default), your program never receives an outdated quote. With
                a larger number, your program receives every quote as long as it reads fast enough.
            is_open: function that returns whether a contract trades at a time, given the contract's
                conid and the time in UTC; or None if that is not known. A contract that sends
                nothing while it does not trade is not checked. Without the function, every contract
                that sends nothing for a minute is checked. The function must return at once.

        Raises:
            NotAuthenticated: the gateway is not logged in.
            NoSession: the brokerage session is closed.
            WsConnectFailed: the WebSocket could not be opened, or this process already has the
                five streams that a gateway serves.
            WsTimeout: the WebSocket opened, but the gateway did not become ready in time.
            InvalidRequest: an argument is not valid.
        """
        if not isinstance(client, AsyncClient):
            wanted = AsyncClient.__name__
            raise InvalidRequest(
                f"client must be the {wanted} whose session to use, not {shown(client)}"
            )
        check_seconds("ready_timeout", ready_timeout)
        check_count("buffer", buffer, 1)
        check_count("quote_backlog", quote_backlog, 0)
        check_callable("is_open", is_open)
        timing = Timing(ready_timeout=ready_timeout)
        message_buffer = MessageBuffer(buffer, quote_backlog)
        return rt.connecting(
            cls._open(client, timing, message_buffer, reconnect=reconnect, is_open=is_open)
        )

    @classmethod
    async def _open(
        cls,
        client: AsyncClient,
        timing: Timing,
        message_buffer: MessageBuffer,
        *,
        reconnect: bool,
        is_open: Callable[[int, datetime], bool | None] | None = None,
    ) -> AsyncWsClient:
        worker = AsyncStreamWorker(
            client, timing, message_buffer, reconnect=reconnect, is_open=is_open
        )
        await worker.open()
        return cls(worker)

    async def next_message(self, timeout: float | None = None) -> Message | None:
        """Return the next message, or None when the stream has ended.

        Args:
            timeout: seconds to wait; None to wait without a limit.

        Raises:
            WsTimeout: no message came within ``timeout``; or the stream does not reconnect
                (``reconnect=False``) and the gateway sent nothing for too long.
            WsProtocolError: the stream does not reconnect (``reconnect=False``) and the gateway
                sent data that are not valid WebSocket frames.
            WsError: another thread or task is already waiting for a message.
        """
        if timeout is not None:
            check_seconds("timeout", timeout)
        worker = self._stream_worker
        if worker.drifts:
            worker.report_drifts()
        message = worker.take()
        if message is not None:
            return message
        self._client._pipeline.owner.check()
        with worker.lock:
            if self._reading:
                raise WsError(
                    "another reader is already waiting for the next message; use one reader"
                )
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
            raise WsTimeout(
                f"no message came within {timeout:g} s; wait again or check the subscriptions"
            ) from None
        if message is None and worker.error is not None and not self._error_raised:
            self._error_raised = True
            raise worker.error
        return message

    def _take(self) -> Message | None:
        if self._stream_worker.drifts:
            self._stream_worker.report_drifts()
        return self._stream_worker.take()

    @overload
    def messages(
        self, first: type[M], /, *, buffer: int = DEFAULT_BUFFER, quote_backlog: int = 0
    ) -> AsyncMessages[M | Gap]: ...

    @overload
    def messages(
        self,
        first: type[M],
        second: type[N],
        /,
        *,
        buffer: int = DEFAULT_BUFFER,
        quote_backlog: int = 0,
    ) -> AsyncMessages[M | N | Gap]: ...

    @overload
    def messages(
        self,
        first: type[M],
        second: type[N],
        third: type[P],
        /,
        *,
        buffer: int = DEFAULT_BUFFER,
        quote_backlog: int = 0,
    ) -> AsyncMessages[M | N | P | Gap]: ...

    @overload
    def messages(
        self, *classes: type[Message], buffer: int = DEFAULT_BUFFER, quote_backlog: int = 0
    ) -> AsyncMessages[Message]: ...

    def messages(
        self, *classes: type[Any], buffer: int = DEFAULT_BUFFER, quote_backlog: int = 0
    ) -> AsyncMessages[Any]:
        """Return a further reader of the stream, which gets all later messages of some classes.

        Every reader has a buffer of its own, and so has the iteration over the stream itself. So
        several tasks or threads can each read all messages of their classes, as fast as each can.
        A reader also gets each `Gap` that concerns its classes. Create the reader before you
        subscribe, so that it misses no message.

        Args:
            classes: classes of the messages to read, such as ``bezant.OrderUpdate``; by default
                all.
            buffer: maximum number of unread messages other than quotes; 10,000 by default. If the
                buffer is full, further messages for this reader are dropped, and it gets a `Gap`
                with their number. Quotes do not count: they are merged instead.
            quote_backlog: number of unread quotes above which this reader's quotes of one contract
                are merged; 0 by default.

        Raises:
            InvalidRequest: an argument is not valid.
            WsClosed: the stream is closed.
        """
        return AsyncMessages(self, self._reader(classes, buffer, quote_backlog))

    def on(
        self,
        wanted: type[M],
        function: Callable[[M], object],
        *,
        buffer: int = DEFAULT_BUFFER,
        quote_backlog: int = 0,
    ) -> AsyncMessageCallback:
        """Call a function for each later message of a class, one message after the other.

        A worker calls the function in the background. Each callback has a worker and a buffer of
        its own, so a slow function does not affect other callbacks and readers. If the function
        raises an exception, the logger ``bezant.stream`` logs it with its traceback, and the
        function is called again for the next message. To learn of interruptions, add a callback for
        `Gap`, too.

        Args:
            wanted: class of the messages, such as ``bezant.OrderUpdate``.
            function: the function; it is called with the message.
            buffer: maximum number of messages other than quotes for which the function has not been
                called yet; 10,000 by default. If the buffer is full, further messages are dropped
                for this callback, and a warning with their number is logged.
            quote_backlog: number of quotes above which the quotes of one contract are merged while
                the function runs; 0 by default.

        Raises:
            InvalidRequest: an argument is not valid.
            WsClosed: the stream is closed.
        """
        if not callable(function):
            raise InvalidRequest(f"function must be a function, not {shown(function)}")
        reader = self._reader((wanted,), buffer, quote_backlog)
        return AsyncMessageCallback(self._stream_worker, reader, function, wanted.__name__)

    def _reader(self, classes: tuple[object, ...], buffer: int, quote_backlog: int) -> Reader:
        wanted = checked_classes(classes)
        check_count("buffer", buffer, 1)
        check_count("quote_backlog", quote_backlog, 0)
        self._check_open()
        reader = Reader(wanted, MessageBuffer(buffer, quote_backlog))
        self._stream_worker.add_reader(reader)
        return reader

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
        """Close the stream; a reader that waits for a message gets None.

        You may call this method twice.
        """
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
        # Nothing refers to the stream any more, so nobody can read it and the worker must stop.
        worker.abandon()
        warnings.warn(
            f"{self!r} was never closed; use it as a context manager",
            ResourceWarning,
            stacklevel=2,
            source=self,
        )
