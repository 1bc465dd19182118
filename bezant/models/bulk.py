"""What comes of each item of a bulk map."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar, cast

from .._wire.record import Record

T = TypeVar("T")
R = TypeVar("R")


class Outcome(Record, Generic[T, R], frozen=True):
    """What came of one item of `Client.map`.

    Attributes:
        item: the item.
        index: its place among the items, from 0.
        error: what the function raised, None where it returned.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"_value"})

    item: T
    index: int
    error: Exception | None = None
    _value: R | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.error is None

    @property
    def value(self) -> R:
        """What the function returned.

        Raises:
            Exception: what it raised instead.
        """
        if self.error is not None:
            raise self.error
        return cast("R", self._value)


class Progress(Record, frozen=True):
    """How far a bulk map has come.

    Attributes:
        done: items that were handed out, failed ones included.
        failed: how many of them failed.
        total: how many there are; None where the items do not say.
    """

    done: int
    failed: int
    total: int | None
