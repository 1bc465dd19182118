"""Converts the schemas of IBKR's OpenAPI document to types.

The overlay, and evidence from real responses, correct the types.
"""

from __future__ import annotations

import re
from dataclasses import replace

from . import names
from .document import Document, Json
from .evidence import Evidence
from .overlay import FOLDER, Overlay
from .problem import Problem
from .shapes import (
    ANY,
    KNOWN,
    PYTHON,
    TIMES,
    Field,
    ListOf,
    MapOf,
    OneOf,
    Record,
    Scalar,
    Shape,
    attach,
    merge,
    merge_records,
)

KINDS = {"integer": "int", "number": "decimal", "boolean": "bool", "string": "str"}
# A JSON key that matches this pattern is not a field name, but data: an account, a contract, a
# date, a currency, or a placeholder of `learning.anonymous`.
DATA_KEY = re.compile(r"D?[UF]N?[0-9]{4,}.*|[0-9]+|<.*>")
ID = re.compile(r".*([a-z]I[dD]|_id|^id)$")
IDS = frozenset({"conid", "order_id", "con_id"})
# The document calls these fields numbers, but their values are always whole.
WHOLE = frozenset({"status"})
TEXTS = frozenset({"text", "text:int", "text:float", "text:flag"})
# A decimal field whose Python name matches this pattern is a quantity.
QUANTITY = re.compile(
    r"quantity|size|position|(default|display|filled|remaining|total)_(quantity|size)|(actual|desired)_allocation"
)
# IBKR uses these contract ids, besides 0, for "no contract".
CONIDS = {-1, 2147483647}
NUMBERS = frozenset({"null", "nothing", "text:int", "text:float", "int", "float"})
# A field whose name matches this pattern is a decimal, even if all its known values are whole.
MEASURE = re.compile(
    r".*(amount|balance|cash|contribution|cost|limit|position|price|quantity|rate|value)$",
    re.IGNORECASE,
)


def with_choices(overlay: Overlay, shape: Shape | None, fix: Json, word: Json) -> Shape | None:
    """Return a type with the allowed values that the overlay gives for it.

    Without such values in the overlay, the type keeps those of the document.

    Args:
        overlay: the overlay.
        shape: the type.
        fix: corrections of the field or parameter.
        word: the glossary's entry for it.
    """
    if isinstance(shape, ListOf):
        item = with_choices(overlay, shape.item, fix, word)
        return shape if item is None or item is shape.item else ListOf(item, shape.seen)
    if not isinstance(shape, Scalar):
        return shape
    term, values = overlay.values(fix, word)
    choices = values or tuple(fix.get("choices") or word.get("choices", ())) or shape.enum
    is_open = bool(fix.get("open", word.get("open")))
    return replace(shape, enum=choices, open=is_open, term=term)


def parse_type(text: str) -> Shape:
    """Parse a type in the overlay's notation: `int`, `list[str]`, `dict[str, decimal]`."""
    if inner := re.fullmatch(r"list\[(.*)\]", text):
        return ListOf(parse_type(inner[1]))
    if inner := re.fullmatch(r"dict\[str, (.*)\]", text):
        return MapOf(parse_type(inner[1]))
    if text not in PYTHON:
        raise KeyError(text)
    return Scalar(text)


