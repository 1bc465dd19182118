"""Base class of all models, and a mixin for model objects in which a required value is missing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Final, Self, TypeVar, cast

import msgspec
from msgspec import UNSET

from ..errors import MissingValue

M = TypeVar("M", bound="Model")


class Portable(msgspec.Struct, kw_only=True, frozen=True):
    """Base class of values that convert to a dict and to JSON, and work in pydantic models."""

    def has(self, name: str) -> bool:
        """Return whether a field has a value: the response contained it, and it could be read.

        Args:
            name: the field's name in Python, such as ``"market_price"``.

        Raises:
            AttributeError: the model has no such field.
        """
        if name not in self.__struct_fields__:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")
        return peek(self, name) is not None

    def to_dict(self) -> dict[str, Any]:
        """Return a dict of the fields by their Python names; models in fields become dicts, too.

        Values stay Python values (`Decimal`, `datetime`); sets become sorted lists. Optional fields
        without a value are None. A required field without a value is left out.
        """
        return {name: _plain(value) for name, value in _values(self).items()}

    def to_json(self) -> str:
        """Return the result of `to_dict` as JSON text.

        Numbers keep all digits, and times are in ISO 8601.
        """
        return _encode(self.to_dict()).decode()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Return the model's schema; pydantic calls this for fields of its own models."""
        from ._pydantic import schema_of  # imported here because pydantic may not be installed

        own = "to_dict" in vars(cls)
        values = cls.to_dict if own else _values
        return schema_of(cls, handler.generate_schema, required(cls), values, typed=not own)


class Model(Portable, kw_only=True, frozen=True, omit_defaults=True, gc=False):
    """Typed response of the gateway.

    Most fields are optional: None if the response does not have the field, leaves it empty, or
    holds a value that cannot be read. Required fields, which IBKR normally sends in every response,
    have a plain type such as `str`. If a required field is missing nevertheless, reading it raises
    `MissingValue`; you can still read all other fields. `has` returns whether a field has a value.
    The repr leaves out fields that are None.
    """

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Decode stored JSON into the model, exactly as a client does.

        The method accepts the same spellings of values as a client, and issues a `DriftWarning` for
        each value that does not have the declared type. The method is thread-safe. Msgspec's own
        decoder is not thread-safe until it has decoded each type once.

        Args:
            data: one JSON object, such as the body of a response.

        Raises:
            DecodeError: the data is not a JSON object, or the model is for requests only.
        """
        # The imports are here, because these modules import this module themselves.
        from .._core.decoding.reading import from_json
        from .._runtime._shared.inspection import lock_inspections

        lock_inspections()
        return from_json(data, cls)

    def __repr__(self) -> str:
        there = ", ".join([f"{name}={value!r}" for name, value in self.__rich_repr__()])
        return f"{type(self).__name__}({there})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return pairs(self)


_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def to_json_default(value: object) -> object:
    """Return a value in a form that `json.dumps` accepts; pass this function as ``default``.

    Models and messages become dicts by Python names; a `Decimal` becomes text with all its digits,
    as in pydantic; times and dates become ISO 8601, sets sorted lists, and bytes text in Base64.

    Raises:
        TypeError: the value is of another type.
    """
    if isinstance(value, Portable):
        return value.to_dict()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(cast("frozenset[str]", value))
    if isinstance(value, bytes):
        return cast("object", msgspec.to_builtins(value))
    msg = f"{type(value).__name__} has no form in JSON; pass models, numbers, times or text"
    raise TypeError(msg)


def fields(model: msgspec.Struct) -> list[tuple[str, Any]]:
    """Return the name and value of each field of a model.

    The value is msgspec's UNSET for a required field that was missing in the response.
    """
    return list(zip(model.__struct_fields__, msgspec.structs.astuple(model), strict=True))


def _values(model: msgspec.Struct) -> dict[str, Any]:
    return {name: value for name, value in fields(model) if value is not UNSET}


def peek(model: msgspec.Struct, name: str) -> Any:
    """Return a field's value; None, without an error, if the field has no value."""
    value = object.__getattribute__(model, name)
    return None if value is UNSET else value


def pairs(model: msgspec.Struct) -> list[tuple[str, Any]]:
    """Return the name and value of each field that a model's repr shows."""
    return [
        (name, MISSING if value is UNSET else value)
        for name, value in fields(model)
        if value is not None
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, Portable):
        return value.to_dict()
    if isinstance(value, frozenset):
        return sorted(cast("frozenset[str]", value))
    if isinstance(value, list | tuple):
        return [_plain(each) for each in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in cast("dict[str, object]", value).items()}
    return value


class _Missing:
    """Placeholder that a repr shows for a required field without a value."""

    def __repr__(self) -> str:
        return "<missing>"


MISSING: Final = _Missing()


class _Incomplete:
    """Mixin for model objects in which at least one required field has no value.

    Complete objects do not use this mixin, so reading their fields is as fast as usual. The slot of
    a missing value holds msgspec's UNSET, which msgspec leaves out of JSON.
    """

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if value is UNSET:
            operation = super().__getattribute__("__dict__")["operation"]
            model = type(self).__name__
            raise MissingValue(
                f"{model}.{name} has no value: the gateway left it out, or sent something that "
                f'cannot be read; check has("{name}") before you read it, or skip this {model}',
                operation=operation,
                field=name,
                model=model,
            )
        return value

    def __reduce__(self) -> tuple[Any, ...]:
        model: Any = self
        values = {name: value for name, value in fields(model) if value is not UNSET}
        return incomplete, (type(model).__bases__[1], values, model.__dict__["operation"])

    def __copy__(self) -> Any:
        make, arguments = self.__reduce__()
        return make(*arguments)


_classes: dict[type[Model], Any] = {}


def incomplete(model: type[M], values: dict[str, Any], operation: str) -> M:
    """Create an instance of a model in which some required fields have no value.

    Args:
        model: the model.
        values: the values of the fields that have one, by field name.
        operation: the call or topic from which the values come, for the errors about missing
            values.
    """
    made: Any = _classes.get(model)
    if made is None:
        kind = cast("Any", type(model))
        names = {"__module__": model.__module__, "__qualname__": model.__qualname__}
        options = {"frozen": True, "kw_only": True, "dict": True, "gc": True}
        made = kind(model.__name__, (_Incomplete, model), names, **options)
        made = _classes.setdefault(model, made)
    lost = dict.fromkeys(required(model), UNSET)
    found = made(**{**lost, **values})
    found.__dict__["operation"] = operation
    return cast("M", found)


def narrowed(found: Model, model: type[M]) -> M:
    """Convert an instance of a subclass of a model to an instance of the model itself.

    Args:
        found: the instance of the subclass; its required fields may be without a value.
        model: the model.
    """
    names = frozenset(model.__struct_fields__)
    values = {name: value for name, value in fields(found) if name in names and value is not UNSET}
    if isinstance(found, _Incomplete):
        return incomplete(model, values, found.__dict__["operation"])
    return model(**values)


def required(model: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the names of a model's required fields: those without a default value."""
    names, defaults = model.__struct_fields__, model.__struct_defaults__
    if len(defaults) < len(names):
        defaults = (msgspec.NODEFAULT,) * (len(names) - len(defaults)) + defaults
    return tuple(
        name for name, each in zip(names, defaults, strict=True) if each is msgspec.NODEFAULT
    )


__all__ = ["Model", "to_json_default"]
