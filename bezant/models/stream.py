"""Messages of a WebSocket stream."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from .._wire import converters
from .._wire.market_data_fields import ALIASES, CODES, KINDS, NAMES
from .._wire.redaction import shown
from ..errors import InvalidRequest
from ._base import UNSET, Maybe
from ._messages import MessageModel, StreamMessage
from ._stream_notes import (
    AccountUpdate,
    Bulletin,
    ErrorMessage,
    Gap,
    Notice,
    Prompt,
    Reconnected,
    SessionLost,
    SessionStatus,
    StreamStats,
)
from ._stream_rows import (
    BarsUpdate,
    LadderRow,
    LadderUpdate,
    LedgerUpdate,
    StreamBar,
    SummaryUpdate,
    TradeUpdate,
)

__all__ = [
    "AccountUpdate",
    "BarsUpdate",
    "Bulletin",
    "ErrorMessage",
    "Gap",
    "Heartbeat",
    "LadderRow",
    "LadderUpdate",
    "LedgerUpdate",
    "Malformed",
    "MarketData",
    "Message",
    "Notice",
    "OrderUpdate",
    "Other",
    "Pnl",
    "Prompt",
    "Reconnected",
    "SessionLost",
    "SessionStatus",
    "StreamBar",
    "StreamStats",
    "SummaryUpdate",
    "System",
    "TradeUpdate",
]

_NUMERIC = frozenset({"price", "money", "size", "volume", "number", "percent"})


class System(StreamMessage, frozen=True, kw_only=True):
    """The gateway is ready on this connection.

    Attributes:
        user: the user name.
        is_paper: whether it is a paper account.
        is_free_trial: whether it is a trial.
    """

    user: str
    is_paper: bool | None = None
    is_free_trial: bool | None = None


class Heartbeat(StreamMessage, frozen=True, kw_only=True):
    """The gateway's sign of life, about every ten seconds.

    Attributes:
        sent_at: the gateway's clock.
    """

    sent_at: datetime | None


# Nothing in it can lead back to it, and so many are made that the garbage collector's way through
# them would cost as much as decoding them.
class MarketData(StreamMessage, frozen=True, kw_only=True, gc=False):
    """Market data of one contract: the fields that changed since the message before.

    A field that is not in the message has not changed; it is None here, as is one that the gateway
    left empty. Prices and sizes are exact.

    Attributes:
        conid: the contract.
        conid_ex: the contract with its exchange, as it was asked for.
        raw: every field as it came, by IBKR's id.
        merged: how many messages that nobody had read were merged into this one.
    """

    conid: int
    conid_ex: str
    raw: Mapping[str, Any]
    merged: int = 0

    @property
    def updated(self) -> datetime | None:
        """The gateway's time of the change."""
        try:
            return converters.to_time(self.raw["_updated"])
        except (LookupError, ValueError, ArithmeticError):
            return None

    def get(self, field: str) -> Decimal | int | bool | str | None:
        """Return a field by our name or IBKR's id, read by its kind.

        None where the message does not have it, or it is empty or unreadable; ``raw`` has the text.

        Raises:
            InvalidRequest: the field is no text.
        """
        if not isinstance(field, str):
            raise InvalidRequest(f"field must be a name such as 'volume', not {shown(field)}")
        code = CODES.get(field) or ALIASES.get(field, field)
        value = self.raw.get(code)
        if value is None:
            return None
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
        """Every field of the message by our name (IBKR's id where it has none), read by kind."""
        return {NAMES.get(code, code): self.get(code) for code in self.raw if code.isdigit()}

    def _number(self, code: str) -> Decimal | None:
        value = self.raw.get(code)
        if value is None:
            return None
        try:
            return converters.to_decimal(value)
        except (ValueError, ArithmeticError):
            return None

    @property
    def last(self) -> Decimal | None:
        """Last price; see `is_close` and `halted`."""
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
        """Whether `last` is the prior day's close; None where `last` is not in the message."""
        return self._mark("C")

    @property
    def halted(self) -> bool | None:
        """Whether trading is halted; None where `last` is not in the message."""
        return self._mark("H")

    def _mark(self, letter: str) -> bool | None:
        text = self.raw.get("31")
        return letter in text[:2] if isinstance(text, str) and text else None


