"""Decoder that reads empty text in place of numbers, booleans and times as null.

The gateway sends ``""`` for a missing number, boolean or time. msgspec accepts that only for text,
and repairing a response field by field takes more than ten times as long as one pass. The decoder
therefore replaces ``""`` by ``null`` in the bytes, for fields where both mean the same.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from .inspection import Reentered, inspect

_PLAIN_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


class Decoder:
    """Decoder of one type, which remembers the fields that the gateway sent empty.

    Args:
        type_: type of the decoded value.
    """

    def __init__(self, type_: Any) -> None:
        self._type = type_
        self._decode = msgspec.json.Decoder(type_, strict=False).decode
        self._names: frozenset[str] | None = None
        self._found: tuple[tuple[bytes, bytes], ...] = ()

    def decode(self, body: bytes) -> Any:
        """Decode a response.

        Raises:
            msgspec.ValidationError: a value does not fit for another reason.
            msgspec.MsgspecError: the body is not JSON.
        """
        for blank, null in self._found:
            body = body.replace(blank, null)
        while True:
            try:
                return self._decode(body)
            except msgspec.ValidationError as error:
                pair = self._look_for(error, body)
                if pair is None:
                    raise
                self._found += (pair,)
                body = body.replace(*pair)

    def _look_for(self, error: msgspec.ValidationError, body: bytes) -> tuple[bytes, bytes] | None:
        """Return the bytes to replace and their replacement; None if that does not help."""
        name = str(error).rpartition(".")[2].rstrip("`")
        if self._names is None:
            try:
                self._names = names_of_empty_values(getattr(self._type, "__watched__", self._type))
            except Reentered:
                return None
        if name not in self._names:
            return None
        # No text value can contain these bytes, because its quotes would be escaped.
        for colon in (":", ": "):
            blank = f'"{name}"{colon}""'.encode()
            if blank in body:
                return blank, f'"{name}"{colon}null'.encode()
        return None


def names_of_empty_values(type_: Any) -> frozenset[str]:
    """Return the JSON names of the fields for which empty text means None.

    Fields with a name that is text anywhere in the type are left out. The result is empty if the
    type contains mappings or foreign types, because their keys may equal a field's name.
    """
    # The import and the walk through the type are slow and needed for few types.
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

    def members(node: look.Type) -> list[look.Type]:
        return list(node.types) if isinstance(node, look.UnionType) else [node]

    def is_known(node: look.Type) -> bool:
        """Collect a type's fields; return False if it contains mappings or foreign types."""
        for part in members(node):
            if isinstance(part, look.ListType):
                if not is_known(part.item_type):
                    return False
            elif isinstance(part, look.StructType):
                if part.cls not in seen:
                    seen.add(part.cls)
                    if not all(is_known_field(field) for field in part.fields):
                        return False
            elif not isinstance(part, (*scalars, look.StrType, look.NoneType)):
                return False
        return True

    def is_known_field(field: look.Field) -> bool:
        parts = members(field.type)
        values = [each for each in parts if not isinstance(each, look.NoneType)]
        nullable = len(values) < len(parts)
        if nullable and len(values) == 1 and isinstance(values[0], scalars):
            blank.add(field.encode_name)
        else:
            other.add(field.encode_name)
        return is_known(field.type)

    if not is_known(inspect(lambda: look.type_info(type_))):
        return frozenset()
    return frozenset(name for name in blank - other if _PLAIN_NAME.issuperset(name))
