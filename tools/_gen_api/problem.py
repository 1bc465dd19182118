"""Problems that make a run fail."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """Reason why a run fails; `str()` of it is the line that is printed."""

    path: str
    text: str

    def __str__(self) -> str:
        """Return `path: text`."""
        return f"{self.path}: {self.text}"
