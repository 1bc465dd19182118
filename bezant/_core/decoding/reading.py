"""Models from JSON that somebody kept."""

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
    """Return a model of JSON, as a client reads it.

    Raises:
        DecodeError: it cannot be read.
    """
    name = f"{model.__name__}.from_json"
    if isinstance(data, str):
        data = data.encode("utf-8", "replace")
    elif not isinstance(data, bytes):
        raise DecodeError(f"give it text or bytes, not a {type(data).__name__}", operation=name)
    drifts: list[Drift] = []
    try:
        found = decode(data, model, operation=name, report=drifts.append)
    except TypeError as error:
        raise DecodeError(
            f"{model.__name__} is sent and never received: {error}", operation=name
        ) from None
    for drift in dict.fromkeys(drifts):
        warnings.warn(str(drift), DriftWarning, stacklevel=3)
    return with_times(found)
