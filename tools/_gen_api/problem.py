"""What is wrong, in a line that is printed."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """Why a run fails; `str()` of it is the line that is printed."""

    path: str
    text: str

    def __str__(self) -> str:
        """`path: text`."""
        return f"{self.path}: {self.text}"
