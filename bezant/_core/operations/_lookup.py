"""Finds a known operation by the method and path of a call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from importlib import import_module
from typing import Final
from urllib.parse import unquote

import msgspec

from ..http.operation import Operation
from ._base import Endpoint
from ._index import OPERATIONS, RAW

_PARAMETER: Final = "{"


def known(operation: Operation) -> Operation:
    """Return a raw call's operation, completed with what bezant knows about its method and path.

    The path stays as the caller gave it, and the response is not reshaped. An operation that bezant
    does not know is returned unchanged.
    """
    place = find(operation.method, operation.path)
    if place is None:
        return operation
    return msgspec.structs.replace(
        row_at(place),
        method=operation.method,
        path=operation.path,
        root=operation.root,
        wrap_as=operation.wrap_as,
    )


@lru_cache(maxsize=512)
def find(method: str, path: str) -> str | None:
    """Return where a call's operation is defined.

    If several operations match the path, the one with the fewest path parameters is chosen.

    Args:
        method: HTTP method.
        path: path below the base path, percent-encoded or not.

    Returns:
        Module and constant of the operation, joined by a dot; None if no operation has this method
        and path.
    """
    for segments in _readings(path):
        for template, place in _templates().get((method, len(segments)), ()):
            if all(
                ours == theirs or (ours.startswith(_PARAMETER) and theirs)
                for ours, theirs in zip(template, segments, strict=True)
            ):
                return place
    return None


def _readings(path: str) -> Iterator[Sequence[str]]:
    yield [unquote(segment) for segment in path.split("/")]
    if "%" in path:  # a proxy may decode an encoded slash
        yield unquote(path).split("/")


@cache
def _templates() -> dict[tuple[str, int], list[tuple[tuple[str, ...], str]]]:
    """Return the path segments of each operation and the place where it is defined.

    The keys of the result are HTTP method and number of segments. A place is a module and a
    constant, joined by a dot.
    """
    found: dict[tuple[str, int], list[tuple[tuple[str, ...], str]]] = {}
    rows = [*OPERATIONS.items(), *RAW.items()]
    for call, place in sorted(rows, key=lambda row: row[0].count(_PARAMETER)):
        method, _, path = call.partition(" ")
        segments = tuple(path.split("/"))
        found.setdefault((method, len(segments)), []).append((segments, place))
    return found


@cache
def row_at(place: str) -> Operation:
    """Return the operation that `place`, a module and a constant joined by a dot, refers to."""
    found = value_at(place)
    return found.operation if isinstance(found, Endpoint) else found


def value_at(place: str) -> Endpoint | Operation:
    """Return the constant at `place`: an `Endpoint` if `client.api` has a method for it."""
    module, _, constant = place.partition(".")
    found: Endpoint | Operation = getattr(import_module(f"{__package__}.{module}"), constant)
    return found
