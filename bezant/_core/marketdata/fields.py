"""Sets of market data fields, for snapshots and subscriptions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Final, Self

from ..._wire.market_data_fields import ALIASES, CODES, MEANINGS, NAMES, UNITS
from ..._wire.redaction import shown
from ...errors import InvalidRequest

# IBKR accepts up to 50 fields in one request.
MAX_FIELDS: Final = 50
_UNKNOWN_FIELD: Final = "; pass IBKR's field id to MarketDataFields.from_codes() instead"
_DEFAULT_L1: Final = ("31", "84", "86", "88", "85", "7059")


class MarketDataFields:
    """Ordered set of market data fields.

    Make a set from bezant's names or from IBKR's field ids::

        MarketDataFields.default_l1()
        MarketDataFields.from_names("last", "bid", "ask", "volume")
        MarketDataFields.from_codes("31", "7308")

    ``one | other`` returns the fields of both sets.
    """

    __slots__ = ("_codes",)

    def __init__(self, codes: Iterable[str | int]) -> None:
        if isinstance(codes, str):
            raise InvalidRequest(
                "codes must be a list of field ids, not text; use "
                f"MarketDataFields.from_codes({codes[:40]!r})"
            )
        if not isinstance(codes, Iterable):
            raise InvalidRequest(
                f"codes must be a list of field ids such as ['31', '84'], not {shown(codes)}"
            )
        found: dict[str, None] = {}
        for code in codes:
            if not isinstance(code, str | int) or not re.fullmatch(r"[0-9]{1,6}", _text(code)):
                raise InvalidRequest(
                    f"a market data field id must be a number such as '31', not {shown(code)}"
                )
            found[str(code)] = None
        if not found:
            raise InvalidRequest("no market data field was given; pass at least one")
        if len(found) > MAX_FIELDS:
            raise InvalidRequest(
                f"IBKR accepts up to {MAX_FIELDS} market data fields in a request, not "
                f"{len(found)}; pass fewer"
            )
        self._codes = tuple(found)

    @classmethod
    def default_l1(cls) -> Self:
        """Return the fields of level 1 data: last, bid, ask, bid size, ask size and last size."""
        return cls(_DEFAULT_L1)

    @classmethod
    def from_codes(cls, *codes: str | int) -> Self:
        """Return the fields with these ids of IBKR. bezant need not have a name for them.

        Raises:
            InvalidRequest: an id is not a number, no id is given, or more than 50 are given.
        """
        return cls(codes)

    @classmethod
    def from_names(cls, *names: str) -> Self:
        """Return the fields with these names of bezant, such as ``bid`` or ``implied_vol_percent``.

        Raises:
            InvalidRequest: a name is unknown, no name is given, or more than 50 are given.
        """
        codes: list[str] = []
        for name in names:
            if not isinstance(name, str):
                raise InvalidRequest(
                    f"a market data field must be a name such as 'bid', not {shown(name)}"
                )
            code = CODES.get(name) or ALIASES.get(name)
            if code is None:
                # The name is cut to 40 characters, because the time of the comparison grows with
                # the square of its length.
                near = difflib.get_close_matches(name[:40], CODES, 3)
                hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
                raise InvalidRequest(
                    f"{shown(name)} is not a market data field{hint or _UNKNOWN_FIELD}"
                )
            codes.append(code)
        return cls(codes)

    @property
    def docs(self) -> dict[str, str]:
        """Explanation of each field, by bezant's name for it; fields without a name are omitted."""
        return {name: MEANINGS[name] for name in self.names if name in MEANINGS}

    @property
    def units(self) -> dict[str, str]:
        """Unit of each field, by bezant's name for it; fields without a name are omitted."""
        return {name: UNITS[name] for name in self.names if name in UNITS}

    @property
    def codes(self) -> tuple[str, ...]:
        """IBKR's ids of the fields, in order."""
        return self._codes

    @property
    def names(self) -> tuple[str, ...]:
        """Names that bezant gives the fields, in order; IBKR's id for a field without a name."""
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


def _prices_and(*names: str) -> MarketDataFields:
    return MarketDataFields.from_names("last", "bid", "ask", *names)


L1: Final = MarketDataFields.default_l1()
"""Level 1 data: last, bid and ask with their sizes."""
GREEKS: Final = _prices_and("delta", "gamma", "theta", "vega", "implied_vol_percent")
"""Prices, Greeks and implied volatility of an option."""
VOLATILITY: Final = _prices_and(
    "opt_implied_vol_percent", "hist_vol_percent", "hist_vol_close_percent", "iv_hv_percent",
    "put_call_interest", "put_call_volume", "opt_volume",
)  # fmt: skip
"""Prices of an underlying, with the volatility and the volume of its options."""
DAY: Final = _prices_and(
    "open", "high", "low", "close", "prior_close", "change", "change_percent", "volume_long",
)  # fmt: skip
"""Prices of the day: open, high, low, close, change and volume."""
DIVIDENDS: Final = _prices_and(
    "dividends", "dividends_ttm", "dividend_amount", "dividend_yield_percent", "dividend_ex_date"
)
"""Prices and dividends of a stock."""
FUNDAMENTALS: Final = _prices_and(
    "company_name", "industry", "category", "market_cap", "pe_ratio", "eps", "beta", "high_52w",
    "low_52w", "average_volume",
)  # fmt: skip
"""Prices and fundamental figures of a company."""
SHORTING: Final = _prices_and("shortable", "shortable_shares", "fee_rate", "rebate_rate")
"""Prices, and how many shares can be borrowed at which fee."""
BONDS: Final = _prices_and("last_yield", "bid_yield", "ask_yield", "ratings", "bond_type")
"""Prices, yields and ratings of a bond."""
