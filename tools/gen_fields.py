"""Write the pages with every field of every model and message: type, meaning and JSON name.

The facts come from the classes in `bezant/models` and their docstrings. Run the script after you
have changed one of these. ``--check`` compares the pages and writes nothing.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
import re
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import bezant.models  # noqa: E402 - of this folder, not of an installed version
from bezant._wire.market_data_fields import FIELDS  # noqa: E402
from bezant.models._base import Portable, required  # noqa: E402
from bezant.models.stream import MarketData  # noqa: E402

STREAM = "bezant.models.stream"
INDEX = """\
# Fields of models

Each model of `bezant.models`. A page for each group has the fields of its models.
"""
MODELS = """\
# Models: {group}

Fields of models: name in Python, type, meaning, and the gateway's name of it. A field that is
always present raises `MissingValue` if the gateway leaves it out after all. Where IBKR says nothing
about a field, the meaning is its name in words.
"""
# Group of the models in a module, if the group does not have the module's name.
GROUPS = {"listing": "contracts", "positions": "portfolio"}
MESSAGES = """\
# Fields of messages

Each message of a stream with its fields: name in Python, type, meaning, and the gateway's name of
it. [Streams](streams.md) says which topic has which message.
"""
VALUES = """\
Read them with `message.get("volume")` or `message.values`. Fields of the kinds `price`, `money`,
`size`, `volume`, `number` and `percent` are `Decimal`.
"""


def classes() -> Iterator[type[Portable]]:
    """Yield all models and messages that have fields, sorted by module and name."""
    found = pkgutil.walk_packages(bezant.models.__path__, "bezant.models.")
    for name in sorted(each.name for each in found if not each.name.endswith("_pydantic")):
        module = importlib.import_module(name)
        for _, value in sorted(vars(module).items()):
            if (
                isinstance(value, type)
                and issubclass(value, Portable)
                and value.__module__ == name
                and value.__struct_fields__
                and value.__name__ in getattr(module, "__all__", ())
            ):
                yield value


def meanings(model: type) -> dict[str, str]:
    """Return the description of each field from the docstring of a class."""
    _, _, text = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if entry := re.fullmatch(r" {4}(\w+): (.*)", line):
            name = entry[1]
            found[name] = entry[2]
        elif name and line.startswith(" " * 6):
            found[name] += " " + line.strip()
        else:
            name = ""
    return {name: text.replace("``", "`") for name, text in found.items()}


def type_name(hint: Any) -> str:
    """Return the name of a type for a table of fields."""
    origin, members = get_origin(hint), get_args(hint)
    if hint is None or hint is type(None):
        return "None"
    if origin in (Union, types.UnionType):
        return " or ".join(type_name(each) for each in members)
    if origin is Literal:
        return " or ".join(repr(each) for each in members)
    name = getattr(origin or hint, "__name__", str(hint))
    return f"{name}[{', '.join(map(type_name, members))}]" if members else str(name)


def table(rows: Iterable[tuple[str, str, str, str]]) -> list[str]:
    """Return the lines of a Markdown table of fields."""
    lines = ["| field | type | meaning | wire |", "|---|---|---|---|"]
    for name, kind, meaning, wire in rows:
        cells = (f"`{name}`", f"`{kind}`", meaning, f"`{wire}`" if wire else "")
        lines.append("| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |")
    return lines


def section(model: type[Portable]) -> list[str]:
    """Return the lines of a page about one model."""
    hints, said = get_type_hints(model), meanings(model)
    always = required(model)
    rows: list[tuple[str, str, str, str]] = []
    pairs = zip(model.__struct_fields__, model.__struct_encode_fields__, strict=True)
    for name, wire in sorted(pairs, key=lambda pair: (pair[0] in ("changed", "raw"), 0)):
        kind = type_name(hints[name])
        meaning = said.get(name) or name.replace("_", " ")
        own = wire.startswith("bezant:") or (model.__module__.startswith(STREAM) and name == "raw")
        rows.append((name, kind, meaning, "" if own else wire))
    first = summary(model)
    title = f"## {model.__name__}"
    fixed = f"Always present: {', '.join(f'`{name}`' for name in always)}." if always else ""
    return [title, "", f"`{model.__module__}`. {first} {fixed}".rstrip(), "", *table(rows), ""]


def properties() -> list[str]:
    """Return the lines of a page about the properties and all possible fields of `MarketData`."""
    rows: list[tuple[str, str, str, str]] = []
    for name, value in vars(MarketData).items():
        if isinstance(value, property) and value.fget is not None:
            doc = inspect.cleandoc(value.__doc__ or "").splitlines()[0].replace("``", "`")
            rows.append((name, type_name(get_type_hints(value.fget)["return"]), doc, ""))
    known = [(each.name, each.kind, each.meaning, each.code) for each in FIELDS]
    computed = ["## Properties of MarketData", "", *table(rows), ""]
    return [*computed, "## Fields of MarketData", "", VALUES, *table(known), ""]


def groups() -> dict[str, list[type[Portable]]]:
    """Return the models of each group, sorted by name."""
    found: dict[str, list[type[Portable]]] = {}
    for model in sorted(classes(), key=lambda model: model.__name__):
        if not model.__module__.startswith(STREAM):
            name = model.__module__.rpartition(".")[2].lstrip("_")
            found.setdefault(GROUPS.get(name, name), []).append(model)
    return dict(sorted(found.items()))


def homes() -> dict[str, str]:
    """Return the page of each model, by the model's name."""
    return {
        model.__name__: f"models/{group}.md" for group, found in groups().items() for model in found
    }


def summary(model: type) -> str:
    """Return the first line of a class's docstring, in Markdown."""
    return inspect.cleandoc(model.__doc__ or "").splitlines()[0].replace("``", "`")


def index() -> str:
    """Return the text of the page that lists all models."""
    lines: list[str] = [INDEX]
    for group, found in groups().items():
        lines += [f"## {group.replace('_', ' ').capitalize()}", "", "| model | meaning |"]
        lines.append("|---|---|")
        for model in found:
            link = f"[`{model.__name__}`](models/{group}.md#{model.__name__.lower()})"
            lines.append(f"| {link} | {summary(model)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def pages() -> dict[Path, str]:
    """Return the text of each page."""
    messages = [each for each in classes() if each.__module__.startswith(STREAM)]

    def page(head: str, chosen: list[type[Portable]], rest: list[str]) -> str:
        lines = [line for model in chosen for line in section(model)]
        return "\n".join([head, *lines, *rest]).rstrip() + "\n"

    docs = ROOT / "docs"
    written = {docs / "models.md": index()}
    for group, models in groups().items():
        head = MODELS.format(group=group.replace("_", " "))
        written[docs / "models" / f"{group}.md"] = page(head, models, [])
    written[docs / "messages.md"] = page(MESSAGES, messages, properties())
    return written


def main() -> int:
    """Write the pages, or compare them with `--check`; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    check: bool = parser.parse_args().check
    stale = 0
    wanted = pages()
    old = {*(ROOT / "docs" / "models").glob("*.md")} - {*wanted}
    for path in sorted({*wanted, *old}):
        if path in wanted and path.exists() and path.read_text(encoding="utf-8") == wanted[path]:
            continue
        stale += 1
        if not check and path in wanted:
            path.parent.mkdir(exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        elif not check:
            path.unlink()
        print(
            f"{path.relative_to(ROOT)}: {'stale; run tools/gen_fields.py' if check else 'written'}"
        )
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
