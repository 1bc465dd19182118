"""Merges market data of a stream into quotes with all known fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..._wire.conid_ex import conid_of, without_exchange
from ...models.stream import MarketData
from ..decoding.decoder import decode_plain
from ..marketdata.liveness import Staleness
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
        fresh: whether the values are current: a message about the contract has come since the last
            interruption.
        last_staleness: why the values were not current the last time; None if nothing is known.
        turns: how often the values have become stale, or stale for another reason.
    """

    __slots__ = ("conid", "conid_ex", "fresh", "last_staleness", "raw", "turns", "version")

    def __init__(self, conid: int, conid_ex: str) -> None:
        self.conid: int = conid
        self.conid_ex: str = conid_ex
        self.raw: dict[str, Any] = {}
        self.version: int = 0
        self.fresh: bool = False
        self.last_staleness: Staleness | None = None
        self.turns: int = 0

    @property
    def staleness(self) -> Staleness | None:
        """The reason why the values are stale; None if they are current."""
        return None if self.fresh else self.last_staleness

    def interrupt(self, staleness: Staleness) -> None:
        """Mark the values as stale. The time since when they are stale stays the first one."""
        before = self.staleness
        if before is not None and before.reason != "no value yet":
            staleness = staleness._replace(since=before.since)
        self.fresh = False
        self.last_staleness = staleness
        if staleness.reason != "no value yet" and (
            before is None or before.reason != staleness.reason
        ):
            self.turns += 1

    def complete(self) -> MarketData:
        """Return all known values as one message."""
        return MarketData(conid=self.conid, conid_ex=self.conid_ex, raw=self.raw)


class QuoteReader:
    """Position of one reader in the changes of a live quote."""

    __slots__ = ("_turn", "_version", "live")

    def __init__(self, live: LiveQuote) -> None:
        self.live: LiveQuote = live
        self._version: int = 0
        self._turn: int = 0

    @property
    def turned_stale(self) -> Staleness | None:
        """The reason why the values have become stale; None if not, or if the reader knows it."""
        return None if self._turn == self.live.turns else self.live.staleness

    def notice_staleness(self) -> None:
        """Record that the reader knows why the values are stale."""
        self._turn = self.live.turns

    def notice_change(self) -> bool:
        """Return whether current values have come that the reader does not know; record them."""
        live = self.live
        if not live.fresh or live.version == self._version:
            return False
        self._version, self._turn = live.version, live.turns
        return True

    def read(self) -> bool:
        """Return whether current values have come that the reader does not know.

        Raises:
            StaleData: the values have become stale since the reader noticed.
        """
        staleness = self.turned_stale
        if staleness is None:
            return self.notice_change()
        self.notice_staleness()
        raise staleness.error([self.live.conid_ex])


def read_many(readers: Sequence[QuoteReader]) -> list[int]:
    """Return the positions of the readers for which current values have come.

    Raises:
        StaleData: values have become stale since their readers noticed. If they are stale for
            several reasons, further calls raise the other ones.
    """
    turned = [(each, staleness) for each in readers if (staleness := each.turned_stale) is not None]
    if turned:
        _, first = turned[0]
        same = [each for each, staleness in turned if staleness.reason == first.reason]
        for each in same:
            each.notice_staleness()
        raise first.error([each.live.conid_ex for each in same])
    return [number for number, each in enumerate(readers) if each.notice_change()]


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
        # Why nothing comes at all at the moment; None if messages come.
        self._interruption: Staleness | None = None
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
                self.end(next(iter(self._others)), None)
        sent = dict(quote.raw)
        topic = sent.get("topic")
        if topic in (f"smd+{live.conid_ex}", f"smd+{without_exchange(live.conid_ex)}"):
            self._by_topic[topic] = live
        before = live.raw if live.fresh else _NOTHING
        live.raw = state = {**before, **sent}
        # A late message of a lost connection does not make the values current.
        live.fresh = self._interruption is None
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

    def begin(self, conid_ex: str, staleness: Staleness) -> None:
        """Mark a contract's values as stale, such as at the beginning of its subscription.

        Args:
            conid_ex: the contract, as in a subscription's key.
            staleness: why the values are stale, if not because of an interruption of the stream.
        """
        self._others.pop(conid_ex, None)
        self.subscribed(conid_ex).interrupt(self._interruption or staleness)

    def end(self, conid_ex: str, staleness: Staleness | None) -> None:
        """Remove the values of a contract whose subscription has ended."""
        self._others.pop(conid_ex, None)
        ended = self._by_contract[conid_ex]
        plain = without_exchange(conid_ex)
        ended.fresh = False
        if staleness is not None:
            ended.interrupt(staleness)
        for index in (self._by_contract, self._by_topic):
            for name in (conid_ex, plain, f"smd+{conid_ex}", f"smd+{plain}"):
                if index.get(name) is ended:
                    del index[name]

    def interrupt(self, staleness: Staleness, *, lasting: bool) -> None:
        """Mark all values as stale, because messages may be missing from now on.

        Args:
            staleness: why the values are stale.
            lasting: whether no message can come until `resume` is called.
        """
        if lasting:
            self._interruption = staleness
        for live in set(self._by_contract.values()):
            live.interrupt(staleness)

    def resume(self) -> None:
        """Record that messages can come again. The values stay stale until one has come."""
        self._interruption = None
