"""Reads async source files, applies their markers (`async-only`, `sync-only`), reports problems."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

FEATURES = (3, 11)  # the oldest Python that bezant supports; the sources use its syntax

MARKER = re.compile(r"\s*#\s*<(/?)(async|sync)-only>\s*")
SYNC_LINE = re.compile(r"(\s*)# ?(.*)")


class Pair(NamedTuple):
    """A folder of async source files, and the folder of blocking files generated from it.

    Attributes:
        source: folder of the async source.
        target: folder of the generated twin.
        forbidden: modules that the source may not import.
        markers: whether the source may contain `async-only` and `sync-only` markers.
    """

    source: str
    target: str
    forbidden: frozenset[str]
    markers: bool


class Problem(NamedTuple):
    """A reason why a run of the generator fails. The command prints it as `str(problem)`."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        """Return the line to print: `path:line: text`, or `path: text` about the whole file."""
        return f"{self.path}:{self.line}: {self.text}" if self.line else f"{self.path}: {self.text}"


@dataclass
class Source:
    """One async source file, with its markers applied."""

    pair: Pair
    path: str
    target: str
    text: str
    # `tree` is parsed from `blanked`: the text with a blank line in place of each line that the
    # markers drop, so that its line numbers are those of the file.
    tree: ast.Module
    blanked: str
    lines: list[int]  # for each line of `text`, its line number in the file


def apply_markers(text: str, path: str, *, allowed: bool) -> tuple[list[str | None], set[Problem]]:
    """Apply a file's markers.

    Args:
        text: the file's text.
        path: the file's path, for the problems.
        allowed: whether the file may contain markers.

    Returns:
        The lines for the generated file, with None for each line to drop; and the problems.
    """
    lines: list[str | None] = []
    problems: set[Problem] = set()
    kind, opened = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if found := MARKER.fullmatch(line):
            closes, name = bool(found[1]), found[2]
            if not allowed:
                problems.add(
                    Problem(path, number, "marker in the library: its twins must not differ")
                )
            elif closes is not bool(kind) or (closes and name != kind):
                problems.add(Problem(path, number, f"marker {line.strip()!r} does not pair up"))
            kind, opened = ("", 0) if closes else (name, number)
            lines.append(None)
        elif kind == "async":
            lines.append(None)
        elif kind == "sync" and line.strip():
            comment = SYNC_LINE.fullmatch(line)
            if not comment:
                problems.add(Problem(path, number, "a line between sync-only markers is a comment"))
            lines.append(comment[1] + comment[2] if comment else line)
        else:
            lines.append(line)
    if kind:
        problems.add(Problem(path, opened, f"marker <{kind}-only> is never closed"))
    return lines, problems


def read_source(root: Path, pair: Pair, file: Path) -> Source | set[Problem]:
    """Read one async source file. If there are problems, return the problems instead."""
    path = file.relative_to(root).as_posix()
    try:
        text = file.read_bytes().decode().replace("\r\n", "\n")
        tree = ast.parse(text, feature_version=FEATURES)
    except SyntaxError as error:
        return {Problem(path, error.lineno or 0, f"does not parse: {error.msg}")}
    except ValueError as error:
        return {Problem(path, 0, f"does not parse: {error}")}
    lines, problems = apply_markers(text, path, allowed=pair.markers)
    if problems:
        return problems
    blanked = "\n".join(line or "" for line in lines)
    try:
        if blanked != text:
            tree = ast.parse(blanked, feature_version=FEATURES)
    except SyntaxError as error:
        return {Problem(path, error.lineno or 0, f"output does not parse: {error.msg}")}
    return Source(
        pair=pair,
        path=path,
        target=pair.target + path.removeprefix(pair.source),
        text="\n".join(line for line in lines if line is not None),
        tree=tree,
        blanked=blanked,
        lines=[number for number, line in enumerate(lines, 1) if line is not None],
    )


def python_files(folder: Path) -> list[Path]:
    """Return the Python files below a folder, in a fixed order."""
    return sorted(p for p in folder.rglob("*.py") if "__pycache__" not in p.parts and p.is_file())
