"""What all models share."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T")

Maybe: TypeAlias = T | None | UnsetType
"""A value that may be missing: None where the gateway sent null or ``""``, UNSET where it sent
nothing, or something that could not be read."""


class Model(msgspec.Struct, kw_only=True, frozen=True):
    """A typed answer of the gateway.

    A field that the answer did not have, or whose value could not be read, is ``UNSET``; one that
    the gateway left empty is None. Both are false in a condition.
    """


__all__ = ["UNSET", "Maybe", "Model", "UnsetType"]
