"""Converts the arguments of a method of `client.api` to the parts of its request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any, Final, Literal, NamedTuple, cast, get_args, get_origin
from urllib.parse import urlencode

import msgspec

from ..._wire.redaction import shown
from ...errors import InvalidRequest
from ...models._base import Model, peek
from ..http.messages import Payload
from ..http.request import encode_body, fill_path
from ._base import Endpoint

_MODELS: Final = Model.__module__.rpartition(".")[0]
JWT = "application/jwt"
FORM = "application/x-www-form-urlencoded"


class Arranged(NamedTuple):
    """Parts of a request: path below the base path, query values, and the JSON body."""

    path: str
    params: dict[str, object] | None
    json: object


def arrange(endpoint: Endpoint, values: Mapping[str, object]) -> Arranged:
    """Return the parts of the request for a method's arguments; omit arguments that are None.

    Raises:
        InvalidRequest: an argument cannot be sent.
    """
    if endpoint.models:
        values = {**values, **_as_models(endpoint, values)}
    if endpoint.forms:
        from ._forms import check  # imported here: few operations need it

        check(endpoint.forms, values, endpoint.operation.name)
    for name, value in values.items():
        refuse_unknown(value, endpoint.choices.get(name, ()), name, endpoint.operation.name)
    path = fill_path(
        endpoint.operation.path, {wire: values[name] for name, wire in endpoint.path.items()}
    )
    params = _given(endpoint.query, values)
    extra = values.get("query") if endpoint.extra else None
    if isinstance(extra, Mapping):
        params.update(cast("Mapping[str, object]", extra))
    headers = {key: str(value) for key, value in _given(endpoint.header, values).items()}
    return Arranged(path, params or None, _payload(endpoint, values, tuple(headers.items())))


def _as_models(endpoint: Endpoint, values: Mapping[str, object]) -> dict[str, object]:
    """Return the arguments that may be models, with plain mappings converted to these models.

    Raises:
        InvalidRequest: a mapping has other fields than the model, or lacks a required field.
    """
    found: dict[str, object] = {}
    for name, model in endpoint.models.items():
        value, operation = values[name], endpoint.operation.name
        if model.startswith("list["):
            if isinstance(value, list | tuple):
                found[name] = [
                    _as_model(each, model[5:-1], f"{name}[{number}]", operation)
                    for number, each in enumerate(cast("Sequence[object]", value))
                ]
        else:
            found[name] = _as_model(value, model, name, operation)
    return found


def _as_model(value: object, model: str, place: str, operation: str) -> object:
    """Convert a mapping to a model; return other values unchanged.

    The keys of the mapping are Python names of the model's fields or the names that IBKR's JSON
    uses.

    Raises:
        InvalidRequest: the mapping has an unknown or repeated field, or lacks a required one.
    """
    if not isinstance(value, Mapping):
        return value
    module, _, name = model.partition(".")
    kind: type[Model] = getattr(import_module(f"{_MODELS}.{module}"), name)
    fields = msgspec.structs.fields(kind)
    names = {key: each.name for each in fields for key in (each.name, each.encode_name)}
    told: dict[str, object] = {}
    for key, each in cast("Mapping[object, object]", value).items():
        field = names.get(key) if isinstance(key, str) else None
        if field is None or field in told:
            what = f"no field {shown(key)}" if field is None else f"{shown(key)} twice"
            raise InvalidRequest(
                f"{place} has {what}; use the fields of {name}; nothing was sent",
                operation=operation,
            )
        told[field] = each
    for each in fields:
        if each.required and told.get(each.name) is None:
            raise InvalidRequest(
                f"{place} has no {each.encode_name}, which {name} requires; nothing was sent",
                operation=operation,
            )
    return kind(**told)


def _given(names: Mapping[str, str], values: Mapping[str, object]) -> dict[str, object]:
    return {wire: values[name] for name, wire in names.items() if values[name] is not None}


def _payload(
    endpoint: Endpoint, values: Mapping[str, object], headers: tuple[tuple[str, str], ...]
) -> object:
    name = endpoint.operation.name
    match endpoint.sends:
        case "fields":
            _refuse_unfit(endpoint, values)
            json: object = _given(endpoint.body, values)
        case "whole":
            json = values["body"]
        case "signed":
            json = values["body"]
            if isinstance(json, str):
                return Payload(_ascii(json, name), JWT, headers)
        case "form":
            text = {key: str(value) for key, value in _given(endpoint.body, values).items()}
            return Payload(urlencode(text).encode(), FORM, headers)
        case _:
            return Payload(headers=headers) if headers else None
    if json is None or isinstance(json, bytes):
        raise InvalidRequest(
            "body must be given as plain values or a model, not as bytes", operation=name
        )
    return Payload(encode_body(json, name), headers=headers) if headers else json


# Key: a kind of field (`Endpoint.kinds`). Value: its type, and its description in errors.
_KINDS: Final[Mapping[str, tuple[Any, str]]] = {
    "int": (int, "a whole number"),
    "decimal": (Decimal, "a number"),
    "bool": (bool, "True or False"),
    "str": (str, "text"),
    "list[int]": (list[int], "a list of whole numbers"),
    "list[decimal]": (list[Decimal], "a list of numbers"),
    "list[bool]": (list[bool], "a list of True and False"),
    "list[str]": (list[str], "a list of texts"),
    "list[any]": (list[Any], "a list"),
}


def _refuse_unfit(endpoint: Endpoint, values: Mapping[str, object]) -> None:
    """Check that the arguments for a body's fields have the right types.

    Raises:
        InvalidRequest: an argument has the wrong type.
    """
    for name in _given({name: name for name in endpoint.kinds}, values):
        value = values[name]
        given = type(value).__name__  # the value is not shown: it may be a secret
        kind, words = _KINDS[endpoint.kinds[name]]
        try:
            plain: object = msgspec.to_builtins(value, builtin_types=(Decimal,))
            meant = msgspec.convert(plain, kind, strict=False)
        except (TypeError, ValueError, RecursionError, OverflowError) as error:
            what = str(error)
        else:
            if isinstance(value, bytes | bytearray | memoryview):
                what = "decode it first"
            elif isinstance(meant, Decimal) and not meant.is_finite():
                what = "it is not finite"
            else:
                continue
        raise InvalidRequest(
            f"{name} must be {words}, not this {given} ({what})", operation=endpoint.operation.name
        )


def refuse_unknown(
    value: object, allowed: tuple[str | int, ...], name: str, operation: str
) -> None:
    """Raise an error if a value is not allowed, or a list item or a model's field has such a value.

    Raises:
        InvalidRequest: a value is not allowed; the message lists the allowed values.
    """
    if value is None:
        return
    if isinstance(value, Model):
        for field, these in _choices_of(type(value)):
            refuse_unknown(peek(value, field), these, f"{name}.{field}", operation)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for number, each in enumerate(cast("Sequence[object]", value)):
            # Other items cannot be wrong here. Skipping them saves time for long lists of ids.
            if allowed or isinstance(each, Model):
                refuse_unknown(each, allowed, f"{name}[{number}]", operation)
    elif allowed and value not in allowed:
        words = ", ".join(map(repr, allowed))
        raise InvalidRequest(
            f"{name} must be {'one of ' if len(allowed) > 1 else ''}{words}, not {shown(value)}; "
            "nothing was sent",
            operation=operation,
        )


@cache
def _choices_of(model: type[Model]) -> tuple[tuple[str, tuple[str | int, ...]], ...]:
    """Return each field of a model with its allowed values; no values if any value is allowed."""
    return tuple((each.name, _literals(each.type)) for each in msgspec.structs.fields(model))


def _literals(type_: Any) -> tuple[Any, ...]:
    if get_origin(type_) is Literal:
        return get_args(type_)
    return tuple(value for part in get_args(type_) for value in _literals(part))


def _ascii(text: str, operation: str) -> bytes:
    try:
        content = text.encode("ascii")
    except UnicodeEncodeError:
        content = b""
    if not content.strip():
        raise InvalidRequest(
            "body must be a signed JWT, which is ASCII text that is not empty", operation=operation
        )
    return content


def text_of(text: str) -> str:
    """Decode a response that is a JSON string; return other text unchanged."""
    if text.startswith('"'):
        try:
            return msgspec.json.decode(text.strip(), type=str)
        except (msgspec.MsgspecError, ValueError):
            return text
    return text
