"""Reads the overlay: TOML files with bezant's texts, and corrections of IBKR's OpenAPI document."""

from __future__ import annotations

import json
import runpy
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .document import Json, normal
from .evidence import Evidence
from .problem import Problem
from .shapes import TIMES

FOLDER = "tools/api_overlay"
FIELD_TABLE = "bezant/_wire/market_data_fields.py"
SPECIAL = ("digest", "evidence", "glossary", "limits", "schemas", "terms")
TERM_KEYS = frozenset({"doc", "request", "values"})
OPERATION_KEYS = frozenset(
    {
        *("about_session", "added", "answer", "answer_any", "answer_like", "answer_schema"),
        *("binary", "call"),
        *("effect", "first_answer", "group", "id", "idempotent", "like", "lines", "lists", "name"),
        *("order", "parameters", "params", "priority", "raw", "refusal", "requires", "summary"),
        *("text", "texts", "wrap"),
    }
)
# Key: a key that the entry of an operation may have. Value: the values that are allowed for it.
CHOICES: Mapping[str, tuple[str, ...]] = {
    "about_session": ("login", "state"),
    "effect": ("none", "order", "account", "session"),
    "first_answer": (
        *("may be empty", "empty until searched", "empty until ready", "never empty"),
        "empty without positions",
    ),
    "lines": ("uses", "releases", "releases all"),
    "lists": ("accounts", "orders", "order", "executions"),
    "order": ("place", "reply", "cancel"),
    "priority": ("tickle", "cancel", "order", "read"),
    "requires": ("accounts", "trading accounts"),
    "texts": (
        *("accounts", "alert", "contract", "history", "order status", "session"),
        "subscription",
    ),
}
RAW_KEYS = OPERATION_KEYS - {
    *("added", "answer", "answer_any", "answer_like", "answer_schema", "binary"),
    *("first_answer", "id", "like", "parameters", "params", "text", "wrap"),
}
SCHEMA_KEYS = frozenset(
    {
        *("as", "by_hand", "doc", "fields", "market_data", "module", "name", "numbers", "order"),
        "symbol",
    }
)
FIELD_KEYS = frozenset(
    {
        *("always", "choices", "default", "doc", "drop", "form", "name", "none", "open"),
        *("place", "required", "same_as", "secret", "term", "time", "type", "wire"),
    }
)


@dataclass
class Overlay:
    """Content of the overlay: bezant's texts, and corrections of IBKR's OpenAPI document.

    A normalised call is a call as `document.normal` returns it.

    Attributes:
        groups: titles of the groups of operations.
        needs_oauth: groups whose operations need OAuth: IBKR's own host serves them, the gateway
            does not.
        operations: entries of the operations, by normalised call.
        schemas: corrections of objects, by the place of the object in the document, with the
            evidence of `evidence.toml`.
        glossary: Python names, types and texts of fields, by IBKR's name.
        limits: the content of `limits.toml`, the rate limits.
        terms: the content of `terms.toml`, the named sets of values.
        recorded: evidence from recorded responses, by normalised call.
        market_data: names of market data fields by IBKR's id.
        meanings: meanings of market data fields by IBKR's id.
        problems: problems found while the overlay was read.
        used: keys of the corrections and glossary entries that the generator has used so far.
    """

    groups: dict[str, str] = field(default_factory=dict)
    needs_oauth: set[str] = field(default_factory=set)
    operations: dict[str, Json] = field(default_factory=dict)
    schemas: dict[str, Json] = field(default_factory=dict)
    glossary: dict[str, Json] = field(default_factory=dict)
    limits: Json = field(default_factory=dict)
    terms: dict[str, Json] = field(default_factory=dict)
    recorded: dict[str, Evidence] = field(default_factory=dict)
    market_data: dict[str, str] = field(default_factory=dict)
    meanings: dict[str, str] = field(default_factory=dict)
    problems: set[Problem] = field(default_factory=set)
    used: set[str] = field(default_factory=set)

    def schema(self, where: str) -> Json:
        """Return the corrections of the object at the place `where`; empty without one."""
        return self._use(self.schemas, where)

    def word(self, wire: str) -> Json:
        """Return the glossary's entry for a field, by IBKR's name; empty without one."""
        found = self.glossary.get(wire, {})
        if found:
            self.used.add(f"glossary:{wire}")
        return found

    def values(self, fix: Json, word: Json) -> tuple[str, tuple[str, ...]]:
        """Return the named set of values that a field uses.

        Args:
            fix: corrections of the field.
            word: the glossary's entry for the field.

        Returns:
            The name of the set, a key of `terms.toml`, and the values; both empty without a set.
        """
        name = str(fix.get("term") or ("" if "choices" in fix else word.get("term", "")))
        if name and name not in self.terms:
            self.problems.add(Problem(f"{FOLDER}/terms.toml", f"has no term {name!r}"))
            name = ""
        if name:
            self.used.add(f"term:{name}")
        return name, tuple(self.terms[name]["values"]) if name else ()

    def _use(self, table: Mapping[str, Json], key: str) -> Json:
        found = table.get(key, {})
        if found:
            self.used.add(key)
        return found

    def unused(self) -> set[Problem]:
        """Return a problem for each correction and glossary entry that was not used so far."""
        problems = {
            Problem(
                f"{FOLDER}/schemas.toml",
                f"no object is at {place!r}; correct the place or delete it",
            )
            for place in self.schemas.keys() - self.used
        }
        problems |= {
            Problem(
                f"{FOLDER}/glossary.toml",
                f"no field is named {wire!r}; correct the name or delete it",
            )
            for wire in self.glossary
            if f"glossary:{wire}" not in self.used
        }
        problems |= {
            Problem(f"{FOLDER}/terms.toml", f"no field has the term {name!r}; delete it")
            for name in self.terms
            if f"term:{name}" not in self.used
        }
        return problems


