"""One operation of CPAPI."""

from __future__ import annotations

from ..._wire.record import Record
from ...errors import Refused


class Operation(Record, frozen=True):
    """One call of CPAPI.

    Attributes:
        method: HTTP method.
        path: path template below the base path, such as ``/portfolio/{accountId}/ledger``.
        idempotent: whether sending it twice has the same effect as sending it once.
        root: whether the path hangs off the host's root and not off the base path.
        wrap_as: what an answer of the other outer shape stands for. ``[]``: an object is a list
            of one. A field's name: a list is an object with that field.
        refusal: what an error inside an answer with status 200 is raised as.
        name: how errors and logs name it.
    """

    method: str
    path: str
    idempotent: bool
    root: bool = False
    wrap_as: str = ""
    refusal: type[Refused] = Refused

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"
