"""Merges market data of a stream into quotes with all known fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..._wire.conid_ex import conid_of, without_exchange
from ...models.stream import MarketData
from ..decoding.decoder import decode_plain
from .buffer import MessageBuffer
from .confirmations import Confirmations
from .topics.market_data import MARKET_DATA

# Highest number of contracts without a known subscription whose values are kept. The program may
# have subscribed to them by sending a command itself.
MAX_OTHERS: Final = 500
_NOTHING: Final[dict[str, Any]] = {}


class LiveQuote:
    """The newest values of one contract.

    Attributes:
        conid: IBKR's id of the contract.
        conid_ex: the contract as subscribed to, with the exchange if one was given.
        raw: all known fields, as received. An update replaces this mapping by a new one.
        version: number of changes so far.
        fresh: whether a message about the contract has come on this connection; if False, the
            values may be outdated.
    """

    __slots__ = ("conid", "conid_ex", "fresh", "raw", "version")

    def __init__(self, conid: int, conid_ex: str) -> None:
        self.conid: int = conid
        self.conid_ex: str = conid_ex
        self.raw: dict[str, Any] = {}
        self.version: int = 0
        self.fresh: bool = False

    def complete(self) -> MarketData:
        """Return all known values as one message."""
        return MarketData(conid=self.conid, conid_ex=self.conid_ex, raw=self.raw)


class Quotes:
    """The newest values of all contracts on a stream.

    Args:
        message_buffer: buffer for unread messages.
        confirmations: object that records which subscriptions the messages confirm.
    """

    def __init__(self, message_buffer: MessageBuffer, confirmations: Confirmations) -> None:
        self._by_contract: dict[str, LiveQuote] = {}
        self._by_topic: dict[str, LiveQuote] = {}
        self._others: dict[str, None] = {}
        self._put = message_buffer.put_quotes
        self._confirmations = confirmations
        self._unconfirmed = confirmations.unconfirmed[MARKET_DATA.key]

    def __len__(self) -> int:
        return len(self._by_contract)

    def take_run(self, batch: Sequence[bytes], at: int) -> int:
        """Process frames of the batch from index `at` on, while they are data of known contracts.

        Nearly all frames are of this kind, so this is a single fast loop that avoids function
        calls. It stops at the first frame of another kind.

        Returns:
            Index of the first frame that was not processed; the length of the batch if there is
            none.
        """
        by_topic, unconfirmed = self._by_topic, self._unconfirmed
        quotes: list[MarketData] = []
        position = at
        for position in range(at, len(batch)):
            try:
                frame: dict[str, Any] = decode_plain(batch[position])
                live = by_topic[frame["topic"]]
                if frame["conidEx"] != live.conid_ex or frame["conid"] != live.conid:
                    break
            except (ValueError, LookupError, TypeError, RecursionError):
                break
            before = live.raw if live.fresh else _NOTHING
            # A new mapping is made, because the program may still use the old one.
            live.raw = state = {**before, **frame}
            live.fresh = True
            live.version += 1
            quote = MarketData(
                conid=live.conid, conid_ex=live.conid_ex, raw=frame, state=state, before=before
            )
            if unconfirmed:
                self._confirmations.confirm(MARKET_DATA, quote)
            quotes.append(quote)
        else:
            position = len(batch)
        self._put(quotes)
        return position

    def take(self, quote: MarketData) -> None:
        """Process one message with market data, of any contract."""
        live = self._by_contract.get(quote.conid_ex)
        if live is None:
            live = self._by_contract[quote.conid_ex] = LiveQuote(quote.conid, quote.conid_ex)
            self._others[quote.conid_ex] = None
            if len(self._others) > MAX_OTHERS:
                self.end(next(iter(self._others)))
        sent = dict(quote.raw)
        topic = sent.get("topic")
        if topic in (f"smd+{live.conid_ex}", f"smd+{without_exchange(live.conid_ex)}"):
            self._by_topic[topic] = live
        before = live.raw if live.fresh else _NOTHING
        live.raw = state = {**before, **sent}
        live.fresh = True
        live.version += 1
        complete = MarketData(
            conid=live.conid, conid_ex=live.conid_ex, raw=sent, state=state, before=before
        )
        if self._unconfirmed:
            self._confirmations.confirm(MARKET_DATA, complete)
        self._put([complete])

    def live(self, conid: int, conid_ex: str) -> LiveQuote:
        """Return the live quote of a contract. Later messages update this object."""
        found = self._by_contract.get(conid_ex)
        if found is None or found.conid_ex != conid_ex:
            found = self._by_contract[conid_ex] = LiveQuote(conid, conid_ex)
            # The gateway's messages may name the contract without the exchange.
            self._by_contract.setdefault(without_exchange(conid_ex), found)
        return found

    def subscribed(self, conid_ex: str) -> LiveQuote:
        """Return the live quote of a contract, given as in a subscription's key."""
        return self.live(conid_of(conid_ex), conid_ex)

    def begin(self, conid_ex: str) -> None:
        """Record a new subscription. Earlier values of the contract count as outdated."""
        self._others.pop(conid_ex, None)
        self.subscribed(conid_ex).fresh = False

    def end(self, conid_ex: str) -> None:
        """Remove the values of a contract whose subscription has ended."""
        self._others.pop(conid_ex, None)
        ended = self._by_contract[conid_ex]
        plain = without_exchange(conid_ex)
        ended.fresh = False
        for index in (self._by_contract, self._by_topic):
            for name in (conid_ex, plain, f"smd+{conid_ex}", f"smd+{plain}"):
                if index.get(name) is ended:
                    del index[name]

    def interrupt(self) -> None:
        """Mark all values as outdated, because messages may be missing from now on."""
        for live in self._by_contract.values():
            live.fresh = False
