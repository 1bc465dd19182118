"""Tracks the subscriptions of the current connection: which are confirmed, which need renewal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...models.stream import Message
from .phases import Timing
from .topic import Topic, without_exchange
from .topics.registry import TOPICS, topic_of_key


@dataclass(slots=True)
class _Sent:
    due: float
    confirmed: bool = False
    failed: bool = False
    again: bool = False
    wait: float = 0.0
    # Whether `due` is the time to check that messages still come; whether one has come since the
    # last such check; whether one had come at the last such check.
    watched: bool = False
    heard: bool = False
    steady: bool = False


class Confirmations:
    """Tracks the subscriptions of this connection, and when their commands have to be sent again.

    The gateway does not acknowledge the command to subscribe. The first message of a subscription
    shows that the command has arrived, and confirms the subscription.

    Args:
        timing: the stream's intervals, such as the time until a command is sent again.
        random: function that returns random numbers from 0 to 1.

    Attributes:
        unconfirmed: keys of subscriptions without a message yet, grouped by topic.
        next_due: monotonic time when the next command has to be sent again.
    """

    def __init__(self, timing: Timing, random: Callable[[], float]) -> None:
        self._timing = timing
        self._random = random
        self._sent: dict[str, _Sent] = {}
        # The gateway's id of each subscription, by the subscription's key. The command to
        # unsubscribe contains this id.
        self._server_ids: dict[str, str] = {}
        self.unconfirmed: dict[str, set[str]] = {topic.key: set() for topic in TOPICS}
        self.next_due = math.inf

    def clear(self) -> None:
        """Forget all subscriptions, because the connection was lost."""
        self._sent.clear()
        self._server_ids.clear()
        for keys in self.unconfirmed.values():
            keys.clear()
        self.next_due = math.inf

    @property
    def confirmed(self) -> set[str]:
        """Keys of the subscriptions that are confirmed."""
        return {key for key, each in self._sent.items() if each.confirmed}

    def add(self, key: str, now: float) -> None:
        """Record that the command for a subscription is sent, for the first time or again."""
        topic = topic_of_key(key)
        sent = self._sent.get(key)
        if sent is None:
            sent = self._sent[key] = _Sent(math.inf)
            self.unconfirmed[topic.key].add(key)
        else:
            sent.again = True
        if sent.confirmed and topic.heartbeat is not None:
            return
        sent.watched = False
        if not (topic.expires if sent.confirmed else topic.responds):
            if sent.due != math.inf:
                sent.due = math.inf
                self._plan()
            return
        timing = self._timing
        renewal = timing.renew_from + (timing.renew_to - timing.renew_from) * self._random()
        if not sent.confirmed:
            # The gateway sometimes loses a command. So the command is repeated, with growing
            # pauses.
            sent.wait = min(max(sent.wait * 2, timing.confirm_after), renewal)
            renewal = sent.wait
        sent.due = now + renewal
        self._plan()

    def _plan(self) -> None:
        self.next_due = min((each.due for each in self._sent.values()), default=math.inf)

    def forget(self, key: str) -> str | None:
        """Forget a subscription; return the gateway's id for it, or None if the id is not known."""
        if self._sent.pop(key, None) is not None:
            self.unconfirmed[topic_of_key(key).key].discard(key)
            self._plan()
        return self._server_ids.pop(key, None)

    def due(self, now: float) -> list[str]:
        """Return the keys of the subscriptions whose commands have to be sent again now."""
        if now < self.next_due:
            return []
        return [key for key, each in self._sent.items() if now >= each.due]

    def fails(self, key: str) -> bool:
        """Return whether a subscription was refused or silent and has had no message since then."""
        return self._sent[key].failed

    def planned(self, key: str) -> bool:
        """Return whether it is planned to send a subscription's command again at any time."""
        return self._sent[key].due != math.inf

    def falls_silent(self, key: str) -> bool:
        """Return whether a subscription has no message yet although its command was sent twice.

        The method returns True once; after that it returns False until a message has confirmed the
        subscription and the subscription falls silent again.
        """
        sent = self._sent[key]
        if sent.confirmed or sent.failed or not sent.again or not topic_of_key(key).responds:
            return False
        sent.failed = True
        return True

    def doubt(self, key: str, now: float) -> None:
        """Expect a message of a subscription soon, because REST has something new about it."""
        sent = self._sent[key]
        sent.watched, sent.heard = True, False
        sent.due = now + self._timing.confirm_after
        self._plan()

    def still_heard(self, key: str, now: float) -> bool:
        """Check a subscription that is due: return whether a message has come as expected.

        The result is False if no message was expected, or if none has come.
        """
        sent = self._sent[key]
        if not sent.watched or not sent.heard:
            return False
        heartbeat = topic_of_key(key).heartbeat
        if heartbeat is None:
            sent.watched, sent.due = False, math.inf
        else:
            window = heartbeat * self._timing.heartbeats
            # Pauses grow as long as a subscription sends one message after each command, and then
            # no more.
            sent.wait = 0.0 if sent.steady else sent.wait
            sent.heard, sent.steady, sent.due = False, True, now + max(window, sent.wait)
        self._plan()
        return True

    def stops(self, key: str, now: float) -> bool:
        """Return whether a subscription that is due has fallen silent; it then is unconfirmed."""
        sent = self._sent[key]
        if not sent.watched:
            return False
        wait = min(max(sent.wait * 2, self._timing.confirm_after), self._timing.renew_to)
        self.refused(key, now)
        sent.watched, sent.steady, sent.wait = False, False, wait
        return True

    def refused(self, key: str, now: float) -> bool:
        """Plan to send a subscription's command again: the gateway refused it or does not respond.

        The pauses between attempts grow until a message confirms the subscription.

        Returns:
            Whether this is the first refusal since the subscription was made or confirmed.
        """
        sent = self._sent[key]
        topic = topic_of_key(key)
        first = sent.confirmed or not sent.failed
        sent.failed, sent.confirmed = True, False
        self.unconfirmed[topic.key].add(key)
        # Otherwise `add` has already planned when to send the command again.
        if first or not topic.responds:
            timing = self._timing
            sent.wait = timing.confirm_after if first else min(sent.wait * 2, timing.renew_to)
            sent.due = now + sent.wait
            self._plan()
        return first

    def confirm(self, topic: Topic, message: Message) -> None:
        """Mark the subscriptions to which a message belongs as confirmed."""
        unconfirmed = self.unconfirmed[topic.key]
        if topic.confirms is None:
            return
        if topic.heartbeat is not None or topic.about_orders:
            self._hear(topic.confirms(message))
        if not unconfirmed:
            return
        for key in _matches(topic.confirms(message), unconfirmed):
            self._confirm(key)
            unconfirmed.discard(key)

    def _hear(self, keys: Sequence[str]) -> None:
        for key in keys:
            if key in self._sent:
                self._sent[key].heard = True

    def confirm_empty(self, key: str) -> None:
        """Mark a subscription as confirmed, because the gateway has sent an empty list for it."""
        self._hear((key,))
        if key in self._sent and not self._sent[key].confirmed:
            self._confirm(key)
            self.unconfirmed[topic_of_key(key).key].discard(key)

    def _confirm(self, key: str) -> None:
        sent = self._sent[key]
        topic = topic_of_key(key)
        sent.confirmed = True
        sent.failed = False
        if topic.heartbeat is not None:
            sent.watched = True
        elif not topic.expires:
            sent.watched = False
            sent.due, sent.wait = math.inf, 0.0
            self._plan()
        else:
            timing = self._timing
            sent.due += timing.renew_from - sent.wait
            sent.due += (timing.renew_to - timing.renew_from) * self._random()
            self._plan()

    def note_server_id(self, topic: Topic, message: Message, keys: Sequence[str]) -> str | None:
        """Store the gateway's subscription id from a message.

        Return the id if the message belongs to none of our subscriptions. Return None if the id was
        stored, or if the message has no id.

        Args:
            topic: the message's topic.
            message: message of the topic, which need not contain an id.
            keys: the keys of all subscriptions.
        """
        if topic.server_id is None or topic.confirms is None:
            return None
        server_id = topic.server_id(message)
        if not isinstance(server_id, str):
            return None
        matches = _matches(topic.confirms(message), keys)
        if not matches:
            return server_id
        self._server_ids[matches[0]] = server_id
        return None


def refused_keys(topic: str, keys: Sequence[str], confirmed: set[str]) -> list[str]:
    """Return the keys of the subscriptions that a refusal by the gateway concerns.

    Args:
        topic: topic that the refusal names, such as ``sor`` or ``smd+265598``.
        keys: keys of all subscriptions.
        confirmed: keys of the subscriptions that have had a message. The refusal concerns one of
            these only if it names the exact key.
    """
    name = topic[1:]
    if not topic.startswith("s"):
        return []
    if name in keys:
        return [name]
    open_ones = [key for key in keys if key not in confirmed]
    return [key for key in open_ones if name in (without_exchange(key), key.partition("+")[0])]


def _matches(precise_first: tuple[str, ...], keys: Sequence[str] | set[str]) -> list[str]:
    """Return the keys of the subscriptions that a message confirms.

    If `keys` contains the most precise key, the result is only this key. Otherwise the result is
    all keys of the same contract, whatever their exchange.

    Args:
        precise_first: the keys that the message may belong to, the most precise first, such as with
            and without the exchange.
        keys: the keys of subscriptions.
    """
    if precise_first[0] in keys:
        return [precise_first[0]]
    return [key for key in keys if without_exchange(key) == precise_first[-1]]
