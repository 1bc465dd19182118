"""What came and was not read yet: bounded, and honest about what it could not hold."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Final, TypeAlias

from msgspec.structs import force_setattr

from ...models.stream import (
    AccountUpdate,
    BarsUpdate,
    Bulletin,
    Gap,
    Heartbeat,
    LadderUpdate,
    LedgerUpdate,
    MarketData,
    Message,
    Notice,
    OrderUpdate,
    Other,
    Pnl,
    Prompt,
    SessionStatus,
    SummaryUpdate,
    System,
    TradeUpdate,
)

DEFAULT_BUFFER: Final = 10_000

TOPICS: Final[dict[type, str]] = {
    AccountUpdate: "act",
    BarsUpdate: "smh",
    Bulletin: "blt",
    LadderUpdate: "sbd",
    LedgerUpdate: "sld",
    Notice: "ntf",
    OrderUpdate: "sor",
    Pnl: "spl",
    Prompt: "ntf",
    SessionStatus: "sts",
    SummaryUpdate: "ssd",
    System: "system",
    TradeUpdate: "str",
}


def topic_of(message: Message) -> str | None:
    """Return IBKR's name of a message's topic; None for what is of our making."""
    if isinstance(message, Other):
        return message.topic.partition("+")[0] or None
    return TOPICS.get(type(message))


class _Hole:
    """Where messages of one topic could not be held."""

    __slots__ = ("count", "since", "until")

    def __init__(self, moment: datetime) -> None:
        self.count = 0
        self.since = self.until = moment


_Entry: TypeAlias = Message | tuple[str | None, _Hole]


class MessageBuffer:
    """Messages in the order in which they came.

    Quotes of one contract that wait are merged into one, and so are heartbeats; nothing else is
    left out without a `Gap` in its place.

    Args:
        limit: how many messages, other than quotes, are held.
        quote_backlog: how many quotes may wait before those of one contract are merged.

    Attributes:
        merged: how many quotes were merged into others.
        missed: how many messages could not be held.
    """

    def __init__(self, limit: int = DEFAULT_BUFFER, quote_backlog: int = 0) -> None:
        self._limit = limit
        self._backlog = quote_backlog
        self._entries: deque[_Entry] = deque()
        # The last one of each contract that nobody has read: nobody has seen it, so it may change.
        self._waiting: dict[str, MarketData] = {}
        self._heartbeat: Heartbeat | None = None
        self._quotes = 0
        self._others = 0
        self._holes: dict[str | None, _Hole] = {}
        self._popped = 0
        self._arrivals: deque[tuple[int, float]] = deque()
        self.merged: int = 0
        self.missed: int = 0

    def __len__(self) -> int:
        return len(self._entries)

    def arrived(self, now: float) -> None:
        """Say when the messages that are put in from here on came."""
        arrivals = self._arrivals
        at = self._popped + len(self._entries)
        while len(arrivals) > 1 and arrivals[1][0] <= self._popped:
            arrivals.popleft()
        if arrivals and arrivals[-1][0] == at:
            arrivals.pop()
        arrivals.append((at, now))

    def lag(self, now: float) -> float:
        """Return for how long the message that is read next has been waiting."""
        if not self._entries:
            return 0.0
        came = now
        for at, moment in self._arrivals:
            if at > self._popped:
                break
            came = moment
        return max(now - came, 0.0)

    def put_quote(self, quote: MarketData) -> None:
        """Take market data; with what waits of the same contract it becomes one message."""
        if self._quotes >= self._backlog:
            old = self._waiting.get(quote.conid_ex)
            if old is not None:
                force_setattr(old, "raw", {**old.raw, **quote.raw})
                force_setattr(old, "merged", old.merged + 1)
                self.merged += 1
                return
        self._waiting[quote.conid_ex] = quote
        self._entries.append(quote)
        self._quotes += 1

    def put(self, message: Message, moment: datetime) -> None:
        """Take a message that is held whole, or counted where it cannot be."""
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
                # What comes behind a gap must not be merged into what stands before it.
                self._waiting.clear()
                self._heartbeat = None
            if self._holes:
                # A later loss of this topic is another gap, behind this message.
                self._holes.pop(topic_of(message), None)
            return
        topic = topic_of(message)
        hole = self._holes.get(topic)
        if hole is None:
            hole = self._holes[topic] = _Hole(moment)
            self._entries.append((topic, hole))
        hole.count += 1
        hole.until = moment
        self.missed += 1

    def take(self) -> Message | None:
        """Return the oldest message, or None."""
        entries = self._entries
        if not entries:
            return None
        entry = entries.popleft()
        self._popped += 1
        if isinstance(entry, MarketData):
            if self._waiting.get(entry.conid_ex) is entry:
                del self._waiting[entry.conid_ex]
            self._quotes -= 1
            return entry
        if isinstance(entry, Heartbeat):
            if self._heartbeat is entry:
                self._heartbeat = None
            return entry
        if isinstance(entry, tuple):
            topic, hole = entry
            if self._holes.get(topic) is hole:
                del self._holes[topic]
            what = f"messages of {topic}" if topic else "messages"
            return Gap(
                reason=f"{hole.count} {what} could not be held because nobody read the stream",
                since=hole.since,
                until=hole.until,
                topic=topic,
                count=hole.count,
            )
        self._others -= 1
        return entry
