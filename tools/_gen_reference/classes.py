"""Pages of the public classes: one page for each class, and one for the rest of each group."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

import bezant
import bezant.errors
import bezant.models
import bezant.sim
import bezant.testing

from .text import HEADER, code, read, slug, table

# Title of a group of classes; key: the part of the package that has them.
GROUPS = {
    "client": "Client",
    "session": "Session",
    "bulk": "Bulk calls",
    "contracts": "Contracts",
    "marketdata": "Market data",
    "trading": "Trading",
    "stream": "Streams",
    "holdings": "Holdings",
    "http": "Raw responses",
    "decoding": "Decoding",
    "terms": "Allowed values",
    "models": "Models",
    "sim": "Simulated gateway",
    "testing": "Testing",
}
# Objects without a class: their page's name and title, by group.
REST = {
    "terms": ("allowed-values", "Allowed values: sides, order types, times in force"),
    "models": ("json", "JSON of models"),
}


class Entry(NamedTuple):
    """A page of the reference.

    Attributes:
        path: path below docs.
        title: the page's title.
        group: key of `GROUPS`.
        names: public names on the page, each with its package.
        summary: first sentence about the objects of the page.
    """

    path: str
    title: str
    group: str
    names: tuple[str, ...]
    summary: str


def entries() -> list[Entry]:
    """Return all pages of public classes and functions, sorted by group and title."""
    found: dict[str, list[tuple[str, str, Any]]] = {}
    for home, names in vars(bezant)["_HOMES"].items():
        for name in names:
            if _listed(name, home):
                group = home.split(".")[1] if "." in home else home
                if home.startswith("models"):
                    group = home.rpartition(".")[2].replace("_base", "models")
                group = {"availability": "marketdata"}.get(group, group)
                if group not in GROUPS:
                    raise ValueError(f"{name} is in {home}, which has no title in GROUPS")
                found.setdefault(group, []).append(("bezant", name, getattr(bezant, name)))
    for name in bezant.sim.__all__:
        found.setdefault("sim", []).append(("bezant.sim", name, getattr(bezant.sim, name)))
    pages: list[Entry] = []
    for group, members in found.items():
        rest: list[str] = []
        for package, name, value in members:
            # A protocol only describes an argument, so it needs no page of its own.
            if inspect.isclass(value) and not getattr(value, "_is_protocol", False):
                summary = read(value).summary
                # Structures of names, such as a TypedDict, have no docstring of their own.
                path = f"reference/{'sim-' if group == 'sim' else ''}{slug(name)}.md"
                # Some classes have the names of classes of the client.
                start = "Simulated " if group == "sim" and name != "SimulatedGateway" else ""
                title = f"{start}{name} class"
                pages.append(Entry(path, title, group, (f"{package}.{name}",), summary))
            else:
                rest.append(f"{package}.{name}")
        if rest:
            name, title = REST.get(group, (f"{group}-functions", f"{_title(group)}: functions"))
            listed = ", ".join(each.rpartition(".")[2] for each in rest)
            pages.append(Entry(f"reference/{name}.md", title, group, tuple(rest), f"{listed}."))
    for module, title in (("operations", "Catalogue of operations"), ("testing", "pytest plugin")):
        summary = read(getattr(bezant, module)).summary
        group = "client" if module == "operations" else module
        path = f"reference/{module}.md"
        pages.append(Entry(path, title, group, (f"bezant.{module}",), summary))
    order = list(GROUPS)
    pages.sort(key=lambda each: (order.index(each.group), each.path))
    return pages


def pages(words: Mapping[str, str]) -> dict[str, str]:
    """Return the text of each page by its path below docs.

    Args:
        words: search words and other names of classes, by the title of the page.
    """
    names = {
        each: each.names[0].rpartition(".")[2] if each.title.endswith(" class") else each.title
        for each in entries()
    }
    found = {each.path: _page(each, words.get(name, "")) for each, name in names.items()}
    if unknown := {*words} - {*names.values()}:
        raise ValueError(f"tools/reference.toml names unknown classes: {sorted(unknown)}")
    return found


def index(rest: list[tuple[str, str]]) -> list[str]:
    """Return the blocks of a page that lists all pages of the reference.

    Args:
        rest: further pages, each with its path and what it has.
    """
    blocks: list[str] = []
    by_group: dict[str, list[Entry]] = {}
    for each in entries():
        by_group.setdefault(each.group, []).append(each)
    for group, members in by_group.items():
        rows = [(f"[{each.title}]({each.path})", each.summary) for each in members]
        blocks += [f"## {_title(group)}", table(("page", "content"), rows)]
    for path, said in rest:
        title, _, text = said.partition(": ")
        blocks += [f"## {title}", f"[{title}]({path}): {text}"]
    return blocks


def group_title(entry: Entry) -> str:
    """Return the title of the group of a page."""
    return _title(entry.group)


def _title(group: str) -> str:
    return GROUPS[group]


def _listed(name: str, home: str) -> bool:
    return not (
        name.startswith(("Async", "__"))
        or name in bezant.errors.__all__
        or (name in bezant.models.__all__ and home == "models")
    )


def _page(entry: Entry, words: str) -> str:
    text = f"{HEADER}# {entry.title}\n\n"
    package, _, name = entry.names[0].rpartition(".")
    if inspect.isclass(getattr(bezant, name, None)) and f"Async{name}" in bezant.__all__:
        text += (
            f"`Async{name}` is the asyncio version of `{name}`. It has the same methods and "
            "arguments; you await its methods.\n\n"
        )
    if words:
        text += f"Also: {words}.\n\n"
    if len(entry.names) == 1:
        value = getattr(bezant.sim if package == "bezant.sim" else bezant, name)
        if inspect.isclass(value):
            text += f"Import it as {code(f'{package}.{name}')}.\n\n"
    for each in entry.names:
        options = "    options: {inherited_members: true}\n"
        text += f"::: {each}\n{options}\n"
    return text.rstrip() + "\n"
