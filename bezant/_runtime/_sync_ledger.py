"""The threads side's way to what several processes share."""

from __future__ import annotations

import threading
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
        self._lock = threading.Lock()
        self._users = 0
        self._closing = False
        if store.kind == "redis":
            options = redis_options()
            import redis

            made: Any = redis.Redis
            self._redis = made.from_url(store.where, **options)

    def change(self, change: Change[T]) -> T:
        """Read, change and write it in one step; ``change`` may be called more than once.

        Raises:
            StoreTrouble: it cannot be reached.
        """
        if self._redis is None:
            return change_file(self._store, change)
        import redis

        with self._lock:
            self._users += 1
        try:
            return self._change_redis(change)
        except redis.RedisError as error:
            raise redis_trouble(error) from error
        finally:
            with self._lock:
                self._users -= 1
                last = self._closing and not self._users
            if last:
                self._redis.close()

    def _change_redis(self, change: Change[T]) -> T:
        import redis

        key = redis_key(self._store)
        deadline = time.monotonic() + PATIENCE
        with self._redis.pipeline() as pipe:
            while time.monotonic() < deadline:
                pipe.watch(key)
                data, result = next_state(pipe.get(key), pipe.time(), change)
                if data is None:
                    return result
                pipe.multi()
                pipe.set(key, data, ex=KEPT)
                try:
                    pipe.execute()
                except redis.WatchError:  # another process was faster
                    continue
                return result
        raise StoreTrouble("the Redis server is too busy")

    def close(self) -> None:
        """Close the connections; calls that are ending may still give their places back."""
        with self._lock:
            self._closing = True
            idle = not self._users
        if self._redis is not None and idle:
            self._redis.close()
