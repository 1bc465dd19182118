"""The asyncio side's way to what several processes share."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from ..._core.pacing.shared import StoreError
from ..._core.settings.connection import PacingStore
from .._shared.stores import (
    KEPT,
    PATIENCE,
    Change,
    change_file,
    next_state,
    redis_key,
    redis_options,
    redis_trouble,
)

T = TypeVar("T")
# How long a call waits at its end until its slot is free; longer than that it becomes free later.
_END_WAIT: Final = 1.0


class SharedLimitStore:
    """What several processes share about one gateway, in a file or on a Redis server.

    Each change is a task, so that a cancelled call never ends one in the middle: neither
    redis-py's connections nor what was reserved would be in a known state after that.
    """

    def __init__(self, store: PacingStore) -> None:
        self._store = store
        self._redis: Any = None
        self._thread: ThreadPoolExecutor | None = None
        # The changes that are under way, and whose they are.
        self._work: dict[asyncio.Task[Any], str] = {}
        self._settling: set[str] = set()
        self._closing = False
        # Changes of one process never compete for the server: the loser has to start again.
        self._one = asyncio.Lock()
        if store.kind == "redis":
            options = redis_options()
            import redis.asyncio

            made: Any = redis.asyncio.Redis
            self._redis = made.from_url(store.where, **options)

    async def change(self, change: Change[T], token: str = "") -> T:
        """Read, change and write it in one step; ``change`` may be called more than once.

        Args:
            change: what to do.
            token: names the call; `settle` waits for what is under way under the same name.

        Raises:
            StoreError: it cannot be reached.
        """
        task = asyncio.create_task(self._change(change))
        self._track(task, token)
        return await asyncio.shield(task)

    async def settle(self, change: Change[None], token: str) -> None:
        """Make a change that must not be lost, after the call's other changes.

        It continues when the caller is cancelled, and `aclose` waits for it. Nothing is done
        where the same call's is under way already.

        Args:
            change: what to do; doing it twice must do no harm.
            token: names the call.

        Raises:
            StoreError: the store cannot be reached.
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
            task.exception()  # whoever waited for it may be gone

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
            except asyncio.CancelledError:  # a loop that ends cancels every task once
                await self._apply(change, always=True)
                raise
        finally:
            await self._close_after_last()

    async def _apply(self, change: Change[T], *, always: bool = False) -> T:
        if self._redis is None:
            # The file may be locked by another process: the loop must not wait for that. One
            # thread keeps the order.
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, "bezant pacing")
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, change_file, self._store, change)
        import redis

        try:
            async with self._one:
                return await self._change_redis(change, always=always)
        except redis.RedisError as error:
            raise redis_trouble(error) from error

    async def _change_redis(self, change: Change[T], *, always: bool) -> T:
        import redis

        key = redis_key(self._store)
        deadline = time.monotonic() + PATIENCE
        async with self._redis.pipeline() as pipe:
            while time.monotonic() < deadline:
                await pipe.watch(key)
                raw, clock = await pipe.get(key), await pipe.time()
                data, result = next_state(raw, clock, change, always=always)
                if data is None:
                    return result
                pipe.multi()
                pipe.set(key, data, ex=KEPT)
                try:
                    await pipe.execute()
                except redis.WatchError:  # another process was faster
                    continue
                return result
        raise StoreError("the Redis server is too busy")

    async def _close_after_last(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._work.pop(task, None)
        if self._closing and not self._work:
            await self._close()

    async def _close(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown()  # it has nothing to do, and ends at once

    async def aclose(self) -> None:
        """Close the connections, after the changes that are under way.

        Calls that are ending may still give their slots back.
        """
        self._closing = True
        if self._work:
            await asyncio.wait(list(self._work), timeout=PATIENCE)
        if not self._work:  # else the last of them closes
            await self._close()
