"""What comes while the gateway is ready: merged into wholes, and laid before the reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ...models.stream import LedgerUpdate, MarketData, Message, OrderUpdate, TradeUpdate
from ..decoding.drift import Report
from .buffer import MessageBuffer
from .confirmations import Confirmations
from .merging import LedgerBook, LiveQuote, OrderBook, TradeBook
from .order_check import OrderCheck
from .topics import ORDERS, TRADES


class LiveState:
    """Where messages go.

    Args:
        report: is given each drift.
        message_buffer: holds what was not read yet.
        sent: is told what a message confirms.

    Attributes:
        orders: the orders, whole.
        order_check: completes them after an interruption.
        quotes: contracts whose newest values are kept, by ``conid_ex``.
        watch: is given each row about an order or an execution.
    """

    def __init__(self, report: Report, message_buffer: MessageBuffer, sent: Confirmations) -> None:
        self.orders: OrderBook = OrderBook(report)
        self.order_check: OrderCheck = OrderCheck(self.orders)
        self.quotes: dict[str, LiveQuote] = {}
        self.watch: Callable[[Mapping[str, Any]], object] | None = None
        self._trades = TradeBook(report)
        self._ledgers = LedgerBook(report)
        self._message_buffer = message_buffer
        self._confirmations = sent

    def take_quote(self, quote: MarketData) -> None:
        """Take market data."""
        sent = self._confirmations
        if sent.unconfirmed_quotes:
            key = quote.conid_ex
            if key in sent.unconfirmed_quotes:
                sent.confirm(f"md+{key}")
            else:
                sent.confirm_contract(quote.conid)
        if self.quotes:
            live = self.quotes.get(quote.conid_ex)
            if live is not None:
                live.update(quote)
        self._message_buffer.put_quote(quote)

    def take_orders(self, messages: list[Message], now: float) -> None:
        """Take over what one frame says about orders, before they are taken one by one."""
        orders = [each for each in messages if isinstance(each, OrderUpdate)]
        if orders:
            self._confirmations.confirm(ORDERS)
            self.order_check.told(now, fresh=self.orders.update(orders))

    def take(self, message: Message, moment: datetime) -> None:
        """Take any message."""
        whole: Message | None = message
        if isinstance(message, MarketData):
            self.take_quote(message)
            return
        if self.watch is not None and isinstance(message, OrderUpdate | TradeUpdate):
            self.watch(message.raw)
        if isinstance(message, TradeUpdate):
            self._confirmations.confirm(TRADES)
            whole = self._trades.update(message)
        elif isinstance(message, LedgerUpdate):
            whole = self._ledgers.update(message)
        if whole is not None:
            self._message_buffer.put(whole, moment)
        if self._confirmations.unconfirmed:
            self._confirmations.confirm_message(message)

    def live_quote(self, conid: int, conid_ex: str) -> LiveQuote:
        """Return the newest values of a contract, which are kept from now on."""
        live = self.quotes.get(conid_ex)
        if live is None or live.conid_ex != conid_ex:
            live = self.quotes[conid_ex] = LiveQuote(conid, conid_ex)
            # The gateway may leave the exchange out of its answers.
            self.quotes.setdefault(str(conid), live)
        return live

    def outdate_quotes(self) -> None:
        """Note that the newest values are from before: nothing has come on this connection."""
        for quote in self.quotes.values():
            quote.fresh = False

    def forget_trades(self) -> None:
        """Take the next executions as news, whatever came before."""
        self._trades.clear()
