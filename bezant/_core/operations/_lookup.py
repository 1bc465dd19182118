"""Finds the row of an operation by the method and path of a call."""

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
    """Return a raw call's operation with the facts of its row; unchanged if no row fits.

    The path stays as the caller gave it, and the response keeps its shape.
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
    """Return the place of a call's row; of several rows, that with the fewest parameters.

    Args:
        method: HTTP method.
        path: path below the base path, percent-encoded or not.

    Returns:
        Module and constant of the row, or None if no operation has this path.
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
    if "%" in path:  # the path is decoded, because a proxy may decode slashes
        yield unquote(path).split("/")


@cache
def _templates() -> dict[tuple[str, int], list[tuple[tuple[str, ...], str]]]:
    """Return the segments and places of all rows, by method and number of segments."""
    found: dict[tuple[str, int], list[tuple[tuple[str, ...], str]]] = {}
    rows = [*OPERATIONS.items(), *RAW.items()]
    for call, place in sorted(rows, key=lambda row: row[0].count(_PARAMETER)):
        method, _, path = call.partition(" ")
        segments = tuple(path.split("/"))
        found.setdefault((method, len(segments)), []).append((segments, place))
    return found


@cache
def row_at(place: str) -> Operation:
    """Return a row by its module and constant."""
    found = value_at(place)
    return found.operation if isinstance(found, Endpoint) else found


def value_at(place: str) -> Endpoint | Operation:
    """Return the value of a row's constant: an `Endpoint` if the operation has a method."""
    module, _, constant = place.partition(".")
    found: Endpoint | Operation = getattr(import_module(f"{__package__}.{module}"), constant)
    return found
