"""Tests that the async and the blocking classes have the same public interface."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import bezant
from bezant import (
    AsyncBulk,
    AsyncClient,
    AsyncContracts,
    AsyncKeepalive,
    AsyncOptionChain,
    AsyncOptionContracts,
    AsyncOptionExpiry,
    AsyncSession,
    AsyncSessionEvents,
    AsyncSubscription,
    AsyncSymbolCache,
    AsyncWsClient,
)
from bezant._runtime import _async, _sync

RENAMED = {"aclose": "close", "__aenter__": "__enter__", "__aexit__": "__exit__",
           "__aiter__": "__iter__", "__anext__": "__next__"}  # fmt: skip


def face(cls: type) -> dict[str, Any]:
    """Return the public members of a class, by the names that they have in the blocking class."""
    return {
        RENAMED.get(name, name): value
        for base in reversed(cls.__mro__)
        if base.__module__.startswith("bezant.")
        for name, value in vars(base).items()
        if not name.startswith("_") or name in RENAMED or name in RENAMED.values()
    }


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    if isinstance(function, classmethod | staticmethod):
        function = function.__func__
    signature = inspect.signature(function)
    return [(each.name, each.kind, each.default) for each in signature.parameters.values()]


def assert_same_face(one: type, other: type) -> None:
    first, second = face(one), face(other)
    assert set(first) == set(second)
    for name, value in first.items():
        if isinstance(value, property):
            assert isinstance(second[name], property), name
        elif callable(value) or isinstance(value, classmethod):
            assert parameters(value) == parameters(second[name]), name


def test_the_runtime_pair_has_the_same_names() -> None:
    assert _async.__all__ == _sync.__all__
    assert set(_async.__all__) <= set(dir(_async)) & set(dir(_sync))


CLASSES = [
    "Notifier",
    "Event",
    "HttpTransport",
    "SharedLimitStore",
    "Lock",
    "Owner",
    "StateLock",
    "Waker",
    "WebSocket",
    "Worker",
]


@pytest.mark.parametrize("name", CLASSES)
def test_the_runtime_pair_has_the_same_parameters(name: str) -> None:
    assert_same_face(getattr(_async, name), getattr(_sync, name))


def test_the_runtime_functions_have_the_same_parameters() -> None:
    for name in ("sleep", "call", "call_within", "caller", "guarded", "run_blocking"):
        assert parameters(getattr(_async, name)) == parameters(getattr(_sync, name))
    assert set(_async.__all__) == {
        *CLASSES,
        "Connecting",
        "ContractStore",
        "ProcessRateLimiter",
        "OrderTurns",
        "Promise",
        "call",
        "call_within",
        "caller",
        "chance",
        "connecting",
        "guarded",
        "limiter_for",
        "monotonic",
        "order_turns_for",
        "run_blocking",
        "sleep",
        "wall_time",
    }


@pytest.mark.parametrize(
    "cls",
    [
        AsyncBulk,
        AsyncClient,
        AsyncKeepalive,
        AsyncSession,
        AsyncSessionEvents,
        AsyncSubscription,
        AsyncContracts,
        AsyncOptionChain,
        AsyncOptionContracts,
        AsyncOptionExpiry,
        AsyncSymbolCache,
        AsyncWsClient,
    ],
)
def test_the_twins_have_the_same_face(cls: type) -> None:
    twin = getattr(bezant, cls.__name__.removeprefix("Async"))
    assert_same_face(cls, twin)
    for name, value in face(twin).items():
        text = inspect.getdoc(value) or ""
        assert "sync" not in text.lower(), name
        assert "await" not in text, name
        if not name.startswith("_"):
            assert text, f"{twin.__name__}.{name} has no docstring"
