"""The topics of one WebSocket connection: commands in, messages out, no waiting."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import msgspec

from .._wire_forms.account import Account
from .._wire_forms.quotes import Quotes
from .orders import OrderFeed, TradeFeed, arguments
from .reports import BEGINNINGS, ENDS, Topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._state.state import State

# Real topics that this simulation takes and leaves unanswered.
_SILENT = frozenset({"blt", "ntf", "shs"})
# How many times as rarely as of quotes it is told of profit and loss.
_PNL_EVERY = 1.9


def encode(message: dict[str, Any]) -> bytes:
    """Write a message as the bytes of a frame."""
    return msgspec.json.encode(message)


def _error(text: str) -> bytes:
    return encode({"topic": "error", "error": text, "code": 0})


@dataclass(slots=True)
class _MarketData:
    conid_ex: str
    ends: float
    sent: dict[str, Any] = field(default_factory=dict[str, Any])


class Feeds:
    """The subscriptions of one connection."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._market_data: dict[int, _MarketData] = {}
        self._orders: OrderFeed | None = None
        self._trades: TradeFeed | None = None
        self._pnl_told = 0.0
        self._pnl: dict[str, Any] | None = None
        self._topics = Topics(state)
        self._account = Account(state)
        self._quotes = Quotes(state)

    def clear(self) -> None:
        """Forget all subscriptions, as the gateway does with the session they belong to."""
        self._market_data.clear()
        self._orders = None
        self._trades = None
        self._pnl = None
        self._topics = Topics(self._state)

    def handle(self, text: str) -> Iterator[bytes]:
        """Take a command and yield what is answered at once."""
        topic, _, rest = text.partition("+")
        if topic == "tic" or topic in _SILENT:
            return
        if topic == "ech":
            yield text.encode()
        elif topic in {"smd", "umd"}:
            target, _, options = rest.partition("+")
            yield from self._on_market_data(topic, target, options)
        elif topic == "sor":
            self._orders = OrderFeed(self._state, arguments(rest))
            yield from map(encode, self._orders.tick())
        elif topic == "uor":
            self._orders = None
        elif topic == "str":
            self._trades = TradeFeed(self._state, arguments(rest))
            yield from map(encode, self._trades.tick())
        elif topic == "utr":
            self._trades = None
        elif topic == "spl":
            self._pnl = {}
            self._state.session.gains_asked = True
            yield from self._pnl_changes()
        elif topic == "upl":
            self._pnl = None
        elif topic in BEGINNINGS:
            yield from map(encode, self._topics.begin(topic, rest))
        elif topic in ENDS:
            yield from map(encode, self._topics.end(topic, rest))
        else:
            yield _error(f"Topic unknown: {topic}")

    def tick(self) -> Iterator[bytes]:
        """Yield what changed since the last tick."""
        yield from self._market_data_changes()
        for feed in (self._orders, self._trades):
            if feed is not None:
                yield from map(encode, feed.tick())
        state = self._state
        if state.clock.elapsed() - self._pnl_told >= _PNL_EVERY * state.quote_interval:
            yield from self._pnl_changes()
        yield from map(encode, self._topics.tick())

    def end_market_data(self, conid: int | None) -> None:
        """Forget a subscription, or all of them, without a word."""
        if conid is None:
            self._market_data.clear()
        else:
            self._market_data.pop(conid, None)

    def endless(self) -> Iterator[bytes]:
        """Yield quotes without end: of what is subscribed to, or else of the first contract."""
        conids = sorted(self._market_data) or [self._state.catalogue.known[0].conid]
        for number, conid in enumerate(itertools.cycle(conids)):
            yield (
                b'{"topic":"smd+%d","conid":%d,"conidEx":"%d","_updated":%d,"server_id":"q0",'
                b'"6509":"RpB","31":"%d.%02d"}'
            ) % (conid, conid, conid, number, 100 + number % 900, number % 100)

    def oversized(self, size: int) -> bytes:
        """Return a message that is longer than `size` bytes."""
        conid = self._state.catalogue.known[0].conid
        head = self._quotes.head(conid)
        return encode(head | {"topic": f"smd+{conid}", "7219": "x" * (size + size // 2)})

    def _on_market_data(self, topic: str, target: str, options: str) -> Iterator[bytes]:
        try:
            conid = int(target.partition("@")[0])
            given = json.loads(options or "{}")
            wanted = {str(name) for name in cast("list[object]", given.get("fields", []))}
        except (ValueError, AttributeError, TypeError, RecursionError):
            yield _error(f"Invalid arguments: {topic}+{target}+{options}")
            return
        fields = self._state.session.fields
        if topic == "umd":
            self._market_data.pop(conid, None)
            fields.pop(conid, None)
            return
        fields.setdefault(conid, set()).update(wanted)
        feed = _MarketData(target, self._state.clock.elapsed() + self._state.market_data_lifetime)
        feed.sent = self._quotes.fields(conid, fields[conid])
        self._market_data[conid] = feed
        values = {name: value for name, value in feed.sent.items() if name in wanted}
        yield self._quote(conid, feed, values)

    def _quote(self, conid: int, feed: _MarketData, values: dict[str, Any]) -> bytes:
        head = self._quotes.head(conid)
        return encode(
            head
            | {"conidEx": feed.conid_ex, "6119": head["server_id"], "topic": f"smd+{conid}"}
            | values
        )

    def _market_data_changes(self) -> Iterator[bytes]:
        now = self._state.clock.elapsed()
        for conid, feed in list(self._market_data.items()):
            if now >= feed.ends:
                # No message says so on the wire either.
                del self._market_data[conid]
        fields = self._state.session.fields
        feeds = list(self._market_data.items())
        found = self._quotes.many((conid, fields.get(conid, ())) for conid, _ in feeds)
        for (conid, feed), values in zip(feeds, found, strict=True):
            delta = {name: new for name, new in values.items() if feed.sent.get(name) != new}
            feed.sent = values
            # Whoever sends this waits for it, and meanwhile the subscription may end.
            if delta and self._market_data.get(conid) is feed:
                yield self._quote(conid, feed, delta)

    def _pnl_changes(self) -> Iterator[bytes]:
        if self._pnl is None:
            return
        self._pnl_told = self._state.clock.elapsed()
        values = self._account.gains()
        delta = {name: new for name, new in values.items() if self._pnl.get(name) != new}
        self._pnl = values
        if delta:
            name = f"{self._state.account_id}.Core"
            yield encode({"topic": "spl", "args": {name: {"rowType": 1} | delta}})
