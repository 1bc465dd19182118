"""What all models share."""

from __future__ import annotations

from typing import Any, Self, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T")

Maybe: TypeAlias = T | None | UnsetType
"""A value that may be missing: None where the gateway sent null or ``""``, UNSET where it sent
nothing, or something that could not be read."""


class Model(msgspec.Struct, kw_only=True, frozen=True):
    """A typed answer of the gateway.

    A field that the answer did not have, or whose value could not be read, is ``UNSET``; one that
    the gateway left empty is None. Both are false in a condition. A repr leaves the former out.
    """

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Return a model of JSON that you kept, as a client reads it.

        It fills the same fields from the same spellings, and gives a `DriftWarning` for each value
        that does not fit. Threads may use it at once; with a msgspec decoder of your own they may
        not, until each type was decoded once.

        Args:
            data: one JSON object, such as a response's body.

        Raises:
            DecodeError: it is not JSON, or no object, or the model is one for requests only.
        """
        # Late, because the core's modules import this one.
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
    """Return a model's fields and their values, but for those that are UNSET."""
    found = [(name, getattr(model, name)) for name in model.__struct_fields__]
    return [pair for pair in found if pair[1] is not UNSET]


__all__ = ["UNSET", "Maybe", "Model", "UnsetType"]
