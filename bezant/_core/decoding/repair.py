"""Repairs a response that msgspec's fast pass refuses, by reading its values one by one."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Hashable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, NamedTuple, TypeGuard, Union, cast, get_args, get_origin

import msgspec

from ..._wire import converters
from ..._wire.bounds import is_fit
from ..._wire.field_types import NonEmpty, converter_of
from ...models._base import Model, incomplete, required
from .bars import timed
from .drift import Drift, Report
from .inspection import UNREADABLE, Reentered, convert

_LOST: Any = object()  # the value could not be read
_NOTHING: Any = object()  # the value is one of the gateway's spellings of "no value"


class _Place(NamedTuple):
    operation: str
    model: str
    field: str
    report: Report

    def lost(self, expected: str, value: object) -> Any:
        if self.field:
            self.report(
                Drift(self.operation, self.model, self.field, expected, _found(value)),
            )
        return _LOST


class _Scalar:
    """Reads a number, boolean, text or time with a converter that accepts all known spellings."""

    def __init__(self, type_: object, convert: Callable[[object], object]) -> None:
        self.name = _name(type_)
        self.convert = convert

    def repair(self, value: object, place: _Place) -> Any:
        try:
            converted = self.convert(value)
        except (ValueError, ArithmeticError):
            return place.lost(self.name, value)
        return _NOTHING if converted is None else converted


class _Native:
    """Reads a value with msgspec, for types whose values have only one spelling."""

    def __init__(self, type_: object) -> None:
        self.name = _name(type_)
        self.type = type_

    def repair(self, value: object, place: _Place) -> Any:
        if self.type is Any or self.type is object:
            return _with_floats(value)
        try:
            found = convert(value, self.type)
            return found if is_fit(found) else place.lost(self.name, value)
        except (*UNREADABLE, Reentered):
            return place.lost(self.name, value)


class _List:
    def __init__(self, type_: object, item: Hashable) -> None:
        self.name = _name(type_)
        self.item = item

    def repair(self, value: object, place: _Place) -> Any:
        if value == "":
            return _NOTHING
        if not isinstance(value, list):
            return place.lost(self.name, value)
        shape = _shape_of(self.item)
        if not place.field:
            place = place._replace(field="[]")
        rows = timed(cast("list[object]", value), self.item)
        return _without_shifts([shape.repair(each, place) for each in rows], shape, place)


class _Mapping:
    def __init__(self, type_: object, value: Hashable) -> None:
        self.name = _name(type_)
        self.value = value

    def repair(self, value: object, place: _Place) -> Any:
        if value == "":
            return _NOTHING
        if not isinstance(value, dict):
            return place.lost(self.name, value)
        shape = _shape_of(self.value)
        if not place.field:
            place = place._replace(field="{}")
        result: dict[str, Any] = {}
        for key, each in cast("dict[str, object]", value).items():
            repaired = shape.repair(each, place)
            if repaired is not _LOST and repaired is not _NOTHING:
                result[key] = repaired
        return result


def _without_shifts(repaired: list[Any], shape: _Shape, place: _Place) -> Any:
    """Return the list, with an empty element in the place of each unreadable element.

    So the readable elements keep their positions.

    An empty element is None or a model without values. The result is `_LOST` if neither is
    possible, or if it is a list of models and none can be read.
    """
    gaps = [each is _LOST or each is _NOTHING for each in repaired]
    if not any(gaps):
        return repaired
    if isinstance(shape, _Optional):
        empty: Any = None
    elif isinstance(shape, _Struct) and issubclass(shape.type, Model) and not all(gaps):
        empty = incomplete(shape.type, {}, place.operation)
    else:
        for each in repaired:
            if each is _NOTHING:
                place.lost(shape.name, "")
        return _LOST
    return [empty if gap else each for gap, each in zip(gaps, repaired, strict=True)]


class _Struct:
    def __init__(self, type_: type[msgspec.Struct]) -> None:
        self.name = type_.__name__
        self.type = type_
        self.fields: dict[str, tuple[str, Hashable]] | None = None
        self.required = required(type_)

    def repair(self, value: object, place: _Place) -> Any:
        if value == "":
            return _NOTHING
        if not isinstance(value, dict):
            return place.lost(self.name, value)
        # Not in __init__, which would never end for a model that refers to itself.
        if self.fields is None:
            self.fields = {
                each.encode_name: (each.name, each.type)
                for each in msgspec.structs.fields(self.type)
            }
        result: dict[str, Any] = {}
        unreadable: set[str] = set()
        for key, each in cast("dict[str, object]", value).items():
            if key in self.fields:
                name, type_ = self.fields[key]
                inner = place._replace(model=self.name, field=key)
                repaired = _shape_of(type_).repair(each, inner)
                if repaired is _LOST:
                    unreadable.add(name)
                elif repaired is not _NOTHING:
                    result[name] = repaired
        missing = [name for name in self.required if name not in result]
        if not missing:
            return self.type(**result)
        if not issubclass(self.type, Model):
            return place.lost(self.name, cast("object", value))
        wire = {name: (key, type_) for key, (name, type_) in self.fields.items()}
        for name in missing:
            if name not in unreadable:
                key, type_ = wire[name]
                found = cast("dict[str, object]", value).get(key, _NOTHING)
                place._replace(model=self.name, field=key).lost(_name(type_), found)
        return incomplete(self.type, result, place.operation)


class _Optional:
    def __init__(self, inner: _Shape) -> None:
        self.inner = inner

    def repair(self, value: object, place: _Place) -> Any:
        if value is None:
            return None
        repaired = self.inner.repair(value, place)
        return None if repaired is _NOTHING else repaired


def _with_floats(value: object) -> object:
    """Convert decimals in plain values to floats, as msgspec's fast pass returns them."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_with_floats(each) for each in cast("list[object]", value)]
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value).items()
        return {key: _with_floats(each) for key, each in pairs}
    return value


