"""`Problem`: a reason why a run of the generator fails."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """Reason why a run fails; `str(problem)` is the line that the command prints."""

    path: str
    text: str

    def __str__(self) -> str:
        """Return `path: text`."""
        return f"{self.path}: {self.text}"
