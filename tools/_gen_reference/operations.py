"""Pages of the operations: one page for each group of `client.api` and `client.oauth_api`."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple, cast

from bezant._core.operations._base import Endpoint
from bezant._core.operations._index import OPERATIONS
from bezant._core.operations._lookup import value_at
from bezant._core.pacing.limits import LIMITS

from .text import Docstring, code, page, read, table

PLACES = {"path": "path", "query": "query", "header": "header", "body": "body"}
EMPTY = {
    "may_be_empty": "may be empty in a new session; the client then sends the request once more",
    "empty_until_searched": "is empty until the session has searched for the symbol",
    "empty_until_ready": "has no values at first; the client then sends the request once more",
    "never_empty": "is never empty: an empty response raises `IncompleteList`",
}
EFFECTS = {
    "order": "places, changes or cancels an order",
    "account": "changes a setting or the state of the account or the user",
    "session": "changes the session",
}


class Names(NamedTuple):
    """Other names and search words of operations and groups, from `tools/reference.toml`."""

    titles: Mapping[str, str]
    groups: Mapping[str, str]
    methods: Mapping[str, str]


def groups() -> dict[str, list[tuple[str, Endpoint]]]:
    """Return the operations that have a method, with the method's name, by group."""
    found: dict[str, list[tuple[str, Endpoint]]] = {}
    for place in OPERATIONS.values():
        group, _, constant = place.partition(".")
        found.setdefault(group, []).append((constant.lower(), cast("Endpoint", value_at(place))))
    for group, rows in found.items():
        methods = list(vars(_class_of(group)))
        rows.sort(key=lambda row: methods.index(row[0]))
    return dict(sorted(found.items()))


def pages(names: Names, homes: Mapping[str, str]) -> dict[str, str]:
    """Return the text of each page, by its path below docs.

    Args:
        names: search words and other names.
        homes: page of each model.
    """
    found: dict[str, str] = {}
    known: set[str] = set()
    for group, rows in groups().items():
        owner = _class_of(group)
        oauth = rows[0][1].operation.needs_oauth
        start = f"client.{'oauth_api' if oauth else 'api'}.{group}"
        said = read(owner)
        intro = f"{said.summary} The methods of `{start}`, on `Client` and `AsyncClient`."
        if oauth:
            intro += (
                " These operations need OAuth: only IBKR's own host serves them, see "
                "[Operations that need OAuth](../operations.md#operations-that-need-oauth)."
            )
        listed = ", ".join(f"[`{name}`](#{name})" for name, _ in rows)
        words = names.groups.get(group, "")
        blocks = [intro, f"Also: {words}." if words else "", listed]
        for name, endpoint in rows:
            known.add(f"{group}.{name}")
            method = getattr(owner, name)
            also = names.methods.get(f"{group}.{name}", "")
            blocks += _operation(start, name, endpoint, method, also, homes)
        title = f"Operations: {names.titles.get(group, group.replace('_', ' '))}"
        found[f"operations/{group}.md"] = page(
            title, *blocks, description=f"{said.summary} {words}".strip()
        )
    if unknown := {*names.methods} - known | {*names.groups} - {*groups()}:
        raise ValueError(f"tools/reference.toml names unknown operations: {sorted(unknown)}")
    return found


def _class_of(group: str) -> type:
    module: ModuleType = importlib.import_module(f"bezant._sync.api.{group}")
    name = f"{''.join(part.title() for part in group.split('_'))}Api"
    found: type = getattr(module, name)
    return found


