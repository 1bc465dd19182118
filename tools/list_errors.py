"""List the texts of all errors that bezant raises, as a table for review.

`python tools/list_errors.py` prints one row for each `raise X("text")` of the package: file, line,
class and text. `{...}` marks a part that is filled in at run time. The generated blocking twin is
left out. Arguments limit the list to files and folders: `python tools/list_errors.py bezant/_core`.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
GENERATED = ROOT / "bezant" / "_sync"


class Row(NamedTuple):
    """One `raise` statement of the package, as a row of the table.

    Attributes:
        place: path and line, such as `bezant/operations.py:86`.
        error: name of the exception class.
        text: the error's message; empty if the message is computed elsewhere.
    """

    place: str
    error: str
    text: str


def text_of(node: ast.expr, names: dict[str, ast.expr]) -> str:
    """Return the message that an expression builds, with `{...}` for each value inserted later.

    Args:
        node: the expression.
        names: expressions that were assigned to variables before.
    """
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(text_of(part, names) for part in parts)
        case ast.FormattedValue(value=value):
            return f"{{{ast.unparse(value)}}}"
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return text_of(left, names) + text_of(right, names)
        case ast.Name(id=name) if name in names:
            return text_of(names.pop(name), names)
        case _:
            return f"{{{ast.unparse(node)}}}"


def rows_of(source: str, name: str) -> Iterator[Row]:
    """Yield a row for each exception that a module raises with arguments.

    Args:
        source: the module's text.
        name: path of the module, for the rows.
    """
    tree = ast.parse(source)
    assigned = _assigned_before(tree)
    raised = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    for node in sorted(raised, key=lambda node: node.lineno):
        if isinstance(call := node.exc, ast.Call):
            text = text_of(call.args[0], dict(assigned[node])) if call.args else ""
            yield Row(f"{name}:{node.lineno}", ast.unparse(call.func), text)


def _assigned_before(tree: ast.Module) -> dict[ast.Raise, dict[str, ast.expr]]:
    """Return, for each `raise`, the expressions that were assigned to variables above it."""
    found: dict[ast.Raise, dict[str, ast.expr]] = {}
    names: dict[str, ast.expr] = {}
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.Raise)]
    for node in sorted(nodes, key=lambda node: node.lineno):
        if isinstance(node, ast.Raise):
            found[node] = dict(names)
        elif isinstance(target := node.targets[0], ast.Name):
            names[target.id] = node.value
    return found


def rows(paths: list[Path]) -> list[Row]:
    """Return the rows of all Python files at or below some paths, ordered by file and line."""
    files = {file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py"))}
    found: list[Row] = []
    for file in sorted(files):
        if GENERATED not in file.parents:
            name = file.resolve().relative_to(ROOT).as_posix()
            found += rows_of(file.read_text(encoding="utf-8"), name)
    return found


def main() -> None:
    """Print the table of errors."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, default=[ROOT / "bezant"])
    found = rows([path.resolve() for path in parser.parse_args().paths])
    places = max((len(row.place) for row in found), default=0)
    errors = max((len(row.error) for row in found), default=0)
    for row in found:
        text = " ".join(row.text.split())
        print(f"{row.place:{places}}  {row.error:{errors}}  {text}")


if __name__ == "__main__":
    main()
