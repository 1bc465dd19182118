"""Base class of all models."""

from __future__ import annotations

from typing import Any, Self, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T")

Maybe: TypeAlias = T | None | UnsetType
"""A value that may be missing: None if the gateway sent null or ``""``, UNSET if it sent nothing or
a value that could not be read."""


class Model(msgspec.Struct, kw_only=True, frozen=True):
    """Typed response of the gateway.

    A field is ``UNSET`` if the response does not have it or its value could not be read, and None
    if the gateway left it empty. Both are false in a condition. The repr leaves out ``UNSET``
    fields.
    """

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Decode stored JSON into the model, exactly as a client does.

        It accepts the same spellings, and issues a `DriftWarning` for each value that does not fit.
        It is thread-safe. A msgspec decoder of your own is not, until each type was decoded once.

        Args:
            data: one JSON object, such as the body of a response.

        Raises:
            DecodeError: the data is not a JSON object, or the model is for requests only.
        """
        # Imported here, because the core's modules import this one.
        from .._core.decoding.reading import from_json
        from .._runtime._shared.inspection import lock_inspections

        lock_inspections()
        return from_json(data, cls)

    def __repr__(self) -> str:
        there = ", ".join([f"{name}={value!r}" for name, value in self.__rich_repr__()])
        return f"{type(self).__name__}({there})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return pairs(self)


def pairs(model: msgspec.Struct) -> list[tuple[str, Any]]:
    """Return a model's field names and values, without the fields that are UNSET."""
    found = [(name, getattr(model, name)) for name in model.__struct_fields__]
    return [pair for pair in found if pair[1] is not UNSET]


__all__ = ["UNSET", "Maybe", "Model", "UnsetType"]
