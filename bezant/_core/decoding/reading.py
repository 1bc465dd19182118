"""Decodes models from stored JSON, for `Model.from_json`."""

from __future__ import annotations

import warnings
from typing import TypeVar

from ...errors import DecodeError, DriftWarning
from ...models._base import Model
from .bars import with_times
from .decoder import decode
from .drift import Drift

M = TypeVar("M", bound=Model)


def from_json(data: bytes | str, model: type[M]) -> M:
    """Decode JSON into a model with the same decoder that clients use for responses.

    Raises:
        DecodeError: the JSON cannot be read into the model.
    """
    name = f"{model.__name__}.from_json"
    if isinstance(data, str):
        data = data.encode("utf-8", "replace")
    elif not isinstance(data, bytes):
        raise DecodeError(
            f"data must be JSON as str or bytes, not {type(data).__name__}", operation=name
        )
    drifts: list[Drift] = []
    try:
        found = decode(data, model, operation=name, report=drifts.append)
    except TypeError as error:
        raise DecodeError(
            f"{model.__name__} is for requests only and cannot be read from JSON ({error}); "
            "build it with its constructor",
            operation=name,
        ) from None
    for drift in dict.fromkeys(drifts):
        warnings.warn(str(drift), DriftWarning, stacklevel=3)
    return with_times(found)
