"""Which market data fields a subscription asks for."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Final, Self

from ..._wire.market_data_fields import ALIASES, CODES, MEANINGS, NAMES
from ..._wire.redaction import shown
from ...errors import InvalidRequest

# IBKR takes up to 50 fields in one request.
MAX_FIELDS: Final = 50
_DEFAULT_L1: Final = ("31", "84", "86", "88", "85", "7059")


class MarketDataFields:
    """An ordered set of market data fields, each once.

    Make one from our names or from IBKR's field ids::

        MarketDataFields.default_l1()
        MarketDataFields.from_names("last", "bid", "ask", "volume")
        MarketDataFields.from_codes("31", "7308")

    Two sets are joined with ``|``.
    """

    __slots__ = ("_codes",)

    def __init__(self, codes: Iterable[str | int]) -> None:
        if isinstance(codes, str):
            raise InvalidRequest(f"use MarketDataFields.from_codes({codes[:40]!r})")
        if not isinstance(codes, Iterable):
            raise InvalidRequest(f"codes must be field ids such as '31', not {shown(codes)}")
        found: dict[str, None] = {}
        for code in codes:
            if not isinstance(code, str | int) or not re.fullmatch(r"[0-9]{1,6}", _text(code)):
                raise InvalidRequest(f"{shown(code)} is not a field id, such as '31'")
            found[str(code)] = None
        if not found:
            raise InvalidRequest("name at least one market data field")
        if len(found) > MAX_FIELDS:
            raise InvalidRequest(f"IBKR takes up to {MAX_FIELDS} fields, not {len(found)}")
        self._codes = tuple(found)

    @classmethod
    def default_l1(cls) -> Self:
        """Return last, bid, ask, bid size, ask size and last size."""
        return cls(_DEFAULT_L1)

    @classmethod
    def from_codes(cls, *codes: str | int) -> Self:
        """Return fields by IBKR's ids, known or not.

        Raises:
            InvalidRequest: an id is not a number, or there are none or too many.
        """
        return cls(codes)

    @classmethod
    def from_names(cls, *names: str) -> Self:
        """Return fields by our names, such as ``bid`` or ``implied_vol_percent``.

        Raises:
            InvalidRequest: a name is not known, or there are none or too many.
        """
        codes: list[str] = []
        for name in names:
            if not isinstance(name, str):
                raise InvalidRequest(
                    f"a market data field is a name such as 'bid', not {shown(name)}"
                )
            code = CODES.get(name) or ALIASES.get(name)
            if code is None:
                # Comparing takes time that grows with the square of the length.
                near = difflib.get_close_matches(name[:40], CODES, 3)
                hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
                raise InvalidRequest(f"{shown(name)} is not a market data field{hint}")
            codes.append(code)
        return cls(codes)

    @property
    def docs(self) -> dict[str, str]:
        """What each of the fields means, by our name; without those that have none."""
        return {name: MEANINGS[name] for name in self.names if name in MEANINGS}

    @property
    def codes(self) -> tuple[str, ...]:
        """IBKR's ids."""
        return self._codes

    @property
    def names(self) -> tuple[str, ...]:
        """Our names; the id itself where it has none."""
        return tuple(NAMES.get(code, code) for code in self._codes)

    def __or__(self, other: MarketDataFields) -> MarketDataFields:
        return MarketDataFields((*self._codes, *other._codes))

    def __iter__(self) -> Iterator[str]:
        return iter(self._codes)

    def __len__(self) -> int:
        return len(self._codes)

    def __contains__(self, code: object) -> bool:
        return code in self._codes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MarketDataFields) and self._codes == other._codes

    def __hash__(self) -> int:
        return hash(self._codes)

    def __repr__(self) -> str:
        return f"MarketDataFields.from_codes({', '.join(map(repr, self._codes))})"


def _text(code: str | int) -> str:
    return code if isinstance(code, str) else str(code) if abs(code) < 10**6 else ""
