"""Contracts of market data: a conid, or IBKR's text of a contract or of a combination."""

from __future__ import annotations

from typing import Final

from ..._wire import conid_ex
from ..._wire.redaction import shown
from ...errors import InvalidRequest

# Python refuses to convert a number with thousands of digits to text.
_LARGEST: Final = 2**63 - 1


def contract_text(given: object) -> str:
    """Return a contract as IBKR writes it.

    Raises:
        InvalidRequest: it is neither a positive whole number nor the text of a contract.
    """
    if isinstance(given, str):
        found = conid_ex.parse(given)
        if found is not None:
            return found.text
    elif not isinstance(given, bool) and isinstance(given, int) and 0 < given <= _LARGEST:
        return str(given)
    raise InvalidRequest(
        "conid must be a positive whole number such as 265598, or a text such as '265598@NYSE' or "
        f"'28812380;;;43645865/1,9408/-1', not {shown(given)}"
    )
