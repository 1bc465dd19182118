"""Makes the reprs of models that contain secrets."""

from __future__ import annotations

from typing import Any

from ._base import Model, pairs


class _Hidden:
    def __repr__(self) -> str:
        return "…"


_HIDDEN = _Hidden()


def shown(model: Model, *secrets: str) -> list[tuple[str, Any]]:
    """Return the name and value of each field for a repr, with the secret fields hidden.

    Args:
        model: the model.
        secrets: names of the model's secret fields.
    """
    return [(name, _HIDDEN if value and name in secrets else value) for name, value in pairs(model)]
