"""Tests that the reprs of plain value classes show no secrets."""

from __future__ import annotations

import copy
import pickle

import pytest

from bezant import Outcome
from bezant._core.http.messages import Payload, Response
from bezant._core.http.operation import Operation
from bezant._core.settings.connection import PacingStore, Tls


def test_hidden_fields_are_not_shown() -> None:
    store = PacingStore("redis", "redis://:secret@host/0", "name")
    assert repr(store) == "PacingStore(kind='redis', name='name')"
    # The library rich calls this method instead of `repr`.
    assert store.__rich_repr__() == [("kind", "redis"), ("name", "name")]
    assert repr(Response(200, {"set-cookie": "secret"}, b"secret")) == "Response(status=200)"
    assert "secret" not in repr(Payload(b"secret")) + repr(Tls("context", context="secret"))
    assert repr(Outcome("item", 0, None, "secret")) == "Outcome(item='item', index=0, error=None)"


def test_values_are_equal_by_their_fields_and_do_not_change() -> None:
    operation = Operation("GET", "/x", idempotent=True)
    assert operation == Operation("GET", "/x", idempotent=True)
    assert operation != Operation("GET", "/y", idempotent=True)
    assert len({operation, copy.copy(operation), pickle.loads(pickle.dumps(operation))}) == 1
    with pytest.raises(AttributeError):
        operation.path = "/z"  # type: ignore[misc]
