"""Live state: merges updates into complete values, and puts messages into the buffer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

from ...models.stream import MarketData, Message, OrderUpdate
from ..decoding.drift import Report
from .buffer import MessageBuffer
from .confirmations import Confirmations
from .order_book import OrderBook
from .order_check import OrderCheck
from .topic import Store, Topic
from .topics.market_data import MARKET_DATA
from .topics.orders import ORDERS
from .topics.registry import BY_MESSAGE, TOPICS


class LiveQuote:
    """The newest values of one contract.

    Attributes:
        version: number of changes.
        fresh: whether this connection has had a message about the contract.
    """

    __slots__ = ("conid", "conid_ex", "fresh", "raw", "version")

    def __init__(self, conid: int, conid_ex: str) -> None:
        self.conid: int = conid
        self.conid_ex: str = conid_ex
        self.raw: dict[str, Any] = {}
        self.version: int = 0
        self.fresh: bool = False

    def update(self, quote: MarketData) -> None:
        """Apply the changed values."""
        # A new mapping: another thread may be reading the old one.
        self.raw = {**self.raw, **quote.raw}
        self.version += 1
        self.fresh = True

    def complete(self) -> MarketData:
        """Return all values as one message."""
        return MarketData(conid=self.conid, conid_ex=self.conid_ex, raw=self.raw)


class LiveState:
    """Live quotes, orders and other complete values of a stream, updated by its messages.

    Args:
        report: called with each drift.
        message_buffer: buffer for unread messages.
        confirmations: records which subscriptions the messages confirm.

    Attributes:
        orders: the orders, each complete.
        order_check: completes the orders after an interruption.
        quotes: newest values of contracts, by ``conid_ex``.
        watch: called with each row about an order or an execution; None for none.
    """

    def __init__(
        self, report: Report, message_buffer: MessageBuffer, confirmations: Confirmations
    ) -> None:
        self.orders: OrderBook = OrderBook(report)
        self.order_check: OrderCheck = OrderCheck(self.orders)
        self.quotes: dict[str, LiveQuote] = {}
        self.watch: Callable[[Mapping[str, Any]], object] | None = None
        self._stores: dict[str, Store] = {
            topic.name: topic.store(report) for topic in TOPICS if topic.store is not None
        }
        self._message_buffer = message_buffer
        self._confirmations = confirmations
        self._unconfirmed_quotes = confirmations.unconfirmed[MARKET_DATA.key]

    def take_quote(self, quote: MarketData) -> None:
        """Process market data."""
        if self._unconfirmed_quotes:
            self._confirmations.confirm(MARKET_DATA, quote)
        if self.quotes:
            live = self.quotes.get(quote.conid_ex)
            if live is not None:
                live.update(quote)
        self._message_buffer.put_quote(quote)

    def take_orders(self, messages: list[Message], now: float) -> None:
        """Apply the orders of one frame, before its messages are processed one by one."""
        orders = [each for each in messages if isinstance(each, OrderUpdate)]
        if orders:
            self._confirmations.confirm(ORDERS, orders[0])
            self.order_check.received(now, fresh=self.orders.update(orders))

    def take(self, message: Message, moment: datetime) -> None:
        """Process a message of any kind."""
        if isinstance(message, MarketData):
            self.take_quote(message)
            return
        topic = BY_MESSAGE.get(type(message))
        if topic is None:
            self._message_buffer.put(message, moment)
            return
        if topic.about_orders and self.watch is not None:
            self.watch(cast("Any", message).raw)
        store = self._stores.get(topic.name)
        complete = message if store is None else store.update(message)
        if complete is not None:
            self._message_buffer.put(complete, moment)
        self._confirmations.confirm(topic, message)

    def restart(self, topic: Topic) -> None:
        """Begin a new subscription to a topic."""
        store = self._stores.get(topic.name)
        if store is not None:
            store.restart()

    def live_quote(self, conid: int, conid_ex: str) -> LiveQuote:
        """Return the live quote of a contract, which is kept current from now on."""
        live = self.quotes.get(conid_ex)
        if live is None or live.conid_ex != conid_ex:
            live = self.quotes[conid_ex] = LiveQuote(conid, conid_ex)
            # The gateway may leave the exchange out of its messages.
            self.quotes.setdefault(str(conid), live)
        return live

    def outdate_quotes(self) -> None:
        """Mark all quotes as outdated, because this connection has had no message yet."""
        for quote in self.quotes.values():
            quote.fresh = False
