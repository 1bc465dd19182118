"""Problems that make a run of the generator fail."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """A reason why a run of the generator fails. The command prints it as `str(problem)`."""

    path: str
    text: str

    def __str__(self) -> str:
        """Return the line to print: `path: text`."""
        return f"{self.path}: {self.text}"
