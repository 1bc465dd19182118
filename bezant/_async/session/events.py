"""Iterator over the changes of the session's state."""

from __future__ import annotations

from collections import deque
from typing import Self

from ..._core.session.state import SessionChange
from ..._core.settings.checks import check_seconds
from ..._runtime import _async as rt
from ...errors import InvalidRequest
from ..http.pipeline import AsyncPipeline
from ..waiting import wait_for


class AsyncSessionEvents:
    """Context manager and iterator over the changes of the session's state.

    ``client.session.events()`` returns this object. The iteration ends when the context is left or
    the client is closed. The iterator sends no requests: it reports the changes that the responses
    to other calls show, above all those of a keepalive.
    """

    def __init__(self, pipeline: AsyncPipeline) -> None:
        self._pipeline = pipeline
        self._changes: deque[SessionChange] = deque()
        self._notifier = rt.Notifier()
        self._entered = False
        self._ended = False

    def _take_in(self, change: SessionChange) -> None:
        self._changes.append(change)
        self._notifier.ring()

    async def __aenter__(self) -> Self:
        self._pipeline.check()
        if self._entered:
            raise InvalidRequest(
                "session events can be entered once; call client.session.events() again"
            )
        self._entered = True
        self._pipeline.session_listeners.append(self._take_in)
        self._pipeline.workers.append(self)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop listening, and end the iteration. You may call this method twice."""
        self._ended = True
        if self._take_in in self._pipeline.session_listeners:
            self._pipeline.session_listeners.remove(self._take_in)
        if self in self._pipeline.workers:
            self._pipeline.workers.remove(self)
        self._notifier.ring()

    async def next_change(self, timeout: float | None = None) -> SessionChange | None:
        """Wait for the next change of the session and return it.

        Args:
            timeout: seconds to wait; None (the default) for no limit.

        Returns:
            The change; None after the timeout, or at the end of the events.
        """
        if timeout is not None:
            check_seconds("timeout", timeout)
        if not self._entered:
            raise InvalidRequest(
                "the session events were not entered; use client.session.events() in a with "
                "statement"
            )
        try:
            return await wait_for(self._notifier, self._take, lambda: self._ended, timeout)
        except TimeoutError:
            return None

    def _take(self) -> SessionChange | None:
        return self._changes.popleft() if self._changes else None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionChange:
        change = await self.next_change()
        if change is None:
            raise StopAsyncIteration
        return change
