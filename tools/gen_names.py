"""Write the lists of public names that bezant uses at run time.

Each public name is listed once by hand: in the ``TYPE_CHECKING`` block of a package, or as a class
in ``bezant/errors.py``. ``python tools/gen_names.py`` writes two lists from these names: `_HOMES`,
which says from which module a name is loaded, and `__all__`. ``--check`` compares the lists and
writes nothing.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterable
from pathlib import Path

PACKAGES = ("bezant/__init__.py", "bezant/models/__init__.py")
CLASSES = ("bezant/errors.py",)


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names as ruff sorts `__all__`: constants, classes, the rest."""
    return sorted(set(names), key=lambda name: (not name.isupper(), not name[0].isupper(), name))


def rendered(source: str) -> str:
    """Return a module's source with new `_HOMES` and `__all__`.

    Raises:
        ValueError: a list is missing, or a name is listed twice.
    """
    tree = ast.parse(source)
    assigned = {
        node.targets[0].id: node
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    if "__all__" not in assigned:
        raise ValueError("__all__ is missing: add an empty list")
    lists: dict[str, str] = {}
    if "_HOMES" in assigned:
        homes = _homes(tree)
        names = [name for found in homes.values() for name in found]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"{', '.join(sorted(twice))}: listed twice in the TYPE_CHECKING block")
        lists["_HOMES"] = _mapping(homes)
        # The package also exports the names that it imports outside the TYPE_CHECKING block, such
        # as `__version__`.
        names += [each.name for node in _imports(tree.body) for each in node.names]
    else:
        names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    public = [name for name in in_order(names) if name[0] != "_" or name == "__version__"]
    lists["__all__"] = _sequence(public)
    lines = source.splitlines()
    for name in sorted(lists, key=lambda name: assigned[name].lineno, reverse=True):
        node = assigned[name]
        lines[node.lineno - 1 : node.end_lineno] = lists[name].splitlines()
    return "\n".join(lines) + "\n"


def _homes(tree: ast.Module) -> dict[str, list[str]]:
    """Return the names in the TYPE_CHECKING block, by module."""
    homes: dict[str, list[str]] = {}
    for block in tree.body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for node in _imports(block.body):
                homes.setdefault(node.module or "", []).extend(each.name for each in node.names)
    return homes


def _imports(body: list[ast.stmt]) -> list[ast.ImportFrom]:
    """Return the imports from modules of the package itself."""
    return [
        node
        for node in body
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module
    ]


def _mapping(homes: dict[str, list[str]]) -> str:
    lines = ["_HOMES = {"]
    for home in sorted(homes):
        names = in_order(homes[home])
        if len(names) == 1:
            lines.append(f'    "{home}": ("{names[0]}",),')
        else:
            lines += [f'    "{home}": (', *(f'        "{name}",' for name in names), "    ),"]
    return "\n".join([*lines, "}"])


def _sequence(names: Iterable[str]) -> str:
    return "\n".join(["__all__ = [", *(f'    "{name}",' for name in names), "]"])


def main() -> int:
    """Write the lists, or compare them with `--check`; return the exit status."""
    parser = argparse.ArgumentParser(description="Write the run-time lists of public names.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent)
    options = parser.parse_args()
    stale: list[str] = []
    for path in (*PACKAGES, *CLASSES):
        file: Path = options.root / path
        source = file.read_text(encoding="utf-8")
        try:
            text = rendered(source)
        except ValueError as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 1
        if text != source:
            stale.append(path)
            if not options.check:
                file.write_text(text, encoding="utf-8")
    for path in stale:
        print(f"{path}: {'run python tools/gen_names.py' if options.check else 'written'}")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    raise SystemExit(main())
