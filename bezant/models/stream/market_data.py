"""Market data, historical bars and price ladders of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from ..._wire import converters
from ..._wire.availability import Availability, availability_of
from ..._wire.field_types import Time
from ..._wire.market_data_fields import ALIASES, CODES, KINDS, NAMES
from ..._wire.redaction import shown
from ...errors import InvalidRequest
from ._base import MessageModel, StreamMessage

__all__ = [
    "BarsUpdate",
    "LadderRow",
    "LadderUpdate",
    "MarketData",
    "StreamBar",
]

# The exact volume (field ``87_raw``) is used instead of field ``87``, because the text in field
# ``87`` can have a wrong unit, such as "65595.7B" for 65.6 million.
_VOLUME = "87"
_EXACT_VOLUME = "87_raw"
_NUMERIC = frozenset({"price", "money", "size", "volume", "number", "percent"})


# `gc=False` excludes these objects from garbage collection. They cannot be part of a reference
# cycle, and there are so many that traversing them would take as long as decoding them.
class MarketData(StreamMessage, frozen=True, kw_only=True, gc=False):
    """Market data of one contract: all known fields, and the names of the fields that changed.

    A field is None if the gateway has not sent it on this connection, or has left it empty. Prices
    and sizes are exact.

    Attributes:
        conid: the contract; for a combination, IBKR's common id of all spreads in its currency.
        conid_ex: the contract with its exchange and its legs, as you subscribed to it.
        raw: the fields that the gateway sent in this message, by IBKR's id.
        merged: how many unread messages were merged into this one.
        state: all fields that are known now, in the gateway's spelling, by IBKR's id; None if `raw`
            has all of them.
        before: basis of `changed`: all fields as they were before this message; or, if messages
            were merged into this one, the ids of the changed fields.
    """

    conid: int
    conid_ex: str
    raw: Mapping[str, Any]
    merged: int = 0
    state: Mapping[str, Any] | None = None
    before: Mapping[str, Any] | frozenset[str] = {}

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        hidden = ("state", "before")
        shown = [each for each in super().__rich_repr__() if each[0] not in hidden]
        return [*shown, ("changed", sorted(self.changed))]

    def has(self, name: str) -> bool:
        """Return whether a field is known, not null, and readable.

        Args:
            name: bezant's name of the field, such as ``"volume"``, or IBKR's id.
        """
        return self.get(name) is not None

    def to_dict(self) -> dict[str, Any]:
        """Return a dict of all known fields by bezant's names, and the message's other attributes.

        Values stay Python values (`Decimal`, `datetime`).
        """
        return {
            **self.values,
            "conid": self.conid,
            "conid_ex": self.conid_ex,
            "last": self.last,
            "bid": self.bid,
            "ask": self.ask,
            "last_size": self.last_size,
            "bid_size": self.bid_size,
            "ask_size": self.ask_size,
            "is_close": self.is_close,
            "halted": self.halted,
            "updated": self.updated,
            "merged": self.merged,
            "changed": sorted(self.changed),
        }

    @property
    def changed(self) -> frozenset[str]:
        """Names of the fields that have another value than in the previous message.

        The names are those of `values`. In the first message about a contract, and in the first
        message after a `Gap`, `changed` has all fields that have a value.
        """
        return frozenset(NAMES.get(code, code) for code in self.changed_codes())

    def changed_codes(self) -> frozenset[str]:
        """Return IBKR's ids of the fields that changed; `changed` has their names."""
        before = self.before
        if isinstance(before, frozenset):
            return before
        return frozenset(
            code for code, value in self.raw.items() if value != before.get(code) and code.isdigit()
        )

    def _known(self) -> Mapping[str, Any]:
        return self.raw if self.state is None else self.state

    @property
    def updated(self) -> datetime | None:
        """Time of the change, by the gateway's clock."""
        try:
            return converters.to_time(self._known()["_updated"])
        except (LookupError, ValueError, ArithmeticError):
            return None

    def get(self, field: str) -> Decimal | int | bool | str | None:
        """Return the value of a field, by bezant's name or IBKR's id, as the type of that field.

        The result is None if the field is not known, or if its value is empty or cannot be read;
        ``state`` has IBKR's text.

        Raises:
            InvalidRequest: the field is not a string.
        """
        if not isinstance(field, str):
            raise InvalidRequest(f"field must be a name such as 'volume', not {shown(field)}")
        code = CODES.get(field) or ALIASES.get(field, field)
        known = self._known()
        value = known.get(code)
        if value is None:
            return None
        if code == _VOLUME:
            value = known.get(_EXACT_VOLUME, value)
        kind = KINDS.get(code, "text")
        try:
            if kind in _NUMERIC:
                return converters.to_decimal(value)
            if kind == "int":
                return converters.to_int(value)
            if kind == "bool01":
                return converters.to_bool(value)
            return converters.to_text(value)
        except (ValueError, ArithmeticError):
            return None

    @property
    def values(self) -> dict[str, Decimal | int | bool | str | None]:
        """All known fields as Python values, by bezant's name; fields without one, by IBKR's id."""
        return {NAMES.get(code, code): self.get(code) for code in self._known() if code.isdigit()}

    def _number(self, code: str) -> Decimal | None:
        state = self.state
        value = (self.raw if state is None else state).get(code)
        if value is None:
            return None
        try:
            return converters.to_decimal(value)
        except (ValueError, ArithmeticError):
            return None

    @property
    def last(self) -> Decimal | None:
        """Last price; `is_close` and `halted` tell how current it is."""
        return self._number("31")

    @property
    def bid(self) -> Decimal | None:
        """Best bid price."""
        return self._number("84")

    @property
    def ask(self) -> Decimal | None:
        """Best ask price."""
        return self._number("86")

    @property
    def bid_size(self) -> Decimal | None:
        """Size at the best bid."""
        return self._number("88")

    @property
    def ask_size(self) -> Decimal | None:
        """Size at the best ask."""
        return self._number("85")

    @property
    def last_size(self) -> Decimal | None:
        """Size of the last trade."""
        return self._number("7059")

    @property
    def is_close(self) -> bool | None:
        """Whether `last` is the prior day's close; None if there is no `last`."""
        return self._mark("C")

    @property
    def halted(self) -> bool | None:
        """Whether trading is halted; None if there is no `last`."""
        return self._mark("H")

    @property
    def availability(self) -> Availability | None:
        """Availability of the data: real time, delayed or frozen, or the reason why there is none.

        ``no agreement`` means that the user has not signed the agreement on market data. The value
        is None if the gateway has not sent the availability. IBKR can change the availability from
        one message to the next.
        """
        return availability_of(self.get("6509"))

    def _mark(self, letter: str) -> bool | None:
        text = self._known().get("31")
        return letter in text[:2] if isinstance(text, str) and text else None


