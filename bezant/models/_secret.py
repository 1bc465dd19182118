"""Models that hold secrets."""

from __future__ import annotations

import msgspec


def shown(model: msgspec.Struct, *secrets: str) -> str:
    """Return what a model looks like, without its secrets."""
    pairs: list[str] = []
    for name in model.__struct_fields__:
        value: object = getattr(model, name)
        pairs.append(f"{name}=…" if value and name in secrets else f"{name}={value!r}")
    return f"{type(model).__name__}({', '.join(pairs)})"
