"""Catalog of the API's operations, searchable by IBKR's operation id, path or words.

    >>> from bezant.operations import OPERATIONS, by_path, search
    >>> OPERATIONS["getPortfolioSummary"].python_name
    'get_portfolio_summary'
    >>> by_path("GET", "/portfolio/DU123456/ledger").id
    'getPortfolioLedger'

Each operation is a method of ``client.api.<group>``, or of ``client.oauth_api.<group>`` if it needs
OAuth.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from types import GenericAlias, MappingProxyType
from typing import Any, Final, NamedTuple, cast

from ._core.http.files import BinaryResponse
from ._core.operations._base import Endpoint
from ._core.operations._index import OPERATIONS as _PLACES
from ._core.operations._lookup import find, value_at
from ._wire.redaction import shown
from .errors import InvalidRequest

__all__ = ["OPERATIONS", "OperationEntry", "by_path", "search"]


class OperationEntry(NamedTuple):
    """One operation of the API.

    Attributes:
        id: IBKR's operation id; ``undocumented...`` if IBKR's specification lacks the operation.
        method: HTTP method.
        path: path template below ``/v1/api``; a path that starts with ``/gw`` or ``/oauth2`` is
            below the host's root.
        group: group in ``client.api``, such as ``portfolio``; in ``client.oauth_api`` if
            ``needs_oauth``.
        python_name: name of the method in that group.
        summary: one-line description.
        idempotent: whether sending the call twice has the same effect as sending it once.
        limit: key of the operation's own rate limit; empty if only the session's limit applies.
        response: type of the method's return value, as text: ``None``, ``str``, ``Any``,
            ``BinaryResponse``, or models with their modules in `bezant.models`, such as
            ``list[orders.Execution]``.
        needs_oauth: whether only IBKR's own host serves the operation, to clients that sign in with
            OAuth.
    """

    id: str
    method: str
    path: str
    group: str
    python_name: str
    summary: str
    idempotent: bool
    limit: str
    response: str
    needs_oauth: bool

    @property
    def response_type(self) -> Any:
        """Type of the method's return value, such as ``list[Execution]``."""
        return _type_of(self.response)

    def __str__(self) -> str:
        return f"{self.group}.{self.python_name}: {self.method} {self.path}"


def _entry(place: str) -> OperationEntry:
    endpoint = cast("Endpoint", value_at(place))
    operation = endpoint.operation
    group, _, constant = place.partition(".")
    return OperationEntry(
        endpoint.id,
        operation.method,
        operation.path,
        group,
        constant.lower(),
        endpoint.summary,
        operation.idempotent,
        operation.limit,
        endpoint.response,
        operation.needs_oauth,
    )


_PLAIN: Final[Mapping[str, Any]] = {
    "Any": Any,
    "BinaryResponse": BinaryResponse,
    "None": type(None),
    "str": str,
}


def _type_of(text: str) -> Any:
    outer, _, inner = text.removesuffix("]").partition("[")
    if outer == "list":
        return GenericAlias(list, (_type_of(inner),))
    if outer == "dict":
        return GenericAlias(dict, (str, _type_of(inner.removeprefix("str, "))))
    module, _, name = text.rpartition(".")
    if not module:
        return _PLAIN[text]
    return getattr(import_module(f".models.{module}", __package__), name)


_ENTRIES: Final = {place: _entry(place) for place in _PLACES.values()}

OPERATIONS: Final[Mapping[str, OperationEntry]] = MappingProxyType(
    {entry.id: entry for entry in _ENTRIES.values()}
)
"""All operations of the API, by IBKR's operation id."""

_WORD: Final = re.compile(r"[a-z0-9]+")


def by_path(method: str, path: str) -> OperationEntry | None:
    """Find an operation by the method and path of its call.

    Args:
        method: HTTP method.
        path: a path template, in which the parameters may have any names, or a path with values
            instead of parameters; a leading ``/v1/api`` is ignored.

    Returns:
        The operation whose path fits; if several fit, the one with the fewest parameters; None if
        none fits.

    Raises:
        InvalidRequest: an argument is not text.
    """
    for name, given in (("method", method), ("path", path)):
        if not isinstance(given, str):
            raise InvalidRequest(f"{name} must be text, not {shown(given)}")
    wanted = path.split("?")[0].removeprefix("/v1/api").rstrip("/")
    return _ENTRIES.get(find(method.upper(), wanted) or "")


def search(words: str) -> list[OperationEntry]:
    """Find the operations that contain all given words in their id, path, name or summary.

    The result begins with the operations that have the most of the words in id, path or name.

    Args:
        words: the words, such as ``place order``; case does not matter.

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
