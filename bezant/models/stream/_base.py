"""Base classes of the messages of a stream. The messages' reprs show no secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..._wire.redaction import without_secrets
from .._base import Model, Portable, pairs


class StreamMessage(Portable, frozen=True, kw_only=True):
    """A message of a stream."""

    def __repr__(self) -> str:
        there = ", ".join([f"{name}={value!r}" for name, value in self.__rich_repr__()])
        return f"{type(self).__name__}({there})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return _shown(self)


class MessageModel(Model, frozen=True, kw_only=True):
    """Message that the gateway sends on a stream; each of its fields may be missing."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return _shown(self)


class StateModel(MessageModel, frozen=True, kw_only=True):
    """Message of a stream, completed with values from earlier messages.

    The gateway sends only the values that changed. The stream adds the values that the gateway sent
    before on the same connection.
    """

    changed: frozenset[str] = msgspec.field(default=frozenset(), name="bezant:changed")
    raw: Mapping[str, Any] = {}

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        changed, raw, *fields = _shown(self)
        return [*fields, ("changed", sorted(changed[1])), raw]


def _shown(message: msgspec.Struct) -> list[tuple[str, Any]]:
    return [(name, without_secrets(value, name)) for name, value in pairs(message)]