def read(root: Path) -> Overlay:
    """Read the overlay of the project in `root`."""
    overlay = Overlay()
    folder = root / FOLDER
    for file in sorted(folder.glob("*.toml")):
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        if file.stem not in SPECIAL:
            _add_group(overlay, file.stem, content)
    overlay.glossary = _toml(folder / "glossary.toml")
    overlay.terms = _toml(folder / "terms.toml")
    overlay.schemas = _toml(folder / "schemas.toml")
    for place, fields in _toml(folder / "evidence.toml").items():
        known = overlay.schemas.setdefault(place, {}).setdefault("fields", {})
        for wire, shown in fields.items():
            known[wire] = {**known.get(wire, {}), **shown}
    for table, keys in (
        (overlay.glossary, FIELD_KEYS),
        (overlay.schemas, SCHEMA_KEYS),
        (overlay.terms, TERM_KEYS),
    ):
        for key, each in table.items():
            for unknown in each.keys() - keys:
                overlay.problems.add(Problem(FOLDER, f"{key!r} has an unknown key {unknown!r}"))
    for place, each in overlay.schemas.items():
        for wire, fix in each.get("fields", {}).items():
            for unknown in fix.keys() - FIELD_KEYS:
                text = f"{place!r}: {wire!r} has an unknown key {unknown!r}"
                overlay.problems.add(Problem(FOLDER, text))
            if fix.get("time", "ms") not in TIMES:
                text = f"{place!r}: the time of {wire!r} must be one of {', '.join(TIMES)}"
                overlay.problems.add(Problem(FOLDER, text))
    overlay.limits = _toml(folder / "limits.toml")
    recorded = folder / "recorded.json"
    if recorded.is_file():
        content = json.loads(recorded.read_text(encoding="utf-8"))
        overlay.recorded = {key: Evidence.from_json(each) for key, each in content.items()}
    fields = root / FIELD_TABLE
    if fields.is_file():
        rows = runpy.run_path(str(fields))["FIELDS"]
        overlay.market_data = {each.code: each.name for each in rows}
        overlay.meanings = {each.code: each.meaning.removesuffix(".") for each in rows}
    return overlay


def _toml(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _add_group(overlay: Overlay, group: str, content: Json) -> None:
    file = f"{FOLDER}/{group}.toml"
    overlay.groups[group] = str(content.get("title", ""))
    if not overlay.groups[group]:
        overlay.problems.add(Problem(file, "has no title"))
    if content.get("needs_oauth"):
        overlay.needs_oauth.add(group)
    for call, entry in content.items():
        if not isinstance(entry, dict):
            continue
        if normal(call) in overlay.operations:
            overlay.problems.add(Problem(file, f"{call}: listed twice in the overlay; delete one"))
        raw = bool(entry.get("raw"))
        for key in ("name" if raw else "id", "summary"):
            if not entry.get(key):
                overlay.problems.add(Problem(file, f"{call}: has no {key}"))
        for unknown in entry.keys() - (RAW_KEYS if raw else OPERATION_KEYS):
            overlay.problems.add(Problem(file, f"{call}: unknown key {unknown!r}"))
        for key, allowed in CHOICES.items():
            if key in entry and entry[key] not in allowed:
                text = f"{call}: {key} must be one of {', '.join(allowed)}, not {entry[key]!r}"
                overlay.problems.add(Problem(file, text))
        overlay.operations[normal(call)] = {**entry, "group": group, "call": call}
