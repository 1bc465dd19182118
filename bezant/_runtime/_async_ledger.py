"""The asyncio side's way to what several processes share."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any, TypeVar

from .._core.settings import PacingStore
from .._core.shared_pacing import StoreTrouble
from ._ledgers import (
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


class Ledger:
    """What several processes share about one gateway, in a file or on a Redis server."""

    def __init__(self, store: PacingStore) -> None:
        self._store = store
        self._redis: Any = None
        self._users = 0
        self._closing = False
        if store.kind == "redis":
            options = redis_options()
            import redis.asyncio

            made: Any = redis.asyncio.Redis
            self._redis = made.from_url(store.where, **options)

    async def change(self, change: Change[T]) -> T:
        """Read, change and write it in one step; ``change`` may be called more than once.

        Raises:
            StoreTrouble: it cannot be reached.
        """
        if self._redis is None:
            return await self._change_file(change)
        import redis

        self._users += 1
        try:
            return await self._change_redis(change)
        except redis.RedisError as error:
            raise redis_trouble(error) from error
        finally:
            self._users -= 1
            if self._closing and not self._users:
                await self._redis.aclose()

    async def _change_file(self, change: Change[T]) -> T:
        # A file may be locked by another process: the loop must not wait for that.
        writing = asyncio.ensure_future(asyncio.to_thread(change_file, self._store, change))
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            # What comes next, such as giving a place back, has to come after it.
            await asyncio.wait([writing])
            with contextlib.suppress(StoreTrouble):
                writing.result()
            raise

    async def _change_redis(self, change: Change[T]) -> T:
        import redis

        key = redis_key(self._store)
        deadline = time.monotonic() + PATIENCE
        async with self._redis.pipeline() as pipe:
            while time.monotonic() < deadline:
                await pipe.watch(key)
                data, result = next_state(await pipe.get(key), await pipe.time(), change)
                if data is None:
                    return result
                pipe.multi()
                pipe.set(key, data, ex=KEPT)
                try:
                    await pipe.execute()
                except redis.WatchError:  # another process was faster
                    continue
                return result
        raise StoreTrouble("the Redis server is too busy")

    async def aclose(self) -> None:
        """Close the connections; calls that are ending may still give their places back."""
        self._closing = True
        if self._redis is not None and not self._users:
            await self._redis.aclose()
