"""Stores of the state that several processes share: a SQLite file or a Redis server.

Both stores block the calling thread. The asynchronous client calls them in a separate thread. A
change reads, changes and writes the state in one transaction.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from ..._core.pacing.shared import Denied, Shared, StoreError, dump, load
from ..._core.settings.connection import PacingStore
from ...errors import InvalidRequest

T = TypeVar("T")
Change = Callable[[Shared, float], T]

# If a change takes more seconds than this, an error is raised. Usually a change takes well under a
# millisecond.
PATIENCE = 5.0
# Redis deletes a state that was not changed for this many seconds.
_KEPT = 3600


class LimitStore(Protocol):
    """Interface of a store of shared rate limits."""

    def change(self, change: Change[T], *, always: bool = False) -> T:
        """Change the state in one transaction, and return the result of ``change``.

        Args:
            change: function that changes the state; the store may call it more than once.
            always: whether to write the state even if `change` has not changed it.

        Raises:
            StoreError: the store cannot be used.
        """
        ...

    def close(self) -> None:
        """Close the connections after the changes in progress have ended."""
        ...


def open_store(place: PacingStore) -> LimitStore:
    """Return the store that the settings name. The store connects with the first change.

    Raises:
        InvalidRequest: the store needs a package that is not installed.
    """
    return RedisStore(place) if place.kind == "redis" else FileStore(place)


def _apply(raw: bytes | None, now: float, change: Change[T]) -> tuple[bytes | None, T]:
    """Apply a change to the stored bytes; return the new bytes and the result.

    The new bytes are None if nothing has to be written. Waiting processes call this often, and
    needless writes would delay other processes.
    """
    shared = load(raw)
    result = change(shared, now)
    if isinstance(result, Denied) and not result.noted:
        return None, result
    return dump(shared), result


class FileStore:
    """Store in a SQLite file. If a process dies, the system releases SQLite's lock."""

    def __init__(self, place: PacingStore) -> None:
        self._place = place

    def change(self, change: Change[T], *, always: bool = False) -> T:
        """Change the state in one transaction; see `LimitStore`."""
        import sqlite3  # imported here because the import is slow and rarely needed

        del always  # not needed: a transaction cannot outlive its connection
        place = self._place
        try:
            database = sqlite3.connect(place.where, timeout=PATIENCE, isolation_level=None)
            try:
                # The file is not flushed to disk, because losing the last second in a power failure
                # does no harm.
                database.execute("PRAGMA synchronous=OFF")
                database.execute("BEGIN IMMEDIATE")
                database.execute(
                    "CREATE TABLE IF NOT EXISTS pacing (name TEXT PRIMARY KEY, state BLOB)"
                )
                row = database.execute(
                    "SELECT state FROM pacing WHERE name = ?", (place.name,)
                ).fetchone()
                data, result = _apply(row and row[0], time.time(), change)
                if data is not None:
                    database.execute(
                        "INSERT OR REPLACE INTO pacing VALUES (?, ?)", (place.name, data)
                    )
                    database.execute("COMMIT")
                return result
            finally:  # also runs after an interrupt: an open transaction would block all processes
                database.close()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"cannot read the rate limits from {place.where!r} ({error}); delete the file or "
                "pass another path in the argument pacing"
            ) from error

    def close(self) -> None:
        """Do nothing, because no connection outlives its change."""


class RedisStore:
    """The state of the rate limits, under one key of a Redis server.

    Each change is an optimistic transaction: if another process has changed the key in between, the
    change starts again.
    """

    def __init__(self, place: PacingStore) -> None:
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError as error:
            raise InvalidRequest(
                'pacing="redis://..." needs the package redis: pip install "bezant[redis]"'
            ) from error
        client: Any = redis.Redis
        self._client: Any = client.from_url(
            place.where,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 1),
        )
        self._key = f"bezant:pacing:{place.name}"
        # The changes of one process run one after the other: if two ran at the same time, one of
        # them would have to start again.
        self._one = threading.Lock()
        self._lock = threading.Lock()
        self._users = 0
        self._closing = False

    def change(self, change: Change[T], *, always: bool = False) -> T:
        """Change the state in one transaction; see `LimitStore`.

        With ``always``, the key is written even if the state is unchanged. Transactions that other
        connections have begun then fail, because they watch the key. One of them may be the
        reservation of a call that was cancelled.
        """
        import redis

        try:
            with self._lock:
                self._users += 1
            with self._one:
                return self._transact(change, always=always)
        except redis.RedisError as error:
            # The message does not quote Redis's error, because it may contain the URL, and the URL
            # a password.
            raise StoreError(
                f"cannot use the Redis server for the rate limits ({type(error).__name__}); check "
                "that it runs and that the URL in pacing is correct"
            ) from error
        finally:
            with self._lock:
                self._users -= 1
                last = self._closing and not self._users
            if last:
                self._client.close()

    def _transact(self, change: Change[T], *, always: bool) -> T:
        import redis

        deadline = time.monotonic() + PATIENCE
        with self._client.pipeline() as pipe:
            try:
                while time.monotonic() < deadline:
                    pipe.watch(self._key)
                    raw, clock = pipe.get(self._key), pipe.time()
                    data, result = _apply(raw, clock[0] + clock[1] / 1_000_000, change)
                    if data is None or (data == raw and not always):
                        return result
                    pipe.multi()
                    pipe.set(self._key, data, ex=_KEPT)
                    try:
                        pipe.execute()
                    except redis.WatchError:  # another process changed the state first
                        continue
                    return result
            except Exception:
                raise
            except BaseException:
                # The connection is closed after an interrupt between a command and its reply,
                # because the next command would read that reply.
                if pipe.connection is not None:
                    pipe.connection.disconnect()
                raise
        raise StoreError(
            f"the Redis server did not accept a change of the rate limits within {PATIENCE:g} s, "
            "because other processes change them; try again"
        )

    def close(self) -> None:
        """Close the connections after the changes in progress have ended."""
        with self._lock:
            self._closing = True
            idle = not self._users
        if idle:
            self._client.close()