_Shape = _Scalar | _Native | _List | _Mapping | _Struct | _Optional

_CONVERTERS: dict[object, Callable[[object], object]] = {
    int: converters.to_int,
    float: converters.to_float,
    Decimal: converters.to_decimal,
    bool: converters.to_bool,
    str: converters.to_text,
    datetime: converters.to_time,
    date: converters.to_date,
}


@lru_cache(maxsize=4096)
def _shape_of(type_: Hashable) -> _Shape:
    origin = get_origin(type_)
    if convert_ := _CONVERTERS.get(type_) or converter_of(type_):
        return _Scalar(type_, convert_)
    if origin is Annotated:
        return _shape_of(get_args(type_)[0])
    if origin in (Union, types.UnionType):
        members = [each for each in get_args(type_) if each is not type(None)]
        inner = _shape_of(members[0]) if len(members) == 1 else _Native(Union[tuple(members)])  # noqa: UP007
        return _Optional(inner) if type(None) in get_args(type_) else inner
    if origin is list:
        return _List(type_, get_args(type_)[0])
    if origin is dict:
        return _Mapping(type_, get_args(type_)[1])
    if _is_struct(type_):
        return _Struct(type_)
    return _Native(type_)


def _is_struct(type_: object) -> TypeGuard[type[msgspec.Struct]]:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _name(type_: object) -> str:
    if type_ == NonEmpty:
        return "non-empty str"
    if isinstance(type_, type) and not get_args(type_):
        return type_.__name__
    return re.sub(r"(?:[a-z_]+\.)+", "", str(type_))


_FOUND: dict[type, str] = {
    str: "text",
    bool: "a flag",
    int: "a number",
    float: "a number",
    Decimal: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def _found(value: object) -> str:
    if value is _NOTHING:
        return "nothing"
    return _FOUND.get(type(value), type(value).__name__)
