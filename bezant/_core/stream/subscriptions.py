"""Subscriptions that the program has made, and the commands for them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from ...errors import InvalidRequest
from .topic import Arguments, SubscriptionRequest, Topic, check_command
from .topics.registry import topic_of_key


@dataclass(frozen=True, slots=True)
class Interest:
    """One subscriber of a subscription. Several subscribers can share a subscription.

    Attributes:
        number: unique number of the subscriber.
        key: key of the subscription at the gateway, such as ``md+265598``.
        arguments: arguments that this subscriber asked for.
    """

    number: int
    key: str
    arguments: Arguments = field(default_factory=dict[str, object], hash=False)


class SubscriptionRegistry:
    """All subscriptions of a stream with their subscribers."""

    def __init__(self) -> None:
        self._interests: dict[str, dict[int, Interest]] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return sum(map(len, self._interests.values()))

    def __contains__(self, key: object) -> bool:
        return key in self._interests

    def all_keys(self) -> list[str]:
        """Return the keys of all subscriptions, the oldest subscription first."""
        return sorted(self._interests, key=lambda key: next(iter(self._interests[key])))

    def add(self, request: SubscriptionRequest) -> tuple[Interest, list[str]]:
        """Add a subscriber; return it, and the commands to send.

        The gateway has only one subscription for a key. So the command contains the merged
        arguments of all subscribers of the key.

        Raises:
            InvalidRequest: the command would be too long, there are too many subscriptions to the
                topic, or the arguments contradict those of another subscriber.
        """
        key = request.key
        topic = topic_of_key(key)
        interest = Interest(next(self._numbers), key, request.arguments)
        held = self._interests.get(key, {})
        before = _command(topic, key, held.values()) if held else ""
        after = _command(topic, key, [*held.values(), interest])
        # The check comes before the subscriber is added. Otherwise a command that is too long would
        # be sent on each new connection, and the gateway would drop the connection.
        check_command(
            after,
            f"the command for all subscriptions to {key}",
            ": pass fewer names, or none to receive all",
        )
        if not held:
            self._check_limit(topic)
        self._interests.setdefault(key, {})[interest.number] = interest
        return interest, [after] if after != before or topic.always_send else []

    def _check_limit(self, topic: Topic) -> None:
        if topic.limit is not None:
            count = sum(topic_of_key(each) is topic for each in self._interests)
            if count >= topic.limit:
                raise InvalidRequest(
                    f"IBKR serves {topic.limit} subscriptions to {topic.name} at a time; "
                    "cancel one of them first"
                )

    def remove(self, interest: Interest) -> list[str]:
        """Remove a subscriber; return the commands to send."""
        held = self._interests.get(interest.key, {})
        if held.pop(interest.number, None) is None or held:
            return []
        del self._interests[interest.key]
        topic = topic_of_key(interest.key)
        if topic.server_id is not None:
            return []  # the caller ends it by the gateway's id
        command = topic.unsubscribe(interest.key)
        others: list[str] = []
        if topic.unsubscribe_ends_others:
            others = [
                each
                for each in self._interests
                if topic_of_key(each) is topic and topic.unsubscribe(each) == command
            ]
        return [command, *map(self.command, others)]

    def arguments(self, key: str) -> Arguments:
        """Return the merged arguments of all subscribers of a subscription."""
        return _merged(topic_of_key(key), key, self._interests[key].values())

    def command(self, key: str) -> str:
        """Return the command to subscribe, with the merged arguments of all subscribers."""
        return _command(topic_of_key(key), key, self._interests[key].values())

    def commands(self) -> list[str]:
        """Return the commands for all subscriptions, the oldest subscription first."""
        return [self.command(key) for key in self.all_keys()]


def _merged(topic: Topic, key: str, interests: Iterable[Interest]) -> Arguments:
    return topic.merge(key, [each.arguments for each in interests])


def _command(topic: Topic, key: str, interests: Iterable[Interest]) -> str:
    return topic.subscribe(key, _merged(topic, key, interests))
