"""Reads the symbol from a response with contract definitions (``GET /trsrv/secdef``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast


def ticker_in(found: object) -> str | None:
    """Return the symbol of the first contract with a symbol; None if no contract has a symbol."""
    if not isinstance(found, Mapping):
        return None
    rows = cast("Mapping[str, object]", found).get("secdef")
    for row in cast("list[object]", rows) if isinstance(rows, list) else []:
        if isinstance(row, Mapping):
            ticker = cast("Mapping[str, object]", row).get("ticker")
            if isinstance(ticker, str) and ticker:
                return ticker
    return None