def _operation(
    start: str, name: str, endpoint: Endpoint, method: Any, also: str, homes: Mapping[str, str]
) -> list[str]:
    said, signature = read(method), inspect.signature(method)
    arguments = [each for each in signature.parameters.values() if each.name != "self"]
    # The docstring names the call after its text.
    text = re.sub(r"(^|\n\n)`[A-Z]+ /[^`\n]*`\.", "", said.text).strip()
    blocks = [
        f"## {name}",
        f"`{endpoint.operation.name}`, IBKR's operation `{endpoint.id}`.",
        said.summary + (f"\n\n{text}" if text else ""),
        f"Also: {also}." if also else "",
        f"```py\n{_call(start, name, arguments, signature.return_annotation)}\n```",
    ]
    if arguments:
        head = ("parameter", "type", "default", "in the request", "meaning")
        blocks.append(table(head, [_parameter(each, endpoint, said) for each in arguments]))
    blocks.append(f"Returns {linked(endpoint.response, homes)}.")
    facts = _facts(endpoint)
    errors = said.sections.get("Raises", {})
    rows = [f"- {each}" for each in facts]
    rows += [f"- Raises `{each}`: {meaning}" for each, meaning in errors.items()]
    blocks.append("\n".join(rows))
    return blocks


def _call(start: str, name: str, arguments: list[inspect.Parameter], result: str) -> str:
    texts = [
        f"{each.name}: {each.annotation}"
        + ("" if each.default is each.empty else f" = {each.default!r}")
        for each in arguments
    ]
    if not texts:
        return f"{start}.{name}() -> {result}"
    lines = "".join(f"    {each},\n" for each in texts)
    return f"{start}.{name}(\n    *,\n{lines}) -> {result}"


def _parameter(each: inspect.Parameter, row: Endpoint, said: Docstring) -> tuple[str, ...]:
    place = "query, by IBKR's names" if each.name == "query" and row.extra else "whole body"
    for kind in PLACES:
        if wire := getattr(row, kind).get(each.name):
            place = f"{PLACES[kind]}, `{wire}`"
    kind = str(each.annotation).removesuffix(" | None").replace(" | ", " or ")
    default = "required" if each.default is each.empty else code(repr(each.default))
    meaning = said.sections.get("Args", {}).get(each.name, "")
    if choices := row.choices.get(each.name):
        listed = ", ".join(code(str(choice)) for choice in choices)
        if "Literal[" not in kind and not any(str(choice) in meaning for choice in choices):
            meaning += f" Allowed: {listed}."
    return code(each.name), code(kind), default, place, meaning


def _facts(endpoint: Endpoint) -> list[str]:
    row = endpoint.operation
    if row.idempotent:
        facts = ["Idempotent: the client may retry it after a transient failure."]
    else:
        facts = ["Not idempotent: the client never sends it twice."]
    if row.effect != "none":
        facts.append(f"Side effect: it {EFFECTS[row.effect]}.")
    if row.requires:
        path = "GET /portfolio/accounts" if row.requires == "accounts" else "GET /iserver/accounts"
        facts.append(f"Prerequisite: `{path}` once per session, which the client sends itself.")
    if row.limit:
        said = " and ".join(limit_text(each.count, each.seconds) for each in LIMITS[row.limit])
        facts.append(
            f"Rate limit: {said}. The call also counts towards the session's limit of 10 requests "
            "per second."
        )
    facts += [f"The response {said}." for key, said in EMPTY.items() if getattr(row, key)]
    return facts


def limit_text(count: int, seconds: float) -> str:
    """Return a rate limit in words, such as ``1 request per 5 seconds``."""
    noun = "request" if count == 1 else "requests"
    for size, name in ((3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size and seconds % size == 0:
            number = int(seconds / size)
            return f"{count} {noun} per {name if number == 1 else f'{number} {name}s'}"
    return f"{count} {noun} per {seconds:g} seconds"


def linked(response: str, homes: Mapping[str, str]) -> str:
    """Return the type of a response as Markdown, with links to its models."""
    plain = re.sub(r"\w+\.(\w+)", r"\1", response)
    names = [name for name in re.findall(r"\w+", plain) if name in homes]
    if plain in names:
        return f"[`{plain}`](../{homes[plain]}#{plain.lower()})"
    links = ", ".join(f"[`{each}`](../{homes[each]}#{each.lower()})" for each in names)
    if plain == "None":
        return "nothing"
    return f"`{plain}`" + (f": {links}" if links else "")
