"""The operations of the API: found by IBKR's operation id, by path, or by words.

    >>> from bezant.operations import OPERATIONS, by_path, search
    >>> OPERATIONS["getPortfolioSummary"].python_name
    'get_portfolio_summary'
    >>> by_path("GET", "/portfolio/DU123456/ledger").id
    'getPortfolioLedger'

Each is a method of ``client.api.<group>``.
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
    """An operation.

    Attributes:
        id: IBKR's operation id; one of ours, which starts with ``undocumented``, where the
            operation stands in no document.
        method: HTTP method.
        path: path template, below ``/v1/api``; one that starts with ``/gw`` or ``/oauth2`` hangs
            off the host.
        group: its group in ``client.api``.
        python_name: its method there.
        summary: what it does.
        idempotent: whether sending it twice has the same effect as sending it once.
        pacing: the bucket of a limit of its own; empty where only the session's limit holds.
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
"""All operations, by IBKR's operation id."""

_WORD: Final = re.compile(r"[a-z0-9]+")


def by_path(method: str, path: str) -> OperationEntry | None:
    """Find an operation by its call.

    Args:
        method: HTTP method.
        path: a path template with any names for its parameters, or a path with values in their
            places; ``/v1/api`` in front of it is ignored.

    Returns:
        The operation whose path fits with the fewest parameters, or None.

    Raises:
        InvalidRequest: an argument is no text.
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
    """Find operations by words; each word has to stand in an id, a path, a name or a summary.

    Those with more of the words in their names come first.

    Raises:
        InvalidRequest: the words are no text.
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
