"""Keepalive: sends tickles in the background so that IBKR does not end the session."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self

from ..._core.operations.session import TICKLE
from ..._core.session.keepalive import Change, KeepaliveState
from ..._core.settings.checks import check_callable
from ..._runtime import _async as rt
from ...errors import BezantError
from ...models._session import Tickle
from ..http.pipeline import AsyncPipeline

_logger = logging.getLogger("bezant.keepalive")

Callback = Callable[[BezantError], object]


class AsyncKeepalive:
    """Background worker that sends ``POST /tickle`` at an interval.

    ``client.keepalive()`` returns this object. The keepalive keeps running after errors and backs
    off after three failures in a row, up to five times the interval. The keepalive ends when you
    call `stop`, leave its context or close the client, or when nothing refers to the client
    anymore. The keepalive does not keep the process alive.
    """

    def __init__(
        self,
        pipeline: AsyncPipeline,
        interval: float,
        on_lost: Callback | None,
        on_restored: Callable[[], object] | None,
    ) -> None:
        check_callable("on_lost", on_lost)
        check_callable("on_restored", on_restored)
        self._state = KeepaliveState()
        self._stopping = rt.Event()
        self._on_lost = on_lost
        self._on_restored = on_restored
        self._interval = interval
        # The worker holds only a weak reference, so that it does not keep the client alive; garbage
        # collection of the client ends the worker.
        self._pipeline = weakref.ref(pipeline, self._forgotten)
        self._worker = rt.Worker(self._run, "bezant-keepalive")
        pipeline.workers.append(self)

    def __repr__(self) -> str:
        state = "lost" if self._state.lost else "running" if self.running else "stopped"
        return f"<{type(self).__name__} {state}, every {self._interval:g} s>"

    @property
    def running(self) -> bool:
        """Whether the keepalive is running."""
        return self._worker.alive and not self._stopping.is_set()

    @property
    def lost(self) -> bool:
        """Whether the last tickle failed or reported that the session cannot be used."""
        return self._state.lost

    @property
    def last_success(self) -> datetime | None:
        """Time of the last successful tickle, in UTC; None before the first success."""
        return _moment(self._state.last_success)

    @property
    def last_failure(self) -> datetime | None:
        """Time of the last failed tickle, in UTC; None before the first failure."""
        return _moment(self._state.last_failure)

    @property
    def last_error(self) -> BezantError | None:
        """Error of the last failed tickle; None before the first failure."""
        return self._state.last_error

    @property
    def failures(self) -> int:
        """Number of consecutive failed tickles."""
        return self._state.failures

    def _forgotten(self, _pipeline: object) -> None:
        self._worker.abandon()

    async def _run(self) -> None:
        while True:
            pipeline = self._pipeline()
            if pipeline is None or pipeline.closed:
                return
            await self._tickle(pipeline)
            del pipeline
            if await self._stopping.wait(self._state.pause(self._interval)):
                return

    async def _tickle(self, pipeline: AsyncPipeline) -> None:
        error: BezantError | None = None
        change: Change | None
        try:
            tickle = await pipeline.call(TICKLE.operation, Tickle, pipeline.settings)
        except BezantError as failure:
            error = failure
        except Exception as failure:
            error = BezantError(f"unexpected error: {failure!r}", operation=TICKLE.operation.name)
            _logger.exception("unexpected error in the keepalive; it keeps running")
        else:
            change = self._state.answered(tickle, rt.wall_time())
            await self._tell(change)
            return
        if self._stopping.is_set():
            return
        change = self._state.failed(error, rt.wall_time())
        await self._tell(change)

    async def _tell(self, change: Change | None) -> None:
        if change is None:
            return
        try:
            if change is Change.LOST:
                if self._on_lost is not None:
                    await rt.call(self._on_lost, self._state.last_error)
            elif self._on_restored is not None:
                await rt.call(self._on_restored)
        except Exception:
            _logger.exception("a callback of the keepalive raised an error; it keeps running")

    async def stop(self) -> None:
        """Stop the keepalive at once, even in the middle of a call. You may call this twice."""
        self._stopping.set()
        pipeline = self._pipeline()
        if pipeline is not None and self in pipeline.workers:
            pipeline.workers.remove(self)
        await self._worker.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