class OrderUpdate(MessageModel, frozen=True, kw_only=True, rename="camel"):
    """What changed about one order (topic ``sor``); what did not is ``UNSET``.

    Attributes:
        order_id: the order.
        account: the account's id.
        conid: the contract.
        ticker: its symbol.
        status: such as ``Submitted`` or ``Filled``.
        side: ``BUY`` or ``SELL``.
        order_type: such as ``LMT``.
        time_in_force: such as ``DAY`` or ``GTC``.
        price: limit or stop price.
        total_size: quantity ordered.
        filled_quantity: quantity filled.
        remaining_quantity: quantity still open.
        order_ref: the client's own id of the order (``order_ref``).
        description: the order in words (``orderDesc``).
        last_execution_ms: milliseconds since 1970 of the last fill (``lastExecutionTime_r``).
        raw: the row as it came.
    """

    order_id: Maybe[int] = UNSET
    account: Maybe[str] = msgspec.field(default=UNSET, name="acct")
    conid: Maybe[int] = UNSET
    ticker: Maybe[str] = UNSET
    status: Maybe[str] = UNSET
    side: Maybe[str] = UNSET
    order_type: Maybe[str] = UNSET
    time_in_force: Maybe[str] = UNSET
    price: Maybe[Decimal] = UNSET
    total_size: Maybe[Decimal] = UNSET
    filled_quantity: Maybe[Decimal] = UNSET
    remaining_quantity: Maybe[Decimal] = UNSET
    order_ref: Maybe[str] = msgspec.field(default=UNSET, name="order_ref")
    description: Maybe[str] = msgspec.field(default=UNSET, name="orderDesc")
    last_execution_ms: Maybe[int] = msgspec.field(default=UNSET, name="lastExecutionTime_r")
    raw: Mapping[str, Any] = {}


class Pnl(MessageModel, frozen=True, kw_only=True):
    """Profit and loss of one account (topic ``spl``), in its base currency.

    What did not change is ``UNSET``.

    Attributes:
        account: the account's id.
        segment: the part of the account, most often ``Core``.
        daily: since the last close (``dpl``).
        unrealized: on what is held (``upl``).
        net_liquidation: worth of everything (``nl``).
        excess_liquidity: what is left above the margin (``uel``).
        market_value: of the positions (``mv``).
        raw: the row as it came.
    """

    account: str = ""
    segment: str = ""
    daily: Maybe[Decimal] = msgspec.field(default=UNSET, name="dpl")
    unrealized: Maybe[Decimal] = msgspec.field(default=UNSET, name="upl")
    net_liquidation: Maybe[Decimal] = msgspec.field(default=UNSET, name="nl")
    excess_liquidity: Maybe[Decimal] = msgspec.field(default=UNSET, name="uel")
    market_value: Maybe[Decimal] = msgspec.field(default=UNSET, name="mv")
    raw: Mapping[str, Any] = {}


class Other(StreamMessage, frozen=True, kw_only=True):
    """A message of a topic that has no type of its own here.

    Attributes:
        topic: its topic; empty where it has none.
        payload: the message in plain Python values, or the text of one that is not JSON.
    """

    topic: str
    payload: Any = msgspec.field(default=None)


class Malformed(StreamMessage, frozen=True, kw_only=True):
    """Bytes that are no message; possibly a fragment of one, which the gateway forwards alone.

    Attributes:
        data: the bytes.
        reason: why they could not be read.
    """

    data: bytes
    reason: str


Message: TypeAlias = (
    System
    | Heartbeat
    | MarketData
    | BarsUpdate
    | LadderUpdate
    | OrderUpdate
    | TradeUpdate
    | Pnl
    | SummaryUpdate
    | LedgerUpdate
    | SessionStatus
    | AccountUpdate
    | Notice
    | Prompt
    | Bulletin
    | ErrorMessage
    | Gap
    | Reconnected
    | SessionLost
    | Other
    | Malformed
)
"""Everything that a stream can deliver."""
