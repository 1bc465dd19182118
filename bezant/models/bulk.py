"""`Outcome` and `Progress` of bulk work with `Client.map`."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar, cast

from .._wire.record import Record

T = TypeVar("T")
R = TypeVar("R")


class Outcome(Record, Generic[T, R], frozen=True):
    """Outcome of one item of `Client.map`: a value or an error.

    Attributes:
        item: the item.
        index: index of the item among all items, from 0.
        error: the error that the function raised; None if the function returned a value.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"_value"})

    item: T
    index: int
    error: Exception | None = None
    _value: R | None = None

    @property
    def ok(self) -> bool:
        """Whether the function returned a value for this item."""
        return self.error is None

    @property
    def value(self) -> R:
        """The value that the function returned for this item.

        Raises:
            Exception: the error that the function raised instead.
        """
        if self.error is not None:
            raise self.error
        return cast("R", self._value)


class Progress(Record, frozen=True):
    """Progress of bulk work with `Client.map` or `Client.gather`.

    Attributes:
        done: number of outcomes so far, failed items included.
        failed: number of failed items so far.
        total: number of all items; None if ``items`` has no length.
    """

    done: int
    failed: int
    total: int | None
