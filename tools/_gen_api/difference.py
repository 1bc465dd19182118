"""Compares the code generated from two versions of IBKR's OpenAPI document."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

Fields = dict[str, str]


def lines(old: Mapping[str, str], new: Mapping[str, str], unknown: list[str]) -> Iterator[str]:
    """Yield a line for each operation and field that was added, removed or changed.

    Args:
        old: text of the committed files, by path.
        new: text of the files generated from another version of the document, by path.
        unknown: calls of that version for which the overlay has no entry.
    """
    for call in unknown:
        yield f"operation added: {call} (in no group of the overlay yet)"
    yield from _compare("operation", _methods(old), _methods(new), "parameter")
    yield from _compare("model", _models(old), _models(new), "field")


def _compare(
    kind: str, old: Mapping[str, Fields], new: Mapping[str, Fields], part: str
) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            yield f"{kind} removed: {name}"
            continue
        if name not in old:
            yield f"{kind} added: {name}"
            continue
        before, after = old[name], new[name]
        for field in sorted(before.keys() | after.keys()):
            if field not in after:
                yield f"{part} removed: {name}.{field}: {before[field]}"
            elif field not in before:
                yield f"{part} added: {name}.{field}: {after[field]}"
            elif before[field] != after[field]:
                yield f"{part} changed: {name}.{field}: {before[field]} -> {after[field]}"


def _classes(files: Mapping[str, str], folder: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for path in sorted(files):
        if PurePosixPath(path).parent.as_posix() == folder:
            for node in ast.parse(files[path]).body:
                if isinstance(node, ast.ClassDef):
                    yield PurePosixPath(path).stem, node


def _models(files: Mapping[str, str]) -> dict[str, Fields]:
    generated = {path: text for path, text in files.items() if text.startswith("# Generated")}
    return {
        node.name: {
            each.target.id: ast.unparse(each.annotation)
            for each in node.body
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
        }
        for _, node in _classes(generated, "bezant/models")
    }


def _methods(files: Mapping[str, str]) -> dict[str, Fields]:
    found: dict[str, Fields] = {}
    for group, node in _classes(files, "bezant/_async/api"):
        for each in node.body:
            if isinstance(each, ast.AsyncFunctionDef):
                fields = {
                    argument.arg: ast.unparse(argument.annotation)
                    for argument in each.args.kwonlyargs
                    if argument.annotation
                }
                fields["returns"] = ast.unparse(each.returns) if each.returns else ""
                found[f"{group}.{each.name}"] = fields
    return found
