"""Evidence from real responses: the keys that they contain, and the kinds of their values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from .document import Json

NOTHING = frozenset({"", "-", "--", "n/a", "na", "none", "null", "nan"})
WHOLE = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9][0-9,]*(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
EPOCH_MS = range(100_000_000_000, 20_000_000_000_000)
# Key: the name of a kind in a recorded shape. Value: the name of the same kind in `Evidence.kinds`.
SPELLINGS = {
    "str": "text",
    "str(int)": "text:int",
    "str(float)": "text:float",
    "str(number with commas)": "text:float",
    "str(empty)": "nothing",
}
KINDS = frozenset({"int", "ms", "float", "bool", "null", "text:flag", *SPELLINGS.values()})


@dataclass
class Evidence:
    """Kinds of values that were seen in one place of the responses.

    Attributes:
        kinds: kinds of scalars: `int`, `ms` (an epoch in milliseconds), `float`, `bool`, `null`,
            `nothing`, `text`, and `text:int`, `text:float`, `text:flag` for texts that contain
            such a value.
        keys: evidence for each key of the objects; None if no object was seen.
        item: evidence for the items of the lists; None if no list was seen.
    """

    kinds: set[str] = field(default_factory=set)
    keys: dict[str, Evidence] | None = None
    item: Evidence | None = None

    def add(self, value: object) -> None:
        """Add a JSON value to the evidence."""
        if isinstance(value, dict):
            self.keys = {} if self.keys is None else self.keys
            for key, each in value.items():
                self.keys.setdefault(key, Evidence()).add(each)
        elif isinstance(value, list):
            self.item = self.item or Evidence()
            for each in value:
                self.item.add(each)
        else:
            self.kinds |= _kinds(value)

    def merge(self, other: Evidence) -> None:
        """Add the kinds and keys of other evidence to this one."""
        self.kinds |= other.kinds
        if other.keys is not None:
            self.keys = {} if self.keys is None else self.keys
            for key, each in other.keys.items():
                self.keys.setdefault(key, Evidence()).merge(each)
        if other.item is not None:
            self.item = self.item or Evidence()
            self.item.merge(other.item)

    def add_shape(self, shape: Any) -> None:
        """Add a recorded shape, which has the keys of a response and names of kinds as values."""
        if isinstance(shape, dict):
            self.keys = {} if self.keys is None else self.keys
            for key, each in shape.items():
                self.keys.setdefault(key, Evidence()).add_shape(each)
        elif isinstance(shape, list):
            self.item = self.item or Evidence()
            for each in shape:
                self.item.add_shape(each)
        else:
            for kind in str(shape).split("|"):
                kind = SPELLINGS.get(kind, kind)
                if kind in KINDS:
                    self.kinds.add(kind)

    def to_json(self) -> Json:
        """Return the evidence as plain JSON values."""
        result: Json = {}
        if self.kinds:
            result["kinds"] = " ".join(sorted(self.kinds))
        if self.keys is not None:
            result["keys"] = {key: self.keys[key].to_json() for key in sorted(self.keys)}
        if self.item is not None:
            result["item"] = self.item.to_json()
        return result

    @classmethod
    def from_json(cls, value: Json) -> Evidence:
        """Return the evidence from the result of `to_json`."""
        keys = value.get("keys")
        return cls(
            set(value.get("kinds", "").split()),
            None if keys is None else {key: cls.from_json(each) for key, each in keys.items()},
            cls.from_json(value["item"]) if "item" in value else None,
        )


def _kinds(value: object) -> set[str]:
    if value is None:
        return {"null"}
    if isinstance(value, bool):
        return {"bool"}
    if isinstance(value, int):
        return {"int", "ms"} if value in EPOCH_MS else {"int"}
    if isinstance(value, float):
        return {"float"}
    text = str(value).strip()
    if text.lower() in NOTHING:
        return {"nothing"}
    if text.lower() in ("true", "false"):
        return {"text:flag"}
    if WHOLE.fullmatch(text):
        return {"text:int"}
    return {"text:float"} if NUMBER.fullmatch(text) else {"text"}
