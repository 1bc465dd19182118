"""Where what several processes share about a gateway is kept: what both sides of the pair use."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from ..._core.pacing.shared import Denied, Shared, StoreError, dump, load
from ..._core.settings.connection import PacingStore
from ...errors import InvalidRequest

T = TypeVar("T")
Change = Callable[[Shared, float], T]

# A change takes well under a millisecond; more means that something hangs.
PATIENCE = 5.0
# What nobody has touched for so long holds nothing that still matters.
KEPT = 3600


def change_file(store: PacingStore, change: Change[T]) -> T:
    """Change what is kept in a file, in one step.

    SQLite's lock belongs to the process: the system takes it back when the process dies.

    Raises:
        StoreError: the file cannot be used.
    """
    import sqlite3  # few need it, and it takes a while to load

    try:
        database = sqlite3.connect(store.where, timeout=PATIENCE, isolation_level=None)
        try:
            # Losing the last second to a power cut does no harm.
            database.execute("PRAGMA synchronous=OFF")
            database.execute("BEGIN IMMEDIATE")
            database.execute(
                "CREATE TABLE IF NOT EXISTS pacing (name TEXT PRIMARY KEY, state BLOB)"
            )
            row = database.execute(
                "SELECT state FROM pacing WHERE name = ?", (store.name,)
            ).fetchone()
            shared = load(row and row[0])
            result = change(shared, time.time())
            if _is_unchanged(result):
                return result
            database.execute(
                "INSERT OR REPLACE INTO pacing VALUES (?, ?)", (store.name, dump(shared))
            )
            database.execute("COMMIT")
            return result
        finally:  # also after an interrupt: an open transaction would keep everybody out
            database.close()
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"the file {store.where!r} cannot be used: {error}") from error


def redis_key(store: PacingStore) -> str:
    """Return the key under which a gateway's state is kept."""
    return f"bezant:pacing:{store.name}"


def redis_options() -> dict[str, Any]:
    """Return how a Redis client is made.

    Raises:
        InvalidRequest: the package is not there.
    """
    try:
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise InvalidRequest(
            'pacing="redis://..." needs the package redis: pip install "bezant[redis]"'
        ) from error
    return {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE,
            "retry": Retry(NoBackoff(), 1)}  # fmt: skip


def next_state(
    raw: Any, clock: Any, change: Change[T], *, always: bool = False
) -> tuple[bytes | None, T]:
    """Apply a change to what Redis answered; return the new bytes and the change's result.

    There are no new bytes where nothing has changed.

    Args:
        raw: the bytes that are kept, None for none.
        clock: the server's time as seconds and microseconds.
        change: what to do.
        always: whether there are new bytes even so. Writing them ends every transaction that is
            still on its way to the server, such as the reservation of a call that was cancelled.
    """
    shared = load(raw)
    result = change(shared, clock[0] + clock[1] / 1_000_000)
    if _is_unchanged(result):
        return None, result
    data = dump(shared)
    return (None if data == raw and not always else data), result


def _is_unchanged(result: object) -> bool:
    # Whoever waits asks often, and would keep those who go from writing.
    return isinstance(result, Denied) and not result.noted


def redis_trouble(error: Exception) -> StoreError:
    """Return the trouble of a Redis server that cannot be used; its URL may hold a password."""
    return StoreError(f"the Redis server cannot be used: {type(error).__name__}")
