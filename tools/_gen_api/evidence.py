"""Evidence: which keys and which kinds of values were seen in real responses of IBKR's API."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from .document import Json

NOTHING = frozenset({"", "-", "--", "n/a", "na", "none", "null", "nan"})
WHOLE = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9][0-9,]*(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
EPOCH_MS = range(100_000_000_000, 20_000_000_000_000)
# Recorded shapes name the kinds of values differently. Key: the name there. Value: the name in
# `Evidence.kinds`.
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
    """Kinds of values that were seen in one place of the responses, such as one field.

    Attributes:
        kinds: kinds of the scalars that were seen: `int`, `ms` (milliseconds since 1970), `float`,
            `bool`, `null`, `nothing`, `text`; also `text:int`, `text:float` and `text:flag` for
            texts that contain such a value.
        keys: if objects were seen, evidence for each of their keys; None if not.
        item: if lists were seen, evidence for their items; None if not.
    """

    kinds: set[str] = field(default_factory=set)
    keys: dict[str, Evidence] | None = None
    item: Evidence | None = None

    def add(self, value: object) -> None:
        """Add to the evidence a JSON value that was seen."""
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
        """Add a recorded shape to the evidence.

        A recorded shape is a response in which the name of its kind replaces each value.
        """
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
        """Return the evidence from which `to_json` made `value`."""
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
