"""Catalogue of all endpoints with their response types, and of all models."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import bezant.models
from bezant._core import operations
from bezant._core.operations._base import Endpoint
from bezant._core.operations._index import OPERATIONS
from bezant.models._base import Model

SHARED = Path(__file__).parents[2].parent / "shared"
DOCUMENT = SHARED / "spec" / "ibkr-openapi-2.29.json"
OLD_DOCUMENT = SHARED / "spec" / "ibkr-openapi-2.28-raw.json"
ADDITIONS = SHARED / "spec" / "operations-2.39-additions.json"
FIXTURES = SHARED / "fixtures"


def shared(path: Path) -> Any:
    """Return the content of a shared JSON file, or skip the test if it is missing."""
    if not path.exists():
        pytest.skip(f"reference data is not here: {path}")
    return json.loads(path.read_text())


def _groups() -> list[str]:
    names = [each.name for each in pkgutil.iter_modules(operations.__path__)]
    return [name for name in names if not name.startswith("_")]


GROUPS = _groups()
ENDPOINTS: list[Endpoint] = [
    each
    for group in GROUPS
    for each in vars(importlib.import_module(f"bezant._core.operations.{group}")).values()
    if isinstance(each, Endpoint)
]
BY_CALL = {each.operation.name: each for each in ENDPOINTS}


def group_of(endpoint: Endpoint) -> str:
    """Return the name of an endpoint's group, such as "orders"."""
    return OPERATIONS[endpoint.operation.name].partition(".")[0]


OAUTH_GROUPS = sorted({group_of(each) for each in ENDPOINTS if each.operation.needs_oauth})


def name_of(endpoint: Endpoint) -> str:
    """Return the name of an endpoint's method."""
    return OPERATIONS[endpoint.operation.name].partition(".")[2].lower()


def class_of(group: str, kind: str) -> type:
    """Return the class with a group's methods, in the async or the blocking client."""
    module = importlib.import_module(f"bezant._{kind}.api.{group}")
    prefix = "Async" if kind == "async" else ""
    name = prefix + "".join(part.title() for part in group.split("_")) + "Api"
    found: type = getattr(module, name)
    return found


def answer_of(endpoint: Endpoint) -> Any:
    """Return the return type of an endpoint's method."""
    method = getattr(class_of(group_of(endpoint), "async"), name_of(endpoint))
    return typing.get_type_hints(method)["return"]


def _models() -> Iterator[type[msgspec.Struct]]:
    for each in pkgutil.iter_modules(bezant.models.__path__):
        if each.name.startswith("_") or each.name == "stream":
            continue
        module = importlib.import_module(f"bezant.models.{each.name}")
        for value in vars(module).values():
            own = inspect.isclass(value) and value.__module__ == module.__name__
            if own and issubclass(value, Model):
                yield value


MODELS = list(_models())


def _structs(hint: Any, found: set[type[msgspec.Struct]]) -> set[type[msgspec.Struct]]:
    """Add the models that occur in a type to `found`, and return `found`."""
    if inspect.isclass(hint) and issubclass(hint, msgspec.Struct) and hint not in found:
        found.add(hint)
        for each in typing.get_type_hints(hint).values():
            _structs(each, found)
    for each in typing.get_args(hint):
        _structs(each, found)
    return found


def _received() -> set[type[msgspec.Struct]]:
    found: set[type[msgspec.Struct]] = set()
    for each in ENDPOINTS:
        _structs(answer_of(each), found)
    return found


RECEIVED = _received()


def is_sent(model: type[msgspec.Struct]) -> bool:
    """Return whether a model occurs only in requests, so that no method returns it."""
    return model not in RECEIVED
