"""Catalog of the API's operations, searchable by IBKR's operation id, path or words.

    >>> from bezant.operations import OPERATIONS, by_path, search
    >>> OPERATIONS["getPortfolioSummary"].python_name
    'get_portfolio_summary'
    >>> by_path("GET", "/portfolio/DU123456/ledger").id
    'getPortfolioLedger'

Each operation is a method of ``client.api.<group>``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from ._core.operations._table import ROWS
from ._wire.redaction import shown
from .errors import InvalidRequest

__all__ = ["OPERATIONS", "OperationEntry", "by_path", "search"]


class OperationEntry(NamedTuple):
    """One operation of the API.

    Attributes:
        id: IBKR's operation id. An undocumented operation has an id that bezant gave it, which
            starts with ``undocumented``.
        method: HTTP method.
        path: path template below ``/v1/api``. Paths that start with ``/gw`` or ``/oauth2`` are
            relative to the host instead.
        group: group in ``client.api``, such as ``portfolio``.
        python_name: name of the method in that group.
        summary: one-line description.
        idempotent: whether sending it twice has the same effect as sending it once.
        pacing: name of the operation's own rate limit; empty if only the session's limit applies.
    """

    id: str
    method: str
    path: str
    group: str
    python_name: str
    summary: str
    idempotent: bool
    pacing: str

    def __str__(self) -> str:
        return f"{self.group}.{self.python_name}: {self.method} {self.path}"


def _entry(row: tuple[str, str, str, str, bool, str, str]) -> OperationEntry:
    id_, call, group, name, idempotent, pacing, summary = row
    method, _, path = call.partition(" ")
    return OperationEntry(id_, method, path, group, name, summary, idempotent, pacing)


OPERATIONS: Final[Mapping[str, OperationEntry]] = MappingProxyType(
    {entry.id: entry for entry in map(_entry, ROWS)}
)
"""All operations by their id."""

_WORD: Final = re.compile(r"[a-z0-9]+")


def by_path(method: str, path: str) -> OperationEntry | None:
    """Find an operation by its method and path.

    Args:
        method: HTTP method, in upper or lower case.
        path: a path with values, such as ``/portfolio/DU123456/ledger``, or a path template with
            any parameter names. A leading ``/v1/api`` and a query are ignored.

    Returns:
        The operation whose path matches with the fewest parameters; None if no path matches.

    Raises:
        InvalidRequest: an argument is not text.
    """
    for name, given in (("method", method), ("path", path)):
        if not isinstance(given, str):
            raise InvalidRequest(f"{name} must be text, not {shown(given)}")
    wanted = path.split("?")[0].removeprefix("/v1/api").rstrip("/")
    found = [
        (entry.path.count("{"), entry)
        for entry in OPERATIONS.values()
        if entry.method == method.upper() and _fits(entry.path, wanted)
    ]
    return min(found)[1] if found else None


def _fits(template: str, path: str) -> bool:
    theirs, ours = path.split("/"), template.split("/")
    return len(theirs) == len(ours) and all(
        a == b or (b.startswith("{") and a != "") for a, b in zip(theirs, ours, strict=True)
    )


def search(words: str) -> list[OperationEntry]:
    """Find operations whose id, path, name or summary contains all of some words.

    Operations with more of the words in their id, path or name come first.

    Args:
        words: such as ``place order``; case does not matter.

    Raises:
        InvalidRequest: ``words`` is not text.
    """
    if not isinstance(words, str):
        raise InvalidRequest(f"words must be text such as 'place order', not {shown(words)}")
    wanted = _WORD.findall(words.lower())
    if not wanted:
        return []
    found: list[tuple[int, str, OperationEntry]] = []
    for entry in OPERATIONS.values():
        names = f"{entry.group} {entry.python_name} {entry.id} {entry.path}".lower()
        text = f"{names} {entry.summary.lower()}"
        if all(word in text for word in wanted):
            in_names = sum(word in names for word in wanted)
            found.append((-in_names, str(entry), entry))
    return [entry for _, _, entry in sorted(found)]
