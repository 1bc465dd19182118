"""Types of values in IBKR's JSON: scalars, lists, mappings, and objects with named fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from .evidence import Evidence

# Key: a format in which IBKR writes a time (in UTC) or a day. Value: the kind of such a field.
TIMES = {
    "ms": "time",
    "s": "time",
    "YYYYMMDD-hh:mm:ss": "time",
    "YYMMDDhhmmss": "time",
    "YYYYMMDD": "date",
    "Www Mmm DD 00:00:00 ZZZ YYYY": "date",
}
PYTHON = {
    "int": "int",
    "decimal": "Decimal",
    "decimal?": "Decimal | None",
    "bool": "bool",
    "str": "str",
    "any": "Any",
    # The following types are for fields of responses only; see `bezant/_wire/field_types.py`.
    "time": "Time",
    "date": "Date",
    "known text": "KnownText",
    "non-empty": "NonEmpty",
    "known id": "KnownId",
    "non-zero": "NonZero",
    "quantity": "Quantity",
}
# Key: a kind. Value: the kind to use instead for a field in which some values mean None.
KNOWN = {"str": "known text", "int": "known id", "decimal": "non-zero"}


@dataclass(frozen=True)
class Scalar:
    """A number, flag or text."""

    kind: str  # a key of PYTHON
    enum: tuple[str, ...] = ()
    format: str = ""
    open: bool = False  # whether a request may also have values that are not in `enum`
    term: str = ""  # set of allowed values, by its key in `terms.toml`


@dataclass(eq=False)
class ListOf:
    """List of values of one type."""

    item: Shape
    seen: Evidence = field(default_factory=Evidence)


@dataclass(eq=False)
class MapOf:
    """JSON object whose keys are data, such as account ids, and not field names."""

    value: Shape
    seen: Evidence = field(default_factory=Evidence)


@dataclass(eq=False)
class OneOf:
    """Type of a value that is one of several kinds of objects, as in some request bodies."""

    options: list[Record]


@dataclass(eq=False)
class Field:
    """One field of a JSON object.

    Attributes:
        shape: the field's type; None if the document does not have the field.
        required: whether a request must contain the field.
        doc: description.
        name: name in Python.
        secret: whether logs and reprs hide the field's value.
        always: evidence that every response contains the field, such as
            `12 recordings, 3 examples`; empty if a response may omit the field.
        none: values that mean None in this field, besides null.
        time: format in which IBKR writes the time, a key of TIMES; empty if the field is no time.
        seen: kinds of values that were seen in recordings and examples.
    """

    shape: Shape | None
    required: bool = False
    doc: str = ""
    name: str = ""
    secret: bool = False
    always: str = ""
    none: tuple[str | int, ...] = ()
    time: str = ""
    seen: Evidence = field(default_factory=Evidence)


@dataclass(eq=False)
class Record:
    """JSON object with named fields, which becomes a msgspec Struct.

    Attributes:
        where: place of the object: the name of a schema or a call, followed by the names of the
            fields that lead to the object.
        name: name of the class.
        doc: description.
        fields: fields by JSON name.
        module: module of the class; empty for the module of its group.
        by_hand: whether the class is written by hand and not generated.
        aliases: IBKR sends some fields under different JSON names. Key: another JSON name of a
            field. Value: the JSON name of this field in `fields`.
        symbol: JSON names of the fields that name the instrument, the best one first.
    """

    where: str
    name: str
    doc: str = ""
    fields: dict[str, Field] = field(default_factory=dict)
    module: str = ""
    by_hand: bool = False
    aliases: dict[str, str] = field(default_factory=dict)
    symbol: tuple[str, ...] = ()


Shape: TypeAlias = Scalar | ListOf | MapOf | OneOf | Record

ANY = Scalar("any")


def choices(shape: Shape | None) -> tuple[str | int, ...]:
    """Return the allowed values of a field in a request; empty if all values are allowed.

    For a field with a list, these are the allowed values of its items.
    """
    item = shape.item if isinstance(shape, ListOf) else shape
    if not isinstance(item, Scalar) or item.open or item.kind not in ("int", "str"):
        return ()
    return tuple(map(int, item.enum)) if item.kind == "int" else item.enum


def merge(one: Shape, other: Shape, where: str, name: str) -> Shape:
    """Return a single type for values that have one of two types."""
    if one is other:
        return one
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return _merge_scalars(one, other)
    if isinstance(one, ListOf) and isinstance(other, ListOf):
        return ListOf(merge(one.item, other.item, where, name))
    if isinstance(one, MapOf) and isinstance(other, MapOf):
        return MapOf(merge(one.value, other.value, where, name))
    if isinstance(one, Record) and isinstance(other, Record):
        return merge_records([one, other], where, name)
    if one == ANY:
        return other
    if other == ANY:
        return one
    return ANY


def merge_records(records: list[Record], where: str, name: str) -> Record:
    """Merge objects into one with all their fields.

    A field of the result is required if it is required in each of the objects.
    """
    unique = list({id(each): each for each in records}.values())
    if len(unique) == 1:
        return unique[0]
    result = Record(where, name)
    for record in unique:
        for wire, each in record.fields.items():
            known = result.fields.get(wire)
            if known is None:
                result.fields[wire] = Field(each.shape, each.required, each.doc)
            elif known.shape is not None and each.shape is not None:
                inner = name + wire[:1].upper() + wire[1:]
                known.shape = merge(known.shape, each.shape, f"{where}.{wire}", inner)
    for wire, each in result.fields.items():
        each.required = all(
            wire in record.fields and record.fields[wire].required for record in unique
        )
    return result


def _merge_scalars(one: Scalar, other: Scalar) -> Scalar:
    if one.kind == other.kind:
        enum = tuple(dict.fromkeys(one.enum + other.enum)) if one.enum and other.enum else ()
        return Scalar(one.kind, enum, one.format or other.format)
    kinds = {one.kind, other.kind}
    if kinds == {"int", "decimal"}:
        return Scalar("decimal")
    return Scalar("str") if "str" in kinds and "any" not in kinds else ANY


def attach(shape: Shape, seen: Evidence) -> None:
    """Add evidence from real responses to a type, and to the types inside it."""
    if isinstance(shape, Record) and seen.keys is not None:
        for wire, each in seen.keys.items():
            known = shape.fields.setdefault(wire, Field(None))
            known.seen.merge(each)
            if known.shape is not None:
                attach(known.shape, each)
    elif isinstance(shape, ListOf):
        # Where the document has a list, the gateway may send a single object. Evidence for this
        # object is then evidence for the list's items.
        bare = None if seen.keys is None else Evidence(keys=seen.keys)
        for item in (seen.item, bare):
            if item is not None:
                shape.seen.merge(item)
                attach(shape.item, item)
    elif isinstance(shape, MapOf) and seen.keys is not None:
        for each in seen.keys.values():
            shape.seen.merge(each)
            attach(shape.value, each)


def records(shape: Shape | None, seen: set[int] | None = None) -> Iterator[Record]:
    """Yield the objects inside a type, inner objects before outer ones."""
    seen = set() if seen is None else seen
    if isinstance(shape, ListOf):
        yield from records(shape.item, seen)
    elif isinstance(shape, MapOf):
        yield from records(shape.value, seen)
    elif isinstance(shape, OneOf):
        for option in shape.options:
            yield from records(option, seen)
    elif isinstance(shape, Record) and id(shape) not in seen:
        seen.add(id(shape))
        for each in shape.fields.values():
            yield from records(each.shape, seen)
        yield shape
