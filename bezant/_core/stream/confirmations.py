"""What was asked for on this connection: what was answered, and what has to be renewed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...models.stream import (
    BarsUpdate,
    LadderUpdate,
    LedgerUpdate,
    Message,
    Pnl,
    SummaryUpdate,
)
from .phases import Timing
from .topics import PNL


@dataclass(slots=True)
class _Asked:
    due: float
    confirmed: bool = False
    wait: float = 0.0


class Confirmations:
    """The subscriptions that a connection has been asked for.

    Args:
        timing: the times to keep to.
        random: returns numbers from 0 to 1.

    Attributes:
        unconfirmed: topics of which nothing has come yet.
        unconfirmed_quotes: those of them that are market data, without their ``md+``.
        next_due: when the next one has to be asked for again.
    """

    def __init__(self, timing: Timing, random: Callable[[], float]) -> None:
        self._timing = timing
        self._random = random
        self._asked: dict[str, _Asked] = {}
        # What the gateway calls the bars that it sends: they are cancelled by that.
        self._bar_ids: dict[str, str] = {}
        self.unconfirmed: set[str] = set()
        self.unconfirmed_quotes: set[str] = set()
        self.next_due = math.inf

    def clear(self) -> None:
        """Begin anew: the connection is gone."""
        self._asked.clear()
        self._bar_ids.clear()
        self.unconfirmed.clear()
        self.unconfirmed_quotes.clear()
        self.next_due = math.inf

    @property
    def confirmed(self) -> set[str]:
        """The topics of which something has come."""
        return {topic for topic, each in self._asked.items() if each.confirmed}

    def add(self, topic: str, now: float) -> None:
        """Note that a topic was asked for, for the first time or again."""
        asked = self._asked.get(topic)
        if asked is None:
            asked = self._asked[topic] = _Asked(math.inf)
            self.unconfirmed.add(topic)
            if topic.startswith("md+"):
                self.unconfirmed_quotes.add(topic[3:])
        if not topic.startswith("md+"):
            return
        timing = self._timing
        renewal = timing.renew_from + (timing.renew_to - timing.renew_from) * self._random()
        if not asked.confirmed:
            # The gateway swallows one now and then: ask again, more and more rarely.
            asked.wait = min(max(asked.wait * 2, timing.confirm_after), renewal)
            renewal = asked.wait
        asked.due = now + renewal
        self._plan()

    def _plan(self) -> None:
        self.next_due = min((each.due for each in self._asked.values()), default=math.inf)

    def forget(self, topic: str) -> str | None:
        """Note that a topic is not wanted any more; return the gateway's id of bars."""
        if self._asked.pop(topic, None) is not None:
            self.unconfirmed.discard(topic)
            self.unconfirmed_quotes.discard(topic[3:])
            self._plan()
        return self._bar_ids.pop(topic, None)

    def due(self, now: float) -> list[str]:
        """Return the topics that have to be asked for again."""
        if now < self.next_due:
            return []
        return [topic for topic, each in self._asked.items() if now >= each.due]

    def confirm(self, topic: str) -> None:
        """Note that something of a topic came."""
        if topic not in self.unconfirmed:
            return
        self.unconfirmed.discard(topic)
        self.unconfirmed_quotes.discard(topic[3:])
        asked = self._asked[topic]
        asked.confirmed = True
        if asked.wait:
            timing = self._timing
            asked.due += timing.renew_from - asked.wait
            asked.due += (timing.renew_to - timing.renew_from) * self._random()
            self._plan()

    def confirm_contract(self, conid: int) -> None:
        """Note that market data of a contract came, on whichever exchange."""
        for name in [
            each for each in self.unconfirmed_quotes if each.partition("@")[0] == str(conid)
        ]:
            self.confirm(f"md+{name}")

    def confirm_message(self, message: Message) -> None:
        """Note what a message, other than market data, confirms."""
        if isinstance(message, Pnl):
            self.confirm(PNL)
        elif isinstance(message, SummaryUpdate):
            self.confirm(f"sd+{message.account}")
        elif isinstance(message, LedgerUpdate):
            self.confirm(f"ld+{message.account}")
        elif isinstance(message, LadderUpdate):
            self._confirm_all(f"bd+{message.account}+{message.conid}")
        elif isinstance(message, BarsUpdate):
            self._confirm_all(f"mh+{message.conid}")

    def name_bars(self, bars: BarsUpdate, wanted: Sequence[str]) -> str | None:
        """Note what the gateway calls the bars of a topic; return an id that nobody wants."""
        if not isinstance(bars.server_id, str):
            return None
        target = str(bars.raw.get("topic", "")).partition("+")[2]
        for topic in (f"mh+{target}", *wanted):
            if topic in wanted and topic.partition("@")[0] == f"mh+{bars.conid}":
                self._bar_ids[topic] = bars.server_id
                return None
        return bars.server_id

    def _confirm_all(self, begin: str) -> None:
        for topic in [each for each in self.unconfirmed if _stem(each) == begin]:
            self.confirm(topic)


def _stem(topic: str) -> str:
    """Return a topic without its exchange."""
    topic = topic.partition("@")[0]
    return "+".join(topic.split("+")[:3])
