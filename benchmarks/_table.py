"""Rows of the table of benchmark results, and the table as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks._timing import Spread


@dataclass(frozen=True)
class Row:
    """One row of the result table: a comparison or a figure.

    Attributes:
        subject: group of the row, such as ``calls``.
        what: the measured work.
        peer: library with which bezant is compared; empty if the row is about bezant alone.
        value: bezant's cost divided by the peer's cost; without a peer, a figure of bezant.
        unit: unit of the figure; ``x`` for a ratio.
        ours: bezant's cost as text, such as a time.
        limit: target: `value` must not be above this limit; None if there is no target.
    """

    subject: str
    what: str
    peer: str
    value: Spread
    unit: str = "x"
    ours: str = ""
    limit: float | None = None

    @property
    def verdict(self) -> str:
        if self.limit is None:
            return ""
        return "yes" if self.value.middle <= self.limit else "NO"

    def cells(self) -> list[str]:
        value = self.value
        target = "" if self.limit is None else f"≤ {_number(self.limit)}"
        same = value.low == value.high
        between = "" if same else f"{_number(value.low)} to {_number(value.high)}"
        unit = "" if self.unit == "x" else f" {self.unit}"
        return [
            self.subject,
            self.what,
            self.peer,
            self.ours,
            _number(value.middle) + unit,
            between,
            target,
            self.verdict,
        ]


HEAD = ["subject", "what", "against", "bezant", "ratio or figure", "quartiles", "target", "met"]


def _number(value: float) -> str:
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def duration(seconds: float) -> str:
    """Return a time as text, in s, ms or µs."""
    for factor, unit in ((1.0, "s"), (1e3, "ms")):
        if seconds * factor >= 1:
            return f"{_number(seconds * factor)} {unit}"
    return f"{_number(seconds * 1e6)} µs"


def text(rows: Sequence[Row]) -> str:
    """Return the table as plain text."""
    cells = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)) for line in cells]  # noqa: B905
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def markdown(rows: Sequence[Row]) -> str:
    """Return the table as Markdown."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    return "\n".join(lines)
