"""Further readers of a stream: iterators over messages of certain classes, and callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Self, TypeVar, cast

from ..._core.settings.checks import check_seconds
from ..._core.stream.readers import Reader
from ...errors import WsTimeout
from ..waiting import wait_for
from .worker import AsyncStreamWorker

if TYPE_CHECKING:
    from .client import AsyncWsClient

M = TypeVar("M")


class _Inbox:
    """Unread messages of one further reader of a stream."""

    def __init__(self, worker: AsyncStreamWorker, reader: Reader) -> None:
        self.reader = reader
        self._stream_worker = worker
        self._error_raised = False

    @property
    def over(self) -> bool:
        """Whether the reader gets no further messages."""
        return self.reader.closed or self._stream_worker.ended or self._stream_worker.stopping

    def take(self) -> object:
        """Return the oldest unread message; None without one."""
        worker = self._stream_worker
        if worker.drifts:
            worker.report_drifts()
        with worker.lock:
            return None if self.reader.closed else self.reader.take()

    async def next(self, timeout: float | None = None) -> object:
        """Return the next message; None if no further message can come.

        Raises:
            WsTimeout: no message came in time.
            WsError: the stream ended with an error; it is raised once.
        """
        worker = self._stream_worker
        found = self.take()
        if found is None:
            try:
                found = await wait_for(worker.bell, self.take, lambda: self.over, timeout)
            except TimeoutError:
                raise WsTimeout(
                    f"no message came within {timeout:g} s; wait again or check the subscriptions"
                ) from None
        ended = found is None and not self.reader.closed
        if ended and worker.error is not None and not self._error_raised:
            self._error_raised = True
            raise worker.error
        return found

    def close(self) -> None:
        """End the reader, and wake whoever waits for its next message."""
        worker = self._stream_worker
        with worker.lock:
            worker.state.message_buffer.remove_reader(self.reader)
        worker.bell.ring()


class AsyncMessages(Generic[M]):
    """Messages of certain classes, for one reader of a stream.

    ``ws.messages(...)`` returns this object. Iterate over it for the messages. Its unread messages
    are in a buffer of its own, so other readers of the stream neither take messages from it nor
    slow it down. It ends when the stream ends, or with ``cancel()``, or at the end of its ``with``
    block.
    """

    def __init__(self, stream: AsyncWsClient, reader: Reader) -> None:
        # The stream would end if nothing referred to it.
        self._stream = stream
        self._stream_worker = stream._stream_worker
        self._inbox = _Inbox(stream._stream_worker, reader)

    def __repr__(self) -> str:
        state = "" if self.active else " ended"
        return f"<{type(self).__name__} {self.buffered} unread{state}>"

    @property
    def active(self) -> bool:
        """Whether further messages can come."""
        return not self._inbox.over

    @property
    def buffered(self) -> int:
        """Number of messages in the buffer that this reader has not read yet."""
        return len(self._inbox.reader.message_buffer)

    @property
    def missed(self) -> int:
        """Number of messages dropped because this reader's buffer was full."""
        return self._inbox.reader.message_buffer.missed

    async def next_message(self, timeout: float | None = None) -> M | None:
        """Return the next message, or None when the stream or this reader has ended.

        Several tasks or threads may wait at the same time; each message goes to one of them.

        Args:
            timeout: seconds to wait; None to wait without a limit.

        Raises:
            WsTimeout: no message came within ``timeout``; or the stream does not reconnect
                (``reconnect=False``) and the gateway sent nothing for too long.
            WsProtocolError: the stream does not reconnect (``reconnect=False``) and the gateway
                sent data that are not valid WebSocket frames.
        """
        if timeout is not None:
            check_seconds("timeout", timeout)
        self._stream._client._pipeline.owner.check()
        return cast("M | None", await self._inbox.next(timeout))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> M:
        message = await self.next_message()
        if message is None:
            raise StopAsyncIteration
        return message

    async def cancel(self) -> None:
        """End this reader and drop its unread messages. You may call this method twice."""
        self._inbox.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.cancel()

    def __del__(self) -> None:
        inbox = getattr(self, "_inbox", None)
        if inbox is not None:
            inbox.reader.closed = True
