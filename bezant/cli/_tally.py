"""Counts a stream's messages for the tour."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from ..models import Heartbeat, MarketData, Message, OrderUpdate, Pnl

_KINDS: dict[type[object], str] = {
    MarketData: "quotes",
    OrderUpdate: "order updates",
    Pnl: "PnL updates",
}
_PRICES = ("last", "bid", "ask")


class Tally:
    """Counter of messages by kind, with the last quote and the last profit and loss.

    Args:
        symbol: symbol of the subscribed stock; None without a subscription to quotes.
    """

    def __init__(self, symbol: str | None) -> None:
        self.ended = False
        self._symbol = symbol
        self._counts: Counter[str] = Counter()
        self._quote: dict[str, Decimal] = {}
        self._is_close = False
        self._daily: Decimal | None = None

    def add(self, message: Message | None) -> None:
        """Count a message; None means that the gateway closed the stream."""
        if message is None:
            self.ended = True
            return
        if isinstance(message, Heartbeat):
            return
        self._counts[_KINDS.get(type(message), "others")] += 1
        if isinstance(message, MarketData):
            prices = {name: getattr(message, name) for name in _PRICES}
            self._quote = {name: price for name, price in prices.items() if price is not None}
            self._is_close = bool(message.is_close)
        elif isinstance(message, Pnl) and message.daily_pnl:
            self._daily = message.daily_pnl

    @property
    def counts(self) -> str:
        """Number of messages of each kind, as text."""
        names = (*_KINDS.values(), "others")
        return ", ".join(f"{self._counts[name]} {name}" for name in names)

    @property
    def lines(self) -> list[str]:
        """Text lines: last quote, last profit and loss, and whether the stream ended early."""
        lines: list[str] = []
        if self._quote:
            prices = "  ".join(
                f"{name} {self._quote[name]:,f}" for name in _PRICES if name in self._quote
            )
            close = "  (last is the prior close)" if self._is_close else ""
            lines.append(f"last quote: {self._symbol}  {prices}{close}")
        elif self._symbol is not None:
            lines.append(
                f"no quotes of {self._symbol}: the market may be closed, or the account has no "
                "market data for it"
            )
        if self._daily is not None:
            lines.append(f"profit and loss today: {self._daily:+,.2f}")
        if self.ended:
            lines.append("the gateway closed the stream early")
        return lines
