"""Merges updates from the stream into complete messages, and puts these into the buffer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

from ...models.stream import MarketData, Message, OrderUpdate
from ..decoding.drift import Report
from ..marketdata.liveness import Staleness
from .buffer import MessageBuffer
from .confirmations import Confirmations
from .merging import TopicState
from .order_book import OrderBook
from .order_check import OrderCheck
from .quotes import Quotes
from .topics.market_data import MARKET_DATA
from .topics.orders import ORDERS
from .topics.registry import TOPICS, topic_of_key, topic_of_message


class LiveState:
    """Newest quotes, orders and other values of a stream, updated by its messages.

    Args:
        report: function called with each `Drift`, a field of another type than declared.
        message_buffer: buffer for unread messages.
        confirmations: object that records which subscriptions the messages confirm.

    Attributes:
        orders: the order book, which has each order with all its known fields.
        order_check: state machine that compares the orders with REST after an interruption.
        quotes: newest market data of contracts.
        watch: function called with each row about an order or an execution; None for no function.
    """

    def __init__(
        self, report: Report, message_buffer: MessageBuffer, confirmations: Confirmations
    ) -> None:
        self.orders: OrderBook = OrderBook(report)
        self.order_check: OrderCheck = OrderCheck(self.orders)
        self.quotes: Quotes = Quotes(message_buffer, confirmations)
        self.watch: Callable[[Mapping[str, Any]], object] | None = None
        self._states: dict[str, TopicState] = {
            topic.name: TopicState(topic, topic.merging)
            for topic in TOPICS
            if topic.merging is not None
        }
        self._message_buffer = message_buffer
        self._confirmations = confirmations

    def take_orders(self, messages: list[Message], now: float) -> None:
        """Update the order book with the orders of one frame.

        `take` then processes the frame's messages one by one.
        """
        orders = [each for each in messages if isinstance(each, OrderUpdate)]
        if orders:
            self._confirmations.confirm(ORDERS, orders[0])
            self.order_check.received(now, fresh=self.orders.update(orders))

    def take(self, message: Message, moment: datetime) -> None:
        """Process any message as received, and put the complete message into the buffer."""
        if isinstance(message, MarketData):
            self.quotes.take(message)
            return
        topic = topic_of_message(message)
        if topic is None:
            self._message_buffer.put(message, moment)
            return
        if topic.about_orders and self.watch is not None:
            self.watch(cast("Any", message).raw)
        self._confirmations.confirm(topic, message)
        self.put(message, moment)

    def put(self, message: Message, moment: datetime) -> None:
        """Complete a message with values of earlier messages, and put it into the buffer."""
        complete = self.complete(message)
        if complete is not None:
            self._message_buffer.put(complete, moment)

    def complete(self, message: Message) -> Message | None:
        """Return a message completed with earlier values; None if it repeats delivered values."""
        topic = topic_of_message(message)
        state = None if topic is None else self._states.get(topic.name)
        return message if state is None else state.update(message)

    def begin(self, key: str, staleness: Staleness) -> None:
        """Record a new subscription, and forget the values of an earlier one with the same key."""
        topic = topic_of_key(key)
        if topic is MARKET_DATA:
            self.quotes.begin(key.partition("+")[2], staleness)
        else:
            self.end(key, staleness)

    def interrupt_one(self, key: str, staleness: Staleness) -> None:
        """Forget the values of one subscription, because some of its messages are missing."""
        topic = topic_of_key(key)
        state = self._states.get(topic.name)
        if topic is MARKET_DATA:
            self.quotes.begin(key.partition("+")[2], staleness)
        elif state is not None:
            state.forget(key)

    def end(self, key: str, staleness: Staleness) -> None:
        """Remove the values of a subscription that has ended."""
        topic = topic_of_key(key)
        state = self._states.get(topic.name)
        if topic is MARKET_DATA:
            self.quotes.end(key.partition("+")[2], staleness)
        elif state is not None:
            state.end(key)

    def interrupt(self, staleness: Staleness, *, lasting: bool) -> None:
        """Forget all values: messages may be missing from now on, so the values may be outdated.

        Args:
            staleness: why the values may be outdated.
            lasting: whether no message can come until the stream has reconnected.
        """
        self.quotes.interrupt(staleness, lasting=lasting)
        for state in self._states.values():
            state.interrupt()
