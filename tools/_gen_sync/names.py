"""Finds the names to rename for the blocking twin of the code, and checks the async source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import unasync  # type: ignore[import-untyped]

from .reading import Problem, Source

PREFIXED = re.compile(r"(_*)Async([A-Z]\w*)")
ESCAPE = re.compile(r"\\[abfnrtv]")
# unasync renames these names by itself.
BUILT_IN: Mapping[str, str] = unasync.Rule("", "").token_replacements

Scope = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Binding(NamedTuple):
    """Name that a scope binds by a definition, assignment or import."""

    name: str
    line: int
    imported: bool


def bindings(scope: Scope) -> Iterator[Binding]:
    """Yield the names that a scope binds itself, without those of functions and classes in it."""
    stack = list(ast.iter_child_nodes(scope))
    while stack:
        node = stack.pop()
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield Binding(node.name, node.lineno, imported=False)
                continue
            case ast.Lambda():
                continue
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield Binding(name, node.lineno, imported=False)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for alias in names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    yield Binding(bound, alias.lineno, imported=not alias.asname)
        stack.extend(ast.iter_child_nodes(node))


def scopes(tree: ast.Module) -> Iterator[Scope]:
    """Yield the module and every class, function and lambda in it."""
    for node in ast.walk(tree):
        if isinstance(node, Scope):
            yield node


def build_table(
    sources: Sequence[Source], renames: Mapping[str, str], optional: Mapping[str, str]
) -> tuple[dict[str, str], set[Problem]]:
    """Return the table of names to rename (old name to new name), and the problems.

    A problem is a collision: two names of one scope would become the same.

    Args:
        sources: the async source files.
        renames: names to rename in addition to those that the files define.
        optional: further names to rename, which need not occur in the files.
    """
    table = {**BUILT_IN, **optional, **renames}
    library = {*BUILT_IN, *optional}
    owners: dict[str, tuple[str, str]] = {}
    for old, new in renames.items():
        owners[new] = (old, "the table")
    problems: set[Problem] = set()
    bound = [
        (source, scope, sorted(bindings(scope), key=lambda b: (b.line, b.name)))
        for source in sources
        for scope in scopes(source.tree)
    ]
    for source, _, found in bound:
        for name, line, imported in found:
            match = PREFIXED.fullmatch(name)
            if imported or not match or name in library:
                continue
            new = table[name] = match[1] + match[2]
            old, where = owners.setdefault(new, (name, f"{source.path}:{line}"))
            if old != name:
                text = f"collision: {name} and {old} ({where}) both become {new}"
                problems.add(Problem(source.path, line, text))
    for source, scope, found in bound:
        seen: dict[str, Binding] = {}
        for binding in found:
            name, line, imported = binding
            new = table.get(name, name)
            other = seen.setdefault(new, binding)
            if isinstance(scope, ast.Module) and not imported and name not in table:
                # If AsyncX is renamed to X, no module may define an X of its own: another module
                # could import both, and would lose one of them.
                old, where = owners.get(name, (name, ""))
                if old != name and old not in renames:
                    text = f"collision: {old} ({where}) becomes {name}, defined here too"
                    problems.add(Problem(source.path, line, text))
            if other.name == name or (other.imported and imported and library & {name, other.name}):
                continue
            text = f"collision: {name} and {other.name} (line {other.line}) both become {new}"
            problems.add(Problem(source.path, line, text))
    return table, problems


def word_pattern(alternatives: str) -> re.Pattern[str]:
    """Return a pattern that finds the alternatives only as whole words."""
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)")


def first_lines(pattern: re.Pattern[str], text: str) -> dict[str, int]:
    """Return the words that a pattern finds in a text, each with the line of its first occurrence.

    Lines count from 0.
    """
    found: dict[str, int] = {}
    # In source code, the `n` of an escaped newline would seem to belong to the word after it, and
    # hide this word. So search a second time, without escapes.
    for variant in (text, ESCAPE.sub("  ", text)) if "\\" in text else (text,):
        for match in pattern.finditer(variant):
            found.setdefault(match[0], text.count("\n", 0, match.start()))
    return found


def f_strings(node: ast.AST) -> Iterator[ast.JoinedStr]:
    """Yield the f-strings in a node, without f-strings inside other f-strings.

    Positions inside an f-string depend on the Python version.
    """
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.JoinedStr):
            yield child
        else:
            yield from f_strings(child)


def imported_modules(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the top-level packages that a module imports, each with the line of the import."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((alias.name.partition(".")[0], alias.lineno) for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0], node.lineno
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                yield module.partition(".")[0], node.lineno


def segment(lines: Sequence[str], node: ast.expr) -> str:
    """Return the source text of a node, faster than `ast.get_source_segment`."""
    last = node.end_lineno or node.lineno
    # Encode the lines, because column numbers count bytes. Cut off the end first: if the node is on
    # a single line, cutting off the start would move the end.
    text = [line.encode() for line in lines[node.lineno - 1 : last]]
    text[-1] = text[-1][: node.end_col_offset]
    text[0] = text[0][node.col_offset :]
    return b"\n".join(text).decode()


def check_source(source: Source, table: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for each forbidden import, and for each name to rename in an f-string."""
    for module, line in imported_modules(source.tree):
        if module in source.pair.forbidden:
            yield Problem(source.path, line, f"forbidden import: {module}")
    names = "|".join(map(re.escape, table))
    pattern = word_pattern(rf"{names}|async|await|_*Async[A-Z]\w*")
    lines = source.blanked.split("\n")
    for node in f_strings(source.tree):
        for word, line in first_lines(pattern, segment(lines, node)).items():
            text = (
                f"{word!r} in an f-string: the twin would depend on the Python version; "
                "assign the value to a variable first"
            )
            yield Problem(source.path, node.lineno + line, text)
