"""Contracts as IBKR writes them in one text: ``265598``, ``265598@NYSE``, or a combination.

A combination looks like ``28812380;;;43645865/1,9408/-1``. First comes IBKR's common conid of all
spreads in a currency, then the conid and the ratio of each leg. A leg with a negative ratio is
sold.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_COMBINATION: Final = ";;;"
_LEG = r"[0-9]{1,19}/[+-]?[0-9]{1,6}"
_FORM: Final = rf"([0-9]{{1,19}})(?:@([A-Za-z0-9]{{1,32}}))?(?:{_COMBINATION}({_LEG}(?:,{_LEG})*))?"


class ConidEx(NamedTuple):
    """A contract with its exchange and its legs.

    Attributes:
        conid: the contract's id; for a combination, IBKR's common id of all spreads in its
            currency.
        exchange: the exchange; empty if IBKR chooses it.
        legs: the legs of a combination with their ratios, as text; empty for any other contract.
    """

    conid: int
    exchange: str
    legs: str

    @property
    def text(self) -> str:
        """The contract as IBKR writes it."""
        exchange = f"@{self.exchange}" if self.exchange else ""
        return f"{self.conid}{exchange}{_COMBINATION if self.legs else ''}{self.legs}"


def parse(text: str) -> ConidEx | None:
    """Return the parts of a contract's text; None if it does not have this form."""
    found = re.fullmatch(_FORM, text)
    if found is None or int(found[1]) == 0:
        return None
    # The plus sign of a ratio is removed, because the gateway may misread it in a stream's topic,
    # whose parts are separated by plus signs.
    return ConidEx(int(found[1]), (found[2] or "").upper(), (found[3] or "").replace("/+", "/"))


def without_exchange(text: str) -> str:
    """Return a contract's text without its exchange."""
    head, separator, legs = text.partition(_COMBINATION)
    return f"{head.partition('@')[0]}{separator}{legs}"


def conid_of(text: str) -> int:
    """Return the conid in a text that `parse` accepts."""
    return int(text.partition(";")[0].partition("@")[0])


def is_combination(text: str) -> bool:
    """Return whether a contract's text is that of a combination."""
    return _COMBINATION in text
