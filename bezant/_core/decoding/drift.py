"""Values of a response that do not fit their model."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Drift(NamedTuple):
    """A field whose value did not have the type that the model says.

    Attributes:
        operation: the call whose answer it was in.
        model: the model's name.
        field: the field's name on the wire.
        expected: the type in the model.
        found: the JSON type that came; never the value.
    """

    operation: str
    model: str
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        return (
            f"{self.operation}: {self.model}.{self.field} should be {self.expected}, "
            f"the gateway sent {self.found}"
        )


Report = Callable[[Drift], None]
