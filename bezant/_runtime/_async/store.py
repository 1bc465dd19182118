"""Shared limit store on asyncio."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

from ..._core.settings.connection import PacingStore
from .._shared.stores import PATIENCE, Change, open_store

T = TypeVar("T")
# A call that ends waits at most this many seconds for the release of its slot in the store. After
# that the release continues in the background.
_END_WAIT: Final = 1.0


class SharedLimitStore:
    """State that several processes share about one gateway, in a file or on a Redis server.

    Each change is a task of its own, so that cancelling a call never interrupts a change. A
    separate thread makes the changes, one after the other, because the store blocks its caller.
    """

    def __init__(self, place: PacingStore) -> None:
        self._store = open_store(place)
        self._thread: ThreadPoolExecutor | None = None
        # Changes in progress. Value: the token of the call that makes the change.
        self._work: dict[asyncio.Task[Any], str] = {}
        self._settling: set[str] = set()
        self._closing = False

    async def change(self, change: Change[T], token: str = "") -> T:
        """Change the state in one transaction, and return the result of ``change``.

        Args:
            change: function that changes the state; the store may call it more than once.
            token: unique name of the call for which the change is made. `settle` with the same
                token waits for this change.

        Raises:
            StoreError: the store cannot be used.
        """
        task = asyncio.create_task(self._change(change))
        self._track(task, token)
        return await asyncio.shield(task)

    async def settle(self, change: Change[None], token: str) -> None:
        """Wait for the call's changes in progress, then make a change that must not be lost.

        This method returns after 1 second at the latest. The change continues after that time, and
        also if the caller is cancelled; `aclose` waits for the change. A second `settle` for the
        same call does nothing while the first is in progress.

        Args:
            change: function that changes the state; calling it twice must do no harm.
            token: unique name of the call.

        Raises:
            StoreError: the store cannot be used.
        """
        if token in self._settling:
            return
        self._settling.add(token)
        before = [each for each, name in self._work.items() if name == token]
        task = asyncio.create_task(self._settle(change, before))
        self._track(task, token)
        task.add_done_callback(lambda _: self._settling.discard(token))
        done, _ = await asyncio.wait([task], timeout=_END_WAIT)
        if done:
            task.result()

    def _track(self, task: asyncio.Task[Any], token: str) -> None:
        self._work[task] = token
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._work.pop(task, None)
        if not task.cancelled():
            # reads the error, because asyncio logs errors that nobody has read, and the caller may
            # be gone
            task.exception()

    async def _change(self, change: Change[T]) -> T:
        try:
            return await self._apply(change)
        finally:
            await self._close_after_last()

    async def _settle(self, change: Change[None], before: list[asyncio.Task[Any]]) -> None:
        try:
            try:
                if before:
                    await asyncio.wait(before)
                await self._apply(change, always=True)
            # comes once if the event loop ends, which must not prevent the change
            except asyncio.CancelledError:
                await self._apply(change, always=True)
                raise
        finally:
            await self._close_after_last()

    async def _apply(self, change: Change[T], *, always: bool = False) -> T:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "bezant pacing")
        loop = asyncio.get_running_loop()
        call = partial(self._store.change, change, always=always)
        return await loop.run_in_executor(self._thread, call)

    async def _close_after_last(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._work.pop(task, None)
        if self._closing and not self._work:
            self._close()

    def _close(self) -> None:
        self._store.close()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown()  # the thread is idle, so it ends at once

    async def aclose(self) -> None:
        """Close the connections after the changes in progress have ended.

        Until then, calls that are ending may still release their slots in the store.
        """
        self._closing = True
        if self._work:
            await asyncio.wait(list(self._work), timeout=PATIENCE)
        if not self._work:  # otherwise the last change closes the store
            self._close()
