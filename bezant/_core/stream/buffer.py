"""Bounded buffer of unread messages. A `Gap` takes the place of messages that were dropped."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec.structs import force_setattr

from ...models.stream import Gap, Heartbeat, MarketData, Message, Other
from .topics.registry import topic_of_message

if TYPE_CHECKING:
    from .readers import Reader

DEFAULT_BUFFER: Final = 10_000


def topic_of(message: Message) -> str | None:
    """Return IBKR's topic name for a message; None for messages that bezant creates itself."""
    if isinstance(message, Other):
        return message.topic.partition("+")[0] or None
    topic = topic_of_message(message)
    return None if topic is None else topic.name


class _Dropped:
    """Consecutive messages of one topic that were dropped because the buffer was full."""

    __slots__ = ("count", "since", "until")

    def __init__(self, moment: datetime) -> None:
        self.count = 0
        self.since = self.until = moment


_Entry: TypeAlias = Message | tuple[str | None, _Dropped]


class MessageBuffer:
    """Unread messages of a stream, in the order of their arrival.

    Unread quotes of the same contract are merged into one quote, and unread heartbeats into one
    heartbeat. Other messages are dropped if the buffer is full, and a `Gap` takes their place.

    Args:
        limit: maximum number of unread messages, not counting quotes; 10,000 by default.
        quote_backlog: number of unread quotes that are kept without merging. Quotes beyond this
            number are merged with unread quotes of the same contract. 0 by default, so that all are
            merged.

    Attributes:
        merged: number of quotes that were merged into another quote.
        missed: number of messages that were dropped.
    """

    def __init__(self, limit: int = DEFAULT_BUFFER, quote_backlog: int = 0) -> None:
        self._limit = limit
        self._backlog = quote_backlog
        self._entries: deque[_Entry] = deque()
        # The last unread quote of each contract, into which new quotes are merged; nobody has read
        # it yet. None if the quote backlog has not been exceeded since all quotes were last read.
        self._waiting: dict[str, MarketData] | None = None
        self._heartbeat: Heartbeat | None = None
        self._quotes = 0
        self._others = 0
        self._dropped: dict[str | None, _Dropped] = {}
        self._popped = 0
        self._arrivals: deque[tuple[int, float]] = deque()
        self._readers: tuple[Reader, ...] = ()
        self.merged: int = 0
        self.missed: int = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add_reader(self, reader: Reader) -> None:
        """Pass all later messages to a further reader, too, until the reader is closed."""
        self._readers = (*(each for each in self._readers if not each.closed), reader)

    def remove_reader(self, reader: Reader) -> None:
        """Pass no further messages to a reader."""
        reader.closed = True
        self._readers = tuple(each for each in self._readers if not each.closed)

    def arrived(self, now: float) -> None:
        """Set the arrival time for the messages that are added after this call."""
        arrivals = self._arrivals
        at = self._popped + len(self._entries)
        while len(arrivals) > 1 and arrivals[1][0] <= self._popped:
            arrivals.popleft()
        if arrivals and arrivals[-1][0] == at:
            arrivals.pop()
        arrivals.append((at, now))

    def lag(self, now: float) -> float:
        """Return the age of the oldest unread message in seconds; 0 without one."""
        if not self._entries:
            return 0.0
        came = now
        for at, moment in self._arrivals:
            if at > self._popped:
                break
            came = moment
        return max(now - came, 0.0)

    def put_quotes(self, quotes: Sequence[MarketData]) -> None:
        """Add quotes; if the backlog is full, merge each with an unread quote of its contract."""
        for reader in self._readers:
            reader.put_quotes(quotes)
        waiting = self._waiting
        if waiting is None:
            if self._quotes + len(quotes) <= self._backlog:
                self._entries.extend(quotes)
                self._quotes += len(quotes)
                return
            waiting = self._waiting = self._last_unread() if self._quotes else {}
        add, backlog, unread = self._entries.append, self._backlog, self._quotes
        for quote in quotes:
            contract = quote.conid_ex
            if unread >= backlog:
                old = waiting.get(contract)
                if old is not None:
                    self._merge(old, quote)
                    continue
            waiting[contract] = quote
            add(quote)
            unread += 1
        self._quotes = unread

    def _last_unread(self) -> dict[str, MarketData]:
        """Return the last unread quote of each contract, ignoring quotes before a `Gap`."""
        last: dict[str, MarketData] = {}
        for entry in self._entries:
            if isinstance(entry, MarketData):
                last[entry.conid_ex] = entry
            elif isinstance(entry, Gap):
                last.clear()
        return last

    def _merge(self, old: MarketData, quote: MarketData) -> None:
        force_setattr(old, "before", old.changed_codes() | quote.changed_codes())
        force_setattr(old, "raw", {**old.raw, **quote.raw})
        force_setattr(old, "state", quote.state)
        force_setattr(old, "merged", old.merged + 1)
        self.merged += 1

    def put(self, message: Message, moment: datetime) -> None:
        """Add a message, or drop and count it if the buffer is full."""
        for reader in self._readers:
            reader.put(message, moment)
        if isinstance(message, Heartbeat):
            if self._heartbeat is None:
                self._heartbeat = message
                self._entries.append(message)
            else:
                force_setattr(self._heartbeat, "sent_at", message.sent_at)
            return
        if self._others < self._limit:
            self._others += 1
            self._entries.append(message)
            if isinstance(message, Gap):
                # Later messages must not be merged into messages before the gap.
                if self._waiting is not None:
                    self._waiting.clear()
                self._heartbeat = None
            if self._dropped:
                # If messages of this topic are dropped later, they form another gap after this
                # message.
                self._dropped.pop(topic_of(message), None)
            return
        topic = topic_of(message)
        dropped = self._dropped.get(topic)
        if dropped is None:
            dropped = self._dropped[topic] = _Dropped(moment)
            self._entries.append((topic, dropped))
        dropped.count += 1
        dropped.until = moment
        self.missed += 1

    def take(self) -> Message | None:
        """Remove and return the oldest unread message; None without one."""
        entries = self._entries
        if not entries:
            return None
        entry = entries.popleft()
        self._popped += 1
        if isinstance(entry, MarketData):
            self._quotes -= 1
            if self._waiting is not None:
                if not self._quotes:
                    self._waiting = None
                elif self._waiting.get(entry.conid_ex) is entry:
                    del self._waiting[entry.conid_ex]
            return entry
        if isinstance(entry, Heartbeat):
            if self._heartbeat is entry:
                self._heartbeat = None
            return entry
        if isinstance(entry, tuple):
            topic, dropped = entry
            if self._dropped.get(topic) is dropped:
                del self._dropped[topic]
            what = f"messages of {topic}" if topic else "messages"
            return Gap(
                reason=f"{dropped.count} {what} were dropped, because the buffer was full; read "
                "the stream faster, or raise its buffer",
                since=dropped.since,
                until=dropped.until,
                topic=topic,
                count=dropped.count,
            )
        self._others -= 1
        return entry
