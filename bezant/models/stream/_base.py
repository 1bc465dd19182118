"""Base classes of the messages of a stream: their reprs show no secrets."""

from __future__ import annotations

from typing import Any

import msgspec

from ..._wire.redaction import without_secrets
from .._base import Model, pairs


class StreamMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message of a stream."""

    def __repr__(self) -> str:
        there = ", ".join([f"{name}={value!r}" for name, value in self.__rich_repr__()])
        return f"{type(self).__name__}({there})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return _shown(self)


class MessageModel(Model, frozen=True, kw_only=True):
    """Stream message of the gateway; each of its fields may be missing."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return _shown(self)


def _shown(message: msgspec.Struct) -> list[tuple[str, Any]]:
    return [(name, without_secrets(value, name)) for name, value in pairs(message)]
