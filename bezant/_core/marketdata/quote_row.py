"""One quote of a snapshot, with the reason for each missing value."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final, Generic, Literal, TypeAlias, TypeVar, overload

from ..._wire.availability import NEVER, Availability
from ..._wire.market_data_fields import ALIASES, CODES, KINDS, NAMES
from ...errors import NoQuoteValue
from ...models.stream import MarketData
from .named_values import NamedValues, NumberName

C = TypeVar("C")

MissingReason: TypeAlias = Literal[
    "no data",
    "not requested",
    "no value",
    "not subscribed",
    "no agreement",
    "delayed",
    "frozen",
    "frozen delayed",
    "unknown availability",
    "prior close",
    "halted",
]
"""Why a quote has no usable value of a field."""

# Each reason as text, with advice.
_TEXTS: Final[dict[MissingReason, str]] = {
    "no data": "the gateway sent no data of the contract; check the contract, or pass a longer "
    "timeout",
    "not requested": "the field was not requested; name it in the argument fields",
    "no value": "IBKR sent no value; outside trading hours, some values never come; otherwise pass "
    "a longer timeout",
    "not subscribed": "you have no market data subscription for the contract; subscribe at IBKR",
    "no agreement": "the agreement on market data is not signed; sign it in IBKR's client portal",
    "delayed": "the value is delayed by 15 to 20 minutes; subscribe to the market data at IBKR, or "
    "leave out real_time_only",
    "frozen": "the value is frozen at the last close; wait until the market opens, or leave out "
    "real_time_only",
    "frozen delayed": "the value is frozen at the last close and delayed; subscribe to the market "
    "data at IBKR, or leave out real_time_only",
    "unknown availability": "the gateway has not said whether the value is in real time; request "
    "the quote again, or leave out real_time_only",
    "prior close": "the price is the prior day's close, and there was no trade today; wait until "
    "the market opens",
    "halted": "trading is halted; wait until it continues",
}
# Kinds of fields that come from the market, so that they can be delayed.
_FROM_MARKET: Final = frozenset({"price", "money", "size", "volume", "number", "percent"})


class QuoteRow(NamedValues, Generic[C]):
    """Quote of one contract, from `client.quotes`.

    Every market data field that has a name is an attribute, such as ``row.bid``, ``row.delta`` or
    ``row.company_name``; numbers are exact. A value is None if it is missing; `missing` says why,
    and `require` raises an error instead.

    Attributes:
        contract: the contract, as you passed it.
        data: all data of the contract as received; None if the gateway sent none. It has the
            values that ``real_time_only`` hides, too.
        real_time_only: whether values that are not in real time count as missing.
    """

    __slots__ = ("_codes", "_text", "contract", "data", "real_time_only")

    def __init__(
        self,
        contract: C,
        text: str,
        data: MarketData | None,
        codes: frozenset[str],
        *,
        real_time_only: bool,
    ) -> None:
        self.contract: C = contract
        self.data: MarketData | None = data
        self.real_time_only: bool = real_time_only
        self._text = text
        self._codes = codes

    def __repr__(self) -> str:
        shown = (f"{name}={self.get(name)}" for name in ("bid", "ask", "last"))
        return f"<{type(self).__name__} {self._text} {' '.join(shown)} {self.availability}>"

    @property
    def conid(self) -> int | None:
        """IBKR's contract id, from the gateway; None without data."""
        return None if self.data is None else self.data.conid

    @property
    def availability(self) -> Availability | None:
        """Availability of the data, such as ``real time``; None if the gateway has not said."""
        return None if self.data is None else self.data.availability

    @property
    def is_close(self) -> bool:
        """Whether the received last price is the prior day's close."""
        return self.data is not None and bool(self.data.is_close)

    @property
    def halted(self) -> bool:
        """Whether trading is halted, by the mark of the last price."""
        return self.data is not None and bool(self.data.halted)

    @property
    def updated(self) -> datetime | None:
        """Time at which the gateway sent the data, by its clock."""
        return None if self.data is None else self.data.updated

    @property
    def mid(self) -> Decimal | None:
        """Price halfway between bid and ask; None if one of them is missing."""
        bid, ask = self.bid, self.ask
        return None if bid is None or ask is None else (bid + ask) / 2

    def get(self, field: str) -> Decimal | int | bool | str | None:
        """Return the value of a field, by bezant's name or IBKR's id; None if it is missing.

        With ``real_time_only``, a number that is not in real time is missing, and so is a last
        price that is the prior day's close or from before a halt.

        Raises:
            InvalidRequest: the field is not a string.
        """
        if self.data is None:
            return None
        value = self.data.get(field)
        return None if self.real_time_only and self._hidden(field) is not None else value

    def missing(self, field: str) -> MissingReason | None:
        """Return why the value of a field is missing; None if the quote has the value."""
        if self.get(field) is not None:
            return None
        if self.data is None:
            return "no data"
        code = CODES.get(field) or ALIASES.get(field, field)
        if code not in self._codes:
            return "not requested"
        if self.data.get(field) is not None:
            return self._hidden(field)
        availability = self.data.availability
        return availability if availability in NEVER else "no value"

    @overload
    def require(self, field: NumberName) -> Decimal: ...

    @overload
    def require(self, field: str) -> Decimal | int | bool | str: ...

    def require(self, field: str) -> Decimal | int | bool | str:
        """Return the value of a field, by bezant's name or IBKR's id.

        Use it for a value on which your program acts. A price marked as the prior day's close or as
        that of a halted contract raises an error, too, also without ``real_time_only``.

        Raises:
            NoQuoteValue: the value is missing; ``error.reason`` says why.
            InvalidRequest: the field is not a string.
        """
        value = self.get(field)
        reason = self._mark(field)
        if value is not None and reason is None:
            return value
        reason = self.missing(field) or reason or "no value"
        code = CODES.get(field) or ALIASES.get(field, field)
        raise NoQuoteValue(
            f"the quote of {self._text} has no usable {NAMES.get(code, code)!r}: {_TEXTS[reason]}",
            field=field,
            reason=reason,
            contract=self._text,
        )

    def _hidden(self, field: str) -> MissingReason | None:
        """Return why the value of a field does not count as one in real time; None if it does."""
        code = CODES.get(field) or ALIASES.get(field, field)
        if KINDS.get(code, "price") not in _FROM_MARKET:
            return None
        availability = self.availability
        if availability != "real time":
            return availability or "unknown availability"
        return self._mark(field)

    def _mark(self, field: str) -> MissingReason | None:
        if CODES.get(field, field) != CODES["last"]:
            return None
        return "prior close" if self.is_close else "halted" if self.halted else None
