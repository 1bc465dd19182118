"""From bytes to models, tolerantly.

The fast way is one pass of msgspec over the bytes with the model's own types. Only where a value
does not fit is the answer read once more and mended field by field: a field that can be read in
another spelling gets its value, one that cannot becomes ``UNSET`` and is reported as drift, and
everything around it stays.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Hashable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import (
    Annotated,
    Any,
    Final,
    NamedTuple,
    TypeGuard,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

import msgspec
from msgspec import UNSET, UnsetType

from .._wire import converters
from .._wire.bounds import LONGEST, is_fit, may_be_unfit, row_may_be_unfit
from .._wire.redaction import excerpt
from ..errors import DecodeError
from .blanks import FastDecoder
from .inspection import Reentered, convert, inspect

T = TypeVar("T")


class Drift(NamedTuple):
    """A field whose value did not have the type that the model says.

    Attributes:
        operation: the call whose answer it was in.
        model: the model's name.
        field: the field's name on the wire.
        expected: the type in the model.
        found: the JSON type that came; never the value.
    """

    operation: str
    model: str
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        return (
            f"{self.operation}: {self.model}.{self.field} should be {self.expected}, "
            f"the gateway sent {self.found}"
        )


Report = Callable[[Drift], None]

_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError, ArithmeticError)

_decoders: dict[Hashable, FastDecoder] = {}
_REMEMBERED: Final = 1024


def decoder(type_: Hashable) -> FastDecoder:
    """Return a type's decoder.

    Raises:
        TypeError: msgspec cannot decode into it.
        Reentered: this thread is in the middle of inspecting a type.
    """
    # Kept in a mapping, because `lru_cache` lets threads make the first one at the same time.
    found = _decoders.get(type_)
    if found is None:
        found = inspect(lambda: _decoders.get(type_) or FastDecoder(type_))
        if len(_decoders) >= _REMEMBERED:  # the program creates types while it runs
            _decoders.clear()
        _decoders[type_] = found
    return found


# Beyond it writing a number out, or turning it into an int, takes a while.
_PLAIN_MAGNITUDE: Final = 1_000


# An exponent or a length beyond reason: lose the field, not the answer.
def _exactly(digits: str) -> Decimal | str:
    if len(digits) > LONGEST:
        return digits
    try:
        number = Decimal(digits)
    except ArithmeticError:
        return digits
    return number if abs(number.adjusted()) < _PLAIN_MAGNITUDE else digits


def _whole(digits: str) -> int | str:
    return digits if len(digits) > LONGEST else int(digits)


_plain = msgspec.json.Decoder()
_exact = msgspec.json.Decoder(float_hook=_exactly)


def decode(body: bytes, type_: type[T], *, operation: str, report: Report) -> T:
    """Decode an answer into a model, a list or mapping of models, or plain values.

    Args:
        body: JSON text.
        type_: what to make of it; ``Any`` for plain Python values.
        operation: the call, for errors and reports.
        report: is given each `Drift` found.

    Raises:
        DecodeError: the bytes are not JSON, or not of the outer shape that was asked for.
    """
    if cast("object", type_) is Any:
        return cast("T", plain(body, operation))
    try:
        found = decoder(cast("Hashable", type_)).decode(body)
        if not may_be_unfit(body) or is_fit(found):
            return cast("T", found)
    except RecursionError as error:
        raise _unreadable(body, operation, error) from None
    except (*_UNREADABLE, Reentered):
        pass
    try:
        value = _exact_values(body)
    except _UNREADABLE as error:
        raise _unreadable(body, operation, error) from None
    shape = _shape_of(cast("Hashable", type_))
    try:
        result = shape.mend(value, _Place(operation, _name(type_), "", report))
    except RecursionError as error:
        raise _unreadable(body, operation, error) from None
    if result is _LOST or result is _NOTHING:
        what = f"the answer should be {_name(type_)}, the gateway sent {_found(value)}"
        raise DecodeError(what, operation=operation, body=excerpt(body))
    return cast("T", result)


def mend(
    value: dict[str, Any], type_: type[T], *, operation: str, report: Report, fit: bool = False
) -> T:
    """Make a model of an object that has been decoded into plain values.

    Args:
        value: the object.
        type_: the model.
        operation: the call or topic, for reports.
        report: is given each `Drift` found.
        fit: whether all its numbers are known to be fit.
    """
    try:
        found = convert(value, type_)
        if fit or not row_may_be_unfit(value) or is_fit(found):
            return cast("T", found)
    except (*_UNREADABLE, Reentered):
        pass
    place = _Place(operation, type_.__name__, "", report)
    return cast("T", _shape_of(cast("Hashable", type_)).mend(value, place))


def plain(body: bytes, operation: str) -> Any:
    """Decode JSON into plain Python values.

    Raises:
        DecodeError: the bytes are not JSON.
    """
    try:
        return loads(body)
    except _UNREADABLE as error:
        raise _unreadable(body, operation, error) from None


def loads(body: bytes) -> Any:
    """Decode JSON; where a number is too large for a float, all fractions are exact decimals.

    Numbers beyond reason are texts then, and what `_lenient` reads is read.

    Raises:
        ValueError: the bytes are not JSON.
        RecursionError: they are nested too deeply.
    """
    try:
        return _plain.decode(body)
    except ValueError:
        return _exact_values(body)


def _exact_values(body: bytes) -> Any:
    try:
        return _exact.decode(body)
    except ValueError as error:
        try:
            return _lenient(body)
        except ValueError:
            raise error from None


# A surrogate without its other half, among other escapes.
_SURROGATE: Final = (
    r"(?s)\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)


def _lenient(body: bytes) -> Any:
    """Decode JSON with parts that are not JSON.

    Accepts text in another encoding or with control characters, half a surrogate pair, a byte order
    mark, and numbers that are not finite (None) or beyond reason (a text).

    Raises:
        ValueError: the bytes are not JSON.
        RecursionError: they are nested too deeply.
    """
    import json  # few need it

    def whole(match: re.Match[str]) -> str:
        return "\\ufffd" if match["half"] else match[0]

    text = body.decode("utf-8-sig", "replace")
    if "\\ud" in text or "\\uD" in text:
        text = re.sub(_SURROGATE, whole, text)
    return json.loads(
        text, strict=False, parse_float=_exactly, parse_int=_whole, parse_constant=lambda _: None
    )


def _unreadable(body: bytes, operation: str, error: BaseException) -> DecodeError:
    if not body:
        return DecodeError("the answer is empty where JSON was expected", operation=operation)
    reason = str(error) or type(error).__name__
    return DecodeError(
        f"the answer is not JSON ({reason}): {excerpt(body)!r}",
        operation=operation,
        body=excerpt(body),
    )


_LOST: Any = object()  # could not be read
_NOTHING: Any = object()  # one of the spellings of "nothing"


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
    """A number, flag, text or time: one converter."""

    def __init__(self, type_: object, convert: Callable[[object], object]) -> None:
        self.name = _name(type_)
        self.convert = convert

    def mend(self, value: object, place: _Place) -> Any:
        try:
            converted = self.convert(value)
        except (ValueError, ArithmeticError):
            return place.lost(self.name, value)
        return _NOTHING if converted is None else converted


class _Native:
    """A type that msgspec reads itself and for which there is no other spelling."""

    def __init__(self, type_: object) -> None:
        self.name = _name(type_)
        self.type = type_

    def mend(self, value: object, place: _Place) -> Any:
        if self.type is Any or self.type is object:
            return _with_floats(value)
        try:
            found = convert(value, self.type)
            return found if is_fit(found) else place.lost(self.name, value)
        except (*_UNREADABLE, Reentered):
            return place.lost(self.name, value)


class _List:
    def __init__(self, type_: object, item: Hashable) -> None:
        self.name = _name(type_)
        self.item = item

    def mend(self, value: object, place: _Place) -> Any:
        if value == "":
            return _NOTHING
        if not isinstance(value, list):
            return place.lost(self.name, value)
        shape = _shape_of(self.item)
        if not place.field:
            place = place._replace(field="[]")
        mended = (shape.mend(each, place) for each in cast("list[object]", value))
        return [each for each in mended if each is not _LOST and each is not _NOTHING]


class _Mapping:
    def __init__(self, type_: object, value: Hashable) -> None:
        self.name = _name(type_)
        self.value = value

    def mend(self, value: object, place: _Place) -> Any:
        if value == "":
            return _NOTHING
        if not isinstance(value, dict):
            return place.lost(self.name, value)
        shape = _shape_of(self.value)
        if not place.field:
            place = place._replace(field="{}")
        result: dict[str, Any] = {}
        for key, each in cast("dict[str, object]", value).items():
            mended = shape.mend(each, place)
            if mended is not _LOST and mended is not _NOTHING:
                result[key] = mended
        return result


class _Struct:
    def __init__(self, type_: type[msgspec.Struct]) -> None:
        self.name = type_.__name__
        self.type = type_
        self.fields: dict[str, tuple[str, Hashable]] | None = None

    def mend(self, value: object, place: _Place) -> Any:
        if value == "":
            return _NOTHING
        if not isinstance(value, dict):
            return place.lost(self.name, value)
        if self.fields is None:  # filled late: models may refer to themselves
            self.fields = {
                each.encode_name: (each.name, each.type)
                for each in msgspec.structs.fields(self.type)
            }
        result: dict[str, Any] = {}
        for key, each in cast("dict[str, object]", value).items():
            if key in self.fields:
                name, type_ = self.fields[key]
                inner = place._replace(model=self.name, field=key)
                mended = _shape_of(type_).mend(each, inner)
                if mended is not _LOST and mended is not _NOTHING:
                    result[name] = mended
        try:
            return self.type(**result)
        except TypeError:  # a field without a default is missing
            return place.lost(self.name, cast("object", value))


class _Maybe:
    def __init__(self, inner: _Shape, *, nullable: bool) -> None:
        self.inner = inner
        self.nullable = nullable

    def mend(self, value: object, place: _Place) -> Any:
        if value is None and self.nullable:
            return None
        mended = self.inner.mend(value, place)
        if mended is _NOTHING:
            return None if self.nullable else UNSET
        return mended


def _with_floats(value: object) -> object:
    """Give plain values the number types that the fast way gives them."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_with_floats(each) for each in cast("list[object]", value)]
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value).items()
        return {key: _with_floats(each) for key, each in pairs}
    return value


_Shape = _Scalar | _Native | _List | _Mapping | _Struct | _Maybe

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
    if origin is Annotated:
        return _shape_of(get_args(type_)[0])
    if origin in (Union, types.UnionType):
        members = [each for each in get_args(type_) if each not in (type(None), UnsetType)]
        nullable = type(None) in get_args(type_)
        if len(members) == 1:
            return _Maybe(_shape_of(members[0]), nullable=nullable)
        return _Maybe(_Native(Union[tuple(members)]), nullable=nullable)  # noqa: UP007
    if type_ in _CONVERTERS:
        return _Scalar(type_, _CONVERTERS[type_])
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
    return _FOUND.get(type(value), type(value).__name__)
