"""Writes a contract in the form that IBKR's market data calls take."""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

from ..._wire import conid_ex
from ..._wire.redaction import shown
from ...errors import InvalidRequest

# The limit keeps out numbers with thousands of digits, which Python refuses to convert to text.
_LARGEST: Final = 2**63 - 1


@runtime_checkable
class HasConid(Protocol):
    """Any object that knows its contract id, such as a listing or a position."""

    @property
    def conid(self) -> int | None:
        """IBKR's contract id."""
        ...


def contract_text(given: object) -> str:
    """Return the text by which IBKR's market data calls identify a contract.

    A contract is given as a conid (IBKR's contract id), such as 265598, or as text: ``265598@NYSE``
    adds an exchange, and a combination lists its legs. An object with a ``conid`` is given for it.

    Raises:
        InvalidRequest: `given` is neither a positive whole number nor the text of a contract.
    """
    if isinstance(given, str):
        found = conid_ex.parse(given)
        if found is not None:
            return found.text
    elif not isinstance(given, bool) and isinstance(given, int) and 0 < given <= _LARGEST:
        return str(given)
    elif not isinstance(given, int) and isinstance(given, HasConid):
        return _of_object(given)
    raise InvalidRequest(
        "conid must be a positive whole number such as 265598, or a text such as '265598@NYSE' or "
        f"'28812380;;;43645865/1,9408/-1', not {shown(given)}"
    )


def _of_object(given: HasConid) -> str:
    conid = given.conid
    if isinstance(conid, bool) or not isinstance(conid, int):
        raise InvalidRequest(f"the conid of a contract must be a number, not {shown(conid)}")
    return contract_text(conid)