class Reader:
    """Converts the document's schemas to types. A schema with a name is converted only once."""

    def __init__(self, document: Document, overlay: Overlay) -> None:
        self.document = document
        self.overlay = overlay
        self.named: dict[str, Shape] = {}
        self._settled: set[int] = set()

    def shape(self, schema: Json, where: str, name: str, *, union: bool = False) -> Shape:
        """Return the type of a schema.

        Args:
            schema: the schema.
            where: place of the schema in the document; also the key of its corrections in the
                overlay.
            name: name of the class for the schema, unless the overlay gives another name.
            union: True if alternative objects become separate classes, as in a request body; False
                if they are merged into one class.
        """
        if reference := schema.get("$ref"):
            key = str(reference).rsplit("/", 1)[-1]
            if key not in self.named:
                target = self.document.resolve(schema)
                title = names.pascal(self._singular(target, key.removesuffix("Response")))
                # Register the schema before reading its fields: a schema may contain itself, and
                # reading it would otherwise never end.
                self.named[key] = Record(key, str(self.overlay.schema(key).get("name", title)))
                made = self._make(target, key, title)
                self.named[key] = made
            return self.named[key]
        return self._make(schema, where, name, union=union)

    def _make(self, schema: Json, where: str, name: str, *, union: bool = False) -> Shape:
        fix = self.overlay.schema(where)
        name = str(fix.get("name", name))
        match fix.get("as"):
            case "map":
                return self._as_map(schema, where, name)
            case str() as text if text:
                return parse_type(text)
        shape = self._by_kind(schema, where, name, union=union)
        if isinstance(shape, Record) and shape.where == where:
            shape.doc = str(fix.get("doc", shape.doc))
            self._add_fields(shape, fix.get("fields", {}))
        return shape

    def _add_fields(self, record: Record, fixes: Json) -> None:
        """Add to an object the fields that only the overlay has."""
        for wire, fix in fixes.items():
            if wire not in record.fields and "type" in fix:
                record.fields[wire] = Field(parse_type(fix["type"]))

    def _by_kind(self, schema: Json, where: str, name: str, *, union: bool) -> Shape:
        for key in ("oneOf", "anyOf"):
            if options := [each for each in schema.get(key, []) if each]:
                made = self._alternatives(options, where, name, union=union)
                own = self._object(schema, where, name, union=union)
                if isinstance(made, Record) and own.fields:
                    return merge_records([made, own], where, name)
                return made
        if schema.get("allOf"):
            return self._all_of(schema, where, name, union=union)
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((each for each in kind if each != "null"), None)
        if kind == "array":
            item = schema.get("items") or {}
            return ListOf(self.shape(item, where, name, union=union))
        if schema.get("properties"):
            return self._object(schema, where, name, union=union)
        if kind == "object" or "additionalProperties" in schema:
            more = schema.get("additionalProperties")
            inner = self.shape(more, where, name) if isinstance(more, dict) and more else ANY
            return MapOf(inner)
        enum = tuple(str(each) for each in schema.get("enum", ()) if each is not None)
        if kind in KINDS:
            return Scalar(KINDS[kind], enum, str(schema.get("format", "")))
        return Scalar("str", enum) if enum else ANY

    def _object(self, schema: Json, where: str, name: str, *, union: bool) -> Record:
        record = self.named.get(where)
        if not isinstance(record, Record) or record.fields:
            record = Record(where, name)
        required = schema.get("required") or ()
        for wire, inner in (schema.get("properties") or {}).items():
            title = name + names.pascal(self._singular(inner, wire))
            made = self.shape(inner, f"{where}.{wire}", title, union=union)
            record.fields[wire] = Field(made, wire in required)
        return record

    def _singular(self, schema: Json, wire: str) -> str:
        return names.singular(wire) if schema.get("type") == "array" else wire

    def _all_of(self, schema: Json, where: str, name: str, *, union: bool) -> Shape:
        parts = [self.shape(each, where, name, union=union) for each in schema["allOf"] if each]
        parts = [each for each in parts if each != ANY and each != MapOf(ANY)]
        parts = [each for each in parts if not (isinstance(each, MapOf) and each.value == ANY)]
        if len(parts) == 1 and not schema.get("properties"):
            return parts[0]
        record = self.named.get(where)
        if not isinstance(record, Record):
            record = Record(where, name)
        for part in parts:
            if isinstance(part, Record):
                for wire, each in part.fields.items():
                    known = record.fields.get(wire)
                    required = each.required or (known is not None and known.required)
                    record.fields[wire] = Field(each.shape, required)
        own = self._object({**schema, "allOf": []}, f"{where}", name, union=union)
        for wire, each in own.fields.items():
            record.fields[wire] = Field(each.shape, each.required)
        return record

    def _alternatives(self, options: list[Json], where: str, name: str, *, union: bool) -> Shape:
        made = [self.shape(each, where, name, union=union) for each in options]
        # Leave out alternatives that contain only an error: bezant raises an exception for such a
        # response and does not decode it.
        made = [
            each
            for each in made
            if not (isinstance(each, Record) and set(each.fields) == {"error"})
        ]
        found = [each for each in made if isinstance(each, Record)]
        if union and len(found) == len(made) and len(found) > 1:
            return OneOf(found)
        kinds = {each.kind for each in made if isinstance(each, Scalar)}
        if len(kinds) > 1:
            return ANY
        lists = [each for each in made if isinstance(each, ListOf)]
        if lists and len(lists) + len(found) == len(made):
            items = [each.item for each in lists] + found
            return ListOf(self._merged(items, where, name))
        return self._merged(made, where, name)

    def _merged(self, made: list[Shape], where: str, name: str) -> Shape:
        if not made:
            return ANY
        if all(isinstance(each, Record) for each in made):
            return merge_records([e for e in made if isinstance(e, Record)], where, name)
        result = made[0]
        for each in made[1:]:
            result = merge(result, each, where, name)
        return result

    def _as_map(self, schema: Json, where: str, name: str) -> Shape:
        more = schema.get("additionalProperties")
        inner = [more] if isinstance(more, dict) and more else []
        inner += list((schema.get("properties") or {}).values())
        made = [self.shape(each, f"{where}.*", name) for each in inner]
        value = self._merged(made, f"{where}.*", name)
        fix = self.overlay.schema(f"{where}.*")
        if isinstance(value, Record):
            value.name = str(fix.get("name", value.name))
            value.doc = str(fix.get("doc", value.doc))
        return MapOf(value)

    # Evidence from real responses decides where the document has no type or a wrong one.

    def settle(self, shape: Shape | None, seen: Evidence, where: str, name: str) -> Shape:
        """Return the type of a value, corrected by evidence from real responses.

        Args:
            shape: type from the document; None if the document lacks the value.
            seen: evidence for the value.
            where: place of the value; also the key of its corrections in the overlay.
            name: name for the class, if the value is an object.
        """
        wire = where.rsplit(".", 1)[-1]
        if shape is None or shape == ANY:
            return self._infer(seen, where, name)
        if isinstance(shape, Scalar):
            if seen.keys or (seen.item is not None and seen.item != Evidence()):
                return self._infer(seen, where, name)
            return Scalar(settle_kind(shape, seen.kinds, wire), shape.enum, shape.format)
        if isinstance(shape, ListOf):
            if seen.keys and seen.item is None and not self._top(where):
                return self.settle(shape.item, shape.seen, where, name)
            shape.item = self.settle(shape.item, shape.seen, where, name)
        elif isinstance(shape, MapOf):
            if seen.item is not None and not seen.keys:
                return self._infer(seen, where, name)
            if shape.value == ANY and not seen.keys and seen.kinds & (TEXTS | {"nothing"}):
                return ANY
            shape.value = self.settle(shape.value, shape.seen, f"{where}.*", name)
        elif isinstance(shape, Record):
            if seen.item is not None and not seen.keys and not self._top(where):
                listed = ListOf(shape)
                attach(listed, seen)
                return self.settle(listed, seen, where, name)
            self.settle_record(shape)
        elif isinstance(shape, OneOf):
            for option in shape.options:
                self.settle_record(option)
        return shape

    def _top(self, where: str) -> bool:
        return " " in where and "." not in where.rsplit(":", 1)[-1]

    def settle_record(self, record: Record) -> None:
        """Correct the types and names of an object's fields by evidence and overlay.

        If you call this method again for the same object, it does nothing.
        """
        if id(record) in self._settled:
            return
        self._settled.add(id(record))
        place: Json = self.overlay.schema(record.where)
        record.name = str(place.get("name", record.name))
        record.doc = str(place.get("doc", record.doc))
        record.module = str(place.get("module", ""))
        record.by_hand = bool(place.get("by_hand"))
        record.symbol = tuple(place.get("symbol", ()))
        fixes: Json = place.get("fields", {})
        if place.get("market_data"):
            for code in self.overlay.market_data:
                record.fields.setdefault(code, Field(Scalar("str")))
        self._add_fields(record, fixes)
        for wire in fixes.keys() - record.fields.keys():
            problem = Problem(FOLDER, f"{record.where!r} has no field {wire!r}")
            self.overlay.problems.add(problem)
        same = self._same(record)
        for wire, each in list(record.fields.items()):
            fix = fixes.get(wire, {})
            if other := fix.get("same_as"):
                record.aliases[wire] = str(other)
            if other or fix.get("drop") or wire in same.values():
                del record.fields[wire]
                continue
            self._settle_field(record, wire, each, fix)
            text = isinstance(each.shape, Scalar) and each.shape.kind == "str"
            numbers = place.get("numbers") if "type" not in fix else None
            fits = numbers == "with currency" or set() < each.seen.kinds <= NUMBERS
            if text and numbers and fits:
                each.shape = Scalar("decimal")
        self._arrange(record, place.get("order", []))
        self._name_fields(record, same, fixes)

    def _arrange(self, record: Record, order: list[str]) -> None:
        """Sort an object's fields in the order of responses, in which msgspec decodes faster.

        Args:
            record: the object.
            order: JSON names of the fields that come first.
        """
        for wire in order:
            if wire not in record.fields:
                problem = Problem(FOLDER, f"{record.where!r} has no field {wire!r} to order")
                self.overlay.problems.add(problem)
        listed = {wire: record.fields[wire] for wire in order if wire in record.fields}
        record.fields = listed | record.fields

    def _same(self, record: Record) -> dict[str, str]:
        """Return, for each field that the document misspells, both spellings of its JSON name.

        The keys are the spellings in real responses, the values those in the document.
        """
        spellings: dict[str, list[str]] = {}
        for wire in record.fields:
            spellings.setdefault(wire.replace("_", "").lower(), []).append(wire)
        same: dict[str, str] = {}
        for wires in spellings.values():
            seen = [wire for wire in wires if record.fields[wire].seen != Evidence()]
            unseen = [wire for wire in wires if wire not in seen]
            if len(seen) == len(unseen) == 1:
                same[seen[0]] = unseen[0]
                documented = record.fields[unseen[0]].shape
                if record.fields[seen[0]].shape is None and documented is not None:
                    record.fields[seen[0]].shape = documented
                    attach(documented, record.fields[seen[0]].seen)
        return same

    def _settle_field(self, record: Record, wire: str, each: Field, fix: Json) -> None:
        where = f"{record.where}.{wire}"
        listed = each.seen.item is not None or isinstance(each.shape, ListOf)
        title = record.name + names.pascal(names.singular(wire) if listed else wire)
        title = str(self.overlay.schema(where).get("name", title))
        each.shape = self.settle(each.shape, each.seen, where, title)
        word = self.overlay.word(wire)
        if "type" in fix:
            each.shape = parse_type(fix["type"])
        elif "type" in word and isinstance(each.shape, Scalar):
            made = parse_type(word["type"])
            each.shape = made if isinstance(made, Scalar) else each.shape
        whole = isinstance(each.shape, Scalar) and each.shape.kind == "int"
        if whole and "ms" in each.seen.kinds and not ID.match(wire) and wire not in IDS:
            fix = {"time": "ms", **fix}
        each.shape = with_choices(self.overlay, each.shape, fix, word)
        each.required = bool(fix.get("required", each.required))
        each.secret = bool(fix.get("secret", word.get("secret")))
        each.doc = str(fix.get("doc", word.get("doc", "")))
        each.always = str(fix.get("always", ""))
        each.none = tuple(fix.get("none", ()))
        each.time = str(fix.get("time", ""))
        if each.time:
            each.shape = Scalar(TIMES[each.time])
        each.shape = self._with_none(each, where)

    def _with_none(self, each: Field, where: str) -> Shape | None:
        """Return the type of a field. If some of its values mean None, the type allows None."""
        shape = each.shape
        # For a number field, only numbers that mean None need another type: the decoder reads a
        # text such as "NA" as None in any case.
        numbers = {0, *CONIDS} & set(each.none)
        if not isinstance(shape, Scalar) or not (each.none if shape.kind == "str" else numbers):
            return shape
        if each.always and each.none == ("",):
            return replace(shape, kind="non-empty")
        if each.always:
            problem = Problem(FOLDER, f"{where!r} is always present, so no value can mean None")
            self.overlay.problems.add(problem)
        return Scalar(KNOWN[shape.kind], shape.enum, shape.format) if shape.kind in KNOWN else shape

    def _name_fields(self, record: Record, same: dict[str, str], fixes: Json) -> None:
        taken: set[str] = set()
        market_data = self.overlay.schema(record.where).get("market_data")
        # Market data fields, whose JSON names are numbers, come last: if two fields would get the
        # same Python name, the later one gets another name.
        for wire, each in sorted(record.fields.items(), key=lambda pair: pair[0].isdigit()):
            plain = names.snake(same.get(wire, wire))
            word = self.overlay.word(wire)
            name = str(fixes.get(wire, {}).get("name") or word.get("name") or plain)
            if market_data and wire.isdigit() and "name" not in word:
                name = self.overlay.market_data.get(wire, plain)
            if market_data and not each.doc:
                each.doc = self.overlay.meanings.get(wire, "")
            for choice in (name, plain, names.snake(wire), f"{names.snake(wire)}_"):
                if choice not in taken:
                    each.name = choice
                    break
            taken.add(each.name)
            if each.shape == Scalar("decimal") and QUANTITY.fullmatch(each.name):
                each.shape = Scalar("quantity")

    def _infer(self, seen: Evidence, where: str, name: str) -> Shape:
        fix = self.overlay.schema(where)
        name = str(fix.get("name", name))
        if fix.get("as") not in (None, "map"):
            return parse_type(str(fix["as"]))
        if seen.keys and seen.item is not None and seen.item != Evidence():
            return ANY
        if seen.keys is not None:
            if not seen.keys:
                return MapOf(ANY)
            if all(map(DATA_KEY.fullmatch, seen.keys)) or fix.get("as") == "map":
                merged = Evidence()
                for each in seen.keys.values():
                    merged.merge(each)
                return MapOf(self._infer(merged, f"{where}.*", name))
            record = Record(where, name, str(fix.get("doc", "")))
            record.fields = {wire: Field(None, seen=each) for wire, each in seen.keys.items()}
            self.settle_record(record)
            return record
        if seen.item is not None:
            return ListOf(self._infer(seen.item, where, name))
        return Scalar(settle_kind(ANY, seen.kinds, where.rsplit(".", 1)[-1]))


