"""Which states of an order are final, in the wire's spellings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_FINISHED: Final = frozenset(
    {
        "apicancelled", "cancelled", "canceled", "expired", "filled", "inactive", "rejected",
    }
)  # fmt: skip


def is_working(row: Mapping[str, Any]) -> bool:
    """Say whether an order can still be filled."""
    status = row.get("status")
    return not isinstance(status, str) or status.strip().lower() not in _FINISHED