class StreamBar(MessageModel, frozen=True, kw_only=True):
    """One bar of `BarsUpdate`.

    Attributes:
        open: first price.
        high: highest price.
        low: lowest price.
        close: last price.
        volume: volume.
        time: start of the bar, in UTC.
    """

    open: Decimal | None = msgspec.field(default=None, name="o")
    high: Decimal | None = msgspec.field(default=None, name="h")
    low: Decimal | None = msgspec.field(default=None, name="l")
    close: Decimal | None = msgspec.field(default=None, name="c")
    volume: Decimal | None = msgspec.field(default=None, name="v")
    time: Time | None = msgspec.field(default=None, name="t")


class BarsUpdate(MessageModel, frozen=True, kw_only=True, rename="camel"):
    """Historical bars of a contract (topic ``smh``).

    If the gateway does not accept a parameter of the subscription, such as the bar length, the
    gateway silently uses its own default.

    Attributes:
        conid: the contract's id.
        server_id: the gateway's id of the subscription.
        symbol: the contract's symbol.
        bars: the bars.
        bar_length: seconds in a bar.
        time_period: the period that the bars cover, such as ``1d``.
        outside_rth: whether the bars include trades outside regular trading hours.
        raw: the message as received.
    """

    conid: int = 0
    server_id: str | None = None
    symbol: str | None = None
    bars: list[StreamBar] | None = msgspec.field(default=None, name="data")
    bar_length: int | None = None
    time_period: str | None = None
    outside_rth: bool | None = None
    raw: Mapping[str, Any] = {}


class LadderRow(StreamMessage, frozen=True, kw_only=True):
    """One price of a price ladder (`LadderUpdate`).

    Attributes:
        row: number of the row, from the top.
        price: the price.
        bid_size: the size bid at this price.
        ask_size: the size asked at this price.
        last_size: size of the last trade, if it was at this price.
        focus: whether the last trade was at this price.
    """

    row: int | None
    price: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None
    last_size: Decimal | None
    focus: bool


class LadderUpdate(StreamMessage, frozen=True, kw_only=True):
    """Price ladder of a contract (topic ``sbd``), with all known rows.

    Attributes:
        account_id: the account of the subscription.
        conid: the contract's id.
        rows: the rows, from the top.
        changed: ``{"rows"}`` if a row has changed; otherwise empty.
        changed_rows: numbers of the rows that have changed (`LadderRow.row`).
        raw: the message as received.
    """

    account_id: str
    conid: int
    rows: list[LadderRow]
    changed: frozenset[str] = frozenset()
    changed_rows: frozenset[int] = frozenset()
    raw: Mapping[str, Any] = {}


MarketDataMessage: TypeAlias = MarketData | BarsUpdate | LadderUpdate
