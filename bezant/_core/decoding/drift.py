"""`Drift`: report of a response field that does not have the type that the model declares."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Drift(NamedTuple):
    """Report that a response field does not have the type that the model declares.

    Attributes:
        operation: the call, such as ``GET /iserver/accounts``, or the topic of a stream.
        model: name of the model.
        field: name of the field in the JSON.
        expected: type that the model declares.
        found: JSON type that the gateway sent. The report never contains the value itself.
    """

    operation: str
    model: str
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        return (
            f"{self.operation}: {self.model}.{self.field} should be {self.expected}, "
            f"but the gateway sent {self.found}"
        )


Report = Callable[[Drift], None]
