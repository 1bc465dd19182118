"""Recorded responses and frames, and a comparison of simulated ones with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bezant.sim._api.examples import find

SHARED = Path(__file__).parents[2].parent / "shared"
RESPONSES = SHARED / "recordings" / "rest.jsonl"
FRAMES = SHARED / "recordings" / "frames.jsonl"
FIXTURES = SHARED / "fixtures"

# Keys of objects that vary: account and group ids, currencies, dates. Each is replaced by a
# placeholder.
_NAMES = (
    (re.compile(r"D?U[A-Z]?\d+[A-Z]?|F\d+|All|GROUP1|UPRO_.*"), "{account}"),
    (re.compile(r"[A-Z]{3}|BASE"), "{currency}"),
    (re.compile(r"\d{8}"), "{date}"),
    (re.compile(r"\{.*\}"), "{account}"),
)
_MARKET_DATA_FIELD = re.compile(r"\d{2,4}")


@dataclass(frozen=True, slots=True)
class Recording:
    """A response that was recorded, or that is an example in a document."""

    method: str
    path: str
    status: int
    body: Any
    documented: bool

    @property
    def operation(self) -> str:
        """The response's operation: method and path, with the names of the path's parameters."""
        return operation_of(self.method, self.path)


def operation_of(method: str, path: str) -> str:
    entry = find(method, path)
    return f"{method} {entry.path if entry is not None else path}"


@cache
def recordings() -> list[Recording]:
    """Return all recorded responses; an empty list if the reference data is missing."""
    found: list[Recording] = []
    if RESPONSES.exists():
        for line in RESPONSES.read_text().splitlines():
            row = json.loads(line)
            documented = row["kind"] != "recorded"
            found.append(
                Recording(row["method"], row["path"], row["status"], row["body"], documented)
            )
    for file in sorted(FIXTURES.rglob("*.json")):
        each = json.loads(file.read_text())
        path = urlsplit(each["Request"]["Path"]).path.removeprefix("/v1/api")
        response = each["Response"]
        for method in each["Request"]["Methods"]:
            body = response.get("Body")
            found.append(Recording(method, path, response["StatusCode"], body, documented=False))
    return found


@cache
def frames() -> list[tuple[Any, bool]]:
    """Return all stream frames, each with True if it is from a document and was not recorded."""
    if not FRAMES.exists():
        return []
    rows = map(json.loads, FRAMES.read_text().splitlines())
    return [(row["body"], row["kind"] != "recorded") for row in rows]


def kind_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "flag"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
        case _:
            return "object"


@dataclass(slots=True)
class Shape:
    """Keys and kinds of values (such as text or number) that occur in several JSON bodies.

    Attributes:
        kinds: the kinds of each key's values. The key is the path from the body's root.
        counts: how many objects have each key, by the key's path.
        objects: how many objects occur at each path.
        keyed: whether the keys of the outermost object vary, such as symbols.
    """

    kinds: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    objects: dict[str, int] = field(default_factory=dict[str, int])
    keyed: bool = False

    def add(self, value: Any, path: str = "") -> None:
        """Add a body, or the part of a body at `path`."""
        self.kinds.setdefault(path, set()).add(kind_of(value))
        if isinstance(value, dict):
            self.objects[path] = self.objects.get(path, 0) + 1
            seen: set[str] = set()
            for key, part in value.items():
                name = "{key}" if self.keyed and not path else _general(str(key), path)
                inner = f"{path}.{name}"
                if inner not in seen:
                    self.counts[inner] = self.counts.get(inner, 0) + 1
                    seen.add(inner)
                self.add(part, inner)
        elif isinstance(value, list):
            for part in value:
                self.add(part, f"{path}[]")

    def always(self, path: str) -> bool:
        """Return whether all objects that could have the key at `path` do have it."""
        parent = path.rpartition(".")[0]
        return self.counts.get(path, 0) == self.objects.get(parent, 0)


def _general(key: str, path: str) -> str:
    if path.startswith(("[]", "")) and any(part in path for part in ("acctProps", "aliases")):
        return "{account}"
    return next((name for pattern, name in _NAMES if pattern.fullmatch(key)), key)


def differences(simulated: Shape, real: Shape, allowed: Shape) -> Iterator[str]:
    """Yield differences: a key that is missing or additional, or a value of another kind.

    Args:
        simulated: shape of the simulated bodies.
        real: shape of the recorded bodies, whose keys a simulated body must have.
        allowed: shape of bodies in documents, whose keys and kinds a simulated body may have.
    """
    for path in sorted(real.counts.keys() - simulated.counts.keys()):
        if _MARKET_DATA_FIELD.fullmatch(path.rpartition(".")[2]):
            continue
        parent = path.rpartition(".")[0]
        if parent and parent not in simulated.objects:
            continue
        yield f"- {path}" if real.always(path) else f"-? {path}"
    for path in sorted(simulated.counts):
        if _MARKET_DATA_FIELD.fullmatch(path.rpartition(".")[2]):
            continue
        if path not in real.counts and path not in allowed.counts:
            parent = path.rpartition(".")[0]
            if parent in real.objects or parent in allowed.objects or not parent:
                yield f"+ {path}"
    for path in sorted(simulated.kinds):
        known = real.kinds.get(path, set()) | allowed.kinds.get(path, set())
        if not known:
            continue
        more = simulated.kinds[path] - known
        if known == {"null"}:
            more = more - set(simulated.kinds[path])
        if more:
            yield f"~ {path}: {'/'.join(sorted(more))} for {'/'.join(sorted(known))}"
