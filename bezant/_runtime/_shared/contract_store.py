"""`ContractStore`: a SQLite file in which processes keep the contracts that they looked up."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")
Line = tuple[str, str, float, str | None]

_logger = logging.getLogger("bezant.contracts")
# Changes with the form of the rows; a file of another version is emptied.
_VERSION: Final = 1
# Longest wait for another process that writes, in seconds.
_PATIENCE: Final = 5.0
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS lookups "
    "(gateway TEXT, kind TEXT, key TEXT, saved REAL, value TEXT, "
    "PRIMARY KEY (gateway, kind, key)) WITHOUT ROWID"
)


class ContractStore:
    """File of lookups. Each method opens and closes the file, and never raises an error.

    Several processes can use the file at once. A damaged file is set aside and a new one is made. A
    file that cannot be used is reported once, and the lookups are made again.

    Args:
        path: path of the file; its folder is made if it does not exist.
        gateway: key of the gateway. Each gateway has rows of its own, so that conids of a simulated
            gateway never reach another one.
    """

    def __init__(self, path: str, gateway: str) -> None:
        self._path = Path(path).expanduser().absolute()
        self._gateway = gateway
        self._reported = False

    def read(self) -> list[Line]:
        """Return all rows of the gateway: kind, key, time and value of each."""

        def read(file: sqlite3.Connection) -> list[Line]:
            columns = "SELECT kind, key, saved, value FROM lookups WHERE gateway = ?"
            rows: list[Any] = file.execute(columns, (self._gateway,)).fetchall()
            return [
                row
                for row in rows
                if isinstance(row[1], str) and isinstance(row[2], float) and isinstance(row[3], str)
            ]

        return self._use(read) or []

    def write(self, clear: bool, rows: Iterable[Line]) -> None:
        """Write rows; a row whose value is None is deleted.

        Args:
            clear: whether to delete all rows of the gateway first.
            rows: kind, key, time and value of each row.
        """
        lines = list(rows)

        def write(file: sqlite3.Connection) -> None:
            if clear:
                file.execute("DELETE FROM lookups WHERE gateway = ?", (self._gateway,))
            gone = [(self._gateway, kind, key) for kind, key, _, value in lines if value is None]
            new = [(self._gateway, *line) for line in lines if line[3] is not None]
            file.executemany("DELETE FROM lookups WHERE gateway = ? AND kind = ? AND key = ?", gone)
            file.executemany("INSERT OR REPLACE INTO lookups VALUES (?, ?, ?, ?, ?)", new)

        self._use(write)

    def _use(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        import sqlite3  # imported here because most programs keep no file

        for _ in range(2):
            try:
                return self._once(work)
            except (sqlite3.OperationalError, OSError) as error:
                self._report(f"cannot use the file of contracts {str(self._path)!r}: {error}")
                return None
            except sqlite3.DatabaseError as error:
                self._set_aside(error)
        return None

    def _once(self, work: Callable[[sqlite3.Connection], T]) -> T:
        import sqlite3

        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=_PATIENCE, check_same_thread=False)
        with contextlib.closing(connection) as file, file:
            file.execute("BEGIN IMMEDIATE")
            [version] = file.execute("PRAGMA user_version").fetchone()
            if version != _VERSION:
                file.execute("DROP TABLE IF EXISTS lookups")
                file.execute(_TABLE)
                file.execute(f"PRAGMA user_version = {_VERSION}")
            return work(file)

    def _set_aside(self, error: Exception) -> None:
        """Rename a damaged file, so that a new one takes its place."""
        place = self._path.with_name(f"{self._path.name}.damaged-{os.getpid()}")
        with contextlib.suppress(OSError):
            self._path.replace(place)
        _logger.warning(
            "the file of contracts %r is damaged (%s); it was renamed to %r, and a new one is made",
            str(self._path),
            error,
            str(place),
        )

    def _report(self, text: str) -> None:
        if not self._reported:
            self._reported = True
            _logger.warning("%s; contracts are looked up again in each process", text)
