"""Fast decoder for responses in which missing numbers, booleans or times are empty texts.

The gateway writes ``""`` for a missing number. msgspec accepts ``""`` for text fields only, and
repairing a whole response field by field takes more than ten times as long as one pass of msgspec.
So this module replaces ``""`` by ``null`` in the bytes before decoding, in those fields in which
both mean "no value".
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from ..._wire.field_types import is_marker, may_be_empty, read
from .inspection import Reentered, inspect

_PLAIN_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
# Matches a field whose value is an empty text. A match is never part of a longer JSON text, because
# quotes within a text are escaped.
_EMPTY: Final = rb'"([A-Za-z0-9_-]+)"(: ?)""'


class Decoder:
    """Decoder of one type. It remembers which fields the gateway has sent as empty texts.

    Args:
        type_: the type of the response.
    """

    def __init__(self, type_: Any) -> None:
        self._type = type_
        self._decode = msgspec.json.Decoder(type_, strict=False, dec_hook=read).decode
        self._names: frozenset[bytes] | None = None
        self._found: tuple[tuple[bytes, bytes], ...] = ()

    def decode(self, body: bytes) -> Any:
        """Decode a response.

        Raises:
            msgspec.ValidationError: a value does not fit the type. An empty text that means "no
                value" counts as fitting.
            msgspec.MsgspecError: the body is not JSON.
        """
        for empty, null in self._found:
            body = body.replace(empty, null)
        try:
            return self._decode(body)
        except msgspec.ValidationError:
            pairs = self._look_for_empty(body)
            if not pairs:
                raise
        self._found += pairs
        for empty, null in pairs:
            body = body.replace(empty, null)
        return self._decode(body)

    def _look_for_empty(self, body: bytes) -> tuple[tuple[bytes, bytes], ...]:
        """Return pairs: the bytes of each field with an empty text, and the same with null."""
        if self._names is None:
            try:
                names = names_of_empty_values(getattr(self._type, "__watched__", self._type))
            except Reentered:
                return ()
            self._names = frozenset(name.encode() for name in names)
        if not self._names:
            return ()
        found = {match.groups() for match in re.finditer(_EMPTY, body) if match[1] in self._names}
        return tuple(
            (b'"%b"%b""' % (name, colon), b'"%b"%bnull' % (name, colon))
            for name, colon in sorted(found)
        )


def names_of_empty_values(type_: Any) -> frozenset[str]:
    """Return the JSON names of the fields in which an empty text means None.

    A name is left out if a field of that name is text anywhere in the type. For a type with
    mappings the result is empty: a key of a mapping may equal one of the names, and an empty text
    may be a real value there.
    """
    # Imported here, because the import takes time and few types need it.
    import msgspec.inspect as look

    blank: set[str] = set()
    other: set[str] = set()
    seen: set[type] = set()
    scalars = (
        look.IntType,
        look.FloatType,
        look.DecimalType,
        look.BoolType,
        look.DateTimeType,
        look.DateType,
    )

    def is_blank(part: look.Type) -> bool:
        if isinstance(part, look.CustomType):
            return may_be_empty(part.cls)
        return isinstance(part, scalars)

    def members(node: look.Type) -> list[look.Type]:
        return list(node.types) if isinstance(node, look.UnionType) else [node]

    def is_known(node: look.Type) -> bool:
        """Collect the fields of a type; return False if it has mappings or unsupported types."""
        for part in members(node):
            if isinstance(part, look.ListType):
                if not is_known(part.item_type):
                    return False
            elif isinstance(part, look.StructType):
                if part.cls not in seen:
                    seen.add(part.cls)
                    if not all(is_known_field(field) for field in part.fields):
                        return False
            elif isinstance(part, look.CustomType):
                if not is_marker(part.cls):
                    return False
            elif not isinstance(part, (*scalars, look.StrType, look.LiteralType, look.NoneType)):
                return False
        return True

    def is_known_field(field: look.Field) -> bool:
        parts = members(field.type)
        values = [each for each in parts if not isinstance(each, look.NoneType)]
        nullable = len(values) < len(parts)
        if nullable and len(values) == 1 and is_blank(values[0]):
            blank.add(field.encode_name)
        else:
            other.add(field.encode_name)
        return is_known(field.type)

    if not is_known(inspect(lambda: look.type_info(type_))):
        return frozenset()
    return frozenset(name for name in blank - other if _PLAIN_NAME.issuperset(name))
