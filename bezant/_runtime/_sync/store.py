"""The threads side's way to what several processes share."""

from __future__ import annotations

import threading
import time
from typing import Any, TypeVar

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


class SharedLimitStore:
    """What several processes share about one gateway, in a file or on a Redis server."""

    def __init__(self, store: PacingStore) -> None:
        self._store = store
        self._redis: Any = None
        self._lock = threading.Lock()
        # Changes of one process never compete for the server: the loser has to start again.
        self._one = threading.Lock()
        self._users = 0
        self._closing = False
        if store.kind == "redis":
            options = redis_options()
            import redis

            made: Any = redis.Redis
            self._redis = made.from_url(store.where, **options)

    def change(self, change: Change[T], token: str = "") -> T:
        """Read, change and write it in one step; ``change`` may be called more than once.

        Args:
            change: what to do.
            token: names the call; only the asyncio side needs it.

        Raises:
            StoreError: it cannot be reached.
        """
        del token
        return self._apply(change)

    def settle(self, change: Change[None], token: str) -> None:
        """Make a change that must not be lost, after the call's other changes.

        Args:
            change: what to do; doing it twice must do no harm.
            token: names the call; only the asyncio side needs it.

        Raises:
            StoreError: the store cannot be reached.
        """
        del token
        self._apply(change, always=True)

    def _apply(self, change: Change[T], *, always: bool = False) -> T:
        if self._redis is None:
            return change_file(self._store, change)
        import redis

        try:
            with self._lock:
                self._users += 1
            with self._one:
                return self._change_redis(change, always=always)
        except redis.RedisError as error:
            raise redis_trouble(error) from error
        finally:
            with self._lock:
                self._users -= 1
                last = self._closing and not self._users
            if last:
                self._redis.close()

    def _change_redis(self, change: Change[T], *, always: bool) -> T:
        import redis

        key = redis_key(self._store)
        deadline = time.monotonic() + PATIENCE
        with self._redis.pipeline() as pipe:
            try:
                while time.monotonic() < deadline:
                    pipe.watch(key)
                    raw, clock = pipe.get(key), pipe.time()
                    data, result = next_state(raw, clock, change, always=always)
                    if data is None:
                        return result
                    pipe.multi()
                    pipe.set(key, data, ex=KEPT)
                    try:
                        pipe.execute()
                    except redis.WatchError:  # another process was faster
                        continue
                    return result
            except Exception:
                raise
            except BaseException:
                # An interrupt between a command and its reply: the next one would read that reply.
                if pipe.connection is not None:
                    pipe.connection.disconnect()
                raise
        raise StoreError("the Redis server is too busy")

    def close(self) -> None:
        """Close the connections; calls that are ending may still give their places back."""
        with self._lock:
            self._closing = True
            idle = not self._users
        if self._redis is not None and idle:
            self._redis.close()
