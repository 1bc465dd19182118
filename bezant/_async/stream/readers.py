"""Further readers of a stream: iterators over messages of certain classes, and callbacks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Self, TypeVar, cast

from ..._core.settings.checks import check_seconds
from ..._core.stream.readers import Reader
from ..._runtime import _async as rt
from ...errors import WsError, WsTimeout
from ...models.stream import Gap
from ..waiting import wait_for
from .worker import AsyncStreamWorker

if TYPE_CHECKING:
    from .client import AsyncWsClient

M = TypeVar("M")
_logger = logging.getLogger("bezant.stream")


class _Inbox:
    """Unread messages of one further reader of a stream; `keep` is that of `report_drifts`."""

    def __init__(self, worker: AsyncStreamWorker, reader: Reader, *, keep: bool = False) -> None:
        self.reader = reader
        self._keep = keep
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
            worker.report_drifts(keep=self._keep)
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


class AsyncMessageCallback:
    """Function that a stream calls for each message of a class.

    ``ws.on(...)`` returns this object. The calls end with ``cancel()``, when the stream ends, or at
    the end of a ``with`` block.
    """

    def __init__(
        self,
        worker: AsyncStreamWorker,
        reader: Reader,
        function: Callable[..., object],
        wanted: str,
    ) -> None:
        # This object does not refer to the stream, so that a forgotten stream still ends.
        self._stream_worker = worker
        self._inbox = _Inbox(worker, reader, keep=True)
        self._function = function
        self._wanted = wanted
        self._caller = rt.Worker(self._run, "bezant-callback")

    def __repr__(self) -> str:
        state = "" if self.active else " ended"
        return f"<{type(self).__name__} for {self._wanted}{state}>"

    @property
    def active(self) -> bool:
        """Whether the function will still be called."""
        return self._caller.alive and not self._inbox.reader.closed

    @property
    def buffered(self) -> int:
        """Number of messages for which the function has not been called yet."""
        return len(self._inbox.reader.message_buffer)

    @property
    def missed(self) -> int:
        """Number of messages dropped because the function was too slow."""
        return self._inbox.reader.message_buffer.missed

    async def _run(self) -> None:
        inbox = self._inbox
        try:
            while not self._stream_worker.stopping:
                try:
                    message = await inbox.next()
                except WsError as error:
                    _logger.error("the stream of a callback has ended: %s", error)  # noqa: TRY400
                    return
                if message is None or self._stream_worker.stopping:
                    return
                if isinstance(message, Gap) and message.count is not None:
                    _logger.warning("a callback for %s is slow: %s", self._wanted, message.reason)
                if type(message) is not Gap or self._wanted == Gap.__name__:
                    await self._call(message)
        finally:
            inbox.close()

    async def _call(self, message: object) -> None:
        try:
            await rt.call(self._function, message)
        except Exception:
            _logger.exception(
                "a callback for %s raised an error; it is called again for the next message",
                self._wanted,
            )
        except BaseException as error:
            if not self._stream_worker.stopping:
                _logger.warning(
                    "a callback for %s was ended by %s and is not called any more",
                    self._wanted,
                    type(error).__name__,
                )
            raise

    async def cancel(self) -> None:
        """End the calls. A call that is running continues. You may call this method twice."""
        self._inbox.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.cancel()