def settle_kind(scalar: Scalar, seen: set[str], wire: str) -> str:
    """Return the kind of a scalar, from its kind in the document and the kinds seen in responses.

    Args:
        scalar: type from the document.
        seen: kinds of values in real responses.
        wire: IBKR's name of the field.
    """
    kind, found = scalar.kind, seen - {"null", "nothing", "ms"}
    number = "decimal" if found & {"float", "text:float"} else "int"
    if kind == "any":
        if not found:
            return "str" if "nothing" in seen else "any"
        if found == {"bool"}:
            return "bool"
        if found <= {"int", "float"}:
            return "decimal" if MEASURE.match(wire) else number
        return "str" if found <= {"text", "text:int", "text:float", "text:flag"} else "any"
    if kind == "bool":
        return kind if found <= {"bool", "int", "text:flag"} else settle_kind(ANY, seen, wire)
    if kind in ("int", "decimal"):
        if found == {"bool"}:
            return "bool"
        if found & {"text", "text:flag", "bool"}:
            return "str"
        if kind == "decimal" and number == "int" and (ID.match(wire) or wire in WHOLE):
            return "int"
        return "decimal" if number == "decimal" else kind
    if found & {"int", "float"} and found <= {"int", "float", "text:int", "text:float"}:
        return number
    return "bool" if found and found <= {"bool", "text:flag"} and "bool" in found else kind
