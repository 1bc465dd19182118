"""Makes schemas of models for pydantic and FastAPI; only pydantic loads this module."""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Mapping
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from pydantic_core import core_schema

# The models' annotations contain marker classes of `_wire` with the names of these types. A marker
# means the type of the same name.
_PLAIN: Final[dict[str, type]] = {
    each.__name__: each for each in (datetime, date, str, int, Decimal)
}

_making: Final[ContextVar[frozenset[type]]] = ContextVar("_making", default=frozenset())


def schema_of(
    model: type[msgspec.Struct],
    generate: Callable[[Any], core_schema.CoreSchema],
    needed: Collection[str],
    values: Callable[[Any], dict[str, Any]],
    *,
    typed: bool,
) -> core_schema.CoreSchema:
    """Return the pydantic schema of a model.

    With the schema, pydantic accepts instances of the model, and mappings with the fields by their
    Python names. Pydantic also uses the Python names when it writes an instance.

    Args:
        model: the model.
        generate: pydantic's function that makes the schema of a type.
        needed: names of the model's required fields.
        values: function that converts an instance to the dict that pydantic writes.
        typed: whether the keys of the dict that `values` returns are the model's fields, so that
            the types of the dict's values are known.
    """
    ref = f"{model.__module__}.{model.__qualname__}:{id(model)}"
    making = _making.get()
    if model in making:  # a field of the model contains the same model
        return core_schema.definition_reference_schema(ref)
    token = _making.set(making | {model})
    hints = get_type_hints(model)
    try:
        members = {
            name: core_schema.typed_dict_field(
                generate(_plain(hints[name])), required=name in needed
            )
            for name in model.__struct_fields__
        }
    finally:
        _making.reset(token)
    by_field = core_schema.typed_dict_schema(
        members,
        cls=cast("Any", model),
        cls_name=model.__name__,
    )

    def make(found: dict[str, Any]) -> msgspec.Struct:
        return model(**found)

    written = core_schema.plain_serializer_function_ser_schema(
        values, return_schema=by_field if typed else core_schema.dict_schema()
    )
    made = core_schema.no_info_after_validator_function(make, by_field)
    return core_schema.json_or_python_schema(
        json_schema=made,
        python_schema=core_schema.union_schema(
            [core_schema.is_instance_schema(model), made], mode="left_to_right"
        ),
        serialization=written,
        ref=ref,
    )


def _plain(hint: Any) -> Any:
    """Return an annotation with plain types in place of bezant's own, and dict for Mapping."""
    origin, members = get_origin(hint), tuple(_plain(each) for each in get_args(hint))
    if origin in (Union, types.UnionType):
        return Union[members]  # noqa: UP007 - the members are known at run time only
    if origin is Mapping or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return cast("Any", dict)[members]
    if origin is not None:
        return cast("Any", origin)[members]
    if isinstance(hint, type) and hint.__module__.startswith("bezant._wire"):
        return _PLAIN.get(hint.__name__, hint)
    return hint
