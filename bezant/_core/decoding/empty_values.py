"""Decodes, in one pass, responses in which numbers, flags or times are empty texts.

The gateway writes ``""`` for a missing number. msgspec accepts ``""`` for text fields only, and
repairing a whole response field by field takes more than ten times as long. So this module replaces
``""`` by ``null`` in the bytes, for the fields in which both mean the same.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from ..._wire.field_types import is_marker, may_be_empty, read
from .inspection import Reentered, inspect

_PLAIN_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
# These bytes cannot occur within a JSON text, in which both quotes would be escaped, so they are
# always a field and its value.
_EMPTY: Final = rb'"([A-Za-z0-9_-]+)"(: ?)""'


class Decoder:
    """Decoder of one type, which remembers the fields that the gateway has left empty.

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
            msgspec.ValidationError: a value that is not empty does not fit.
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
        """Return the replacements for a body: the bytes of each empty field, with null instead."""
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
    """Return the wire names of the fields that are None when the gateway leaves them empty.

    The result has no field that is text anywhere in the type. For a type with mappings, whose keys
    come from the gateway, the result is empty: an empty text there may be anything.
    """
    # The module is imported here, because the import and the walk through the type take time and
    # few types need them.
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
        """Collect the fields of a type; return False for a type with mappings or foreign types."""
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
