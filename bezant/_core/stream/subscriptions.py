"""What the user wants to receive, and the commands that make it so."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from ...errors import InvalidRequest
from ..marketdata.fields import MAX_FIELDS, MarketDataFields

# The gateway drops the connection on a longer command.
MAX_COMMAND: Final = 64 * 1024

# IBKR's limit of bar subscriptions that are open at a time.
MAX_BARS: Final = 5


def check_command(text: str, what: str = "the command", advice: str = "") -> None:
    """Refuse a command that cannot be sent.

    Raises:
        InvalidRequest: it is longer than the gateway takes, or no text.
    """
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidRequest(f"{what} holds characters that cannot be sent") from None
    if length > MAX_COMMAND:
        raise InvalidRequest(
            f"{what} has {length:,} bytes; the gateway drops the connection on more than "
            f"{MAX_COMMAND:,}{advice}"
        )


@dataclass(frozen=True, slots=True)
class Interest:
    """One subscription as its user holds it.

    Attributes:
        number: tells it from others of the same topic.
        topic: what stands behind the s or u of a command, such as ``md+265598``.
        fields: the market data fields that it wants.
        arguments: what else it asks of the topic.
    """

    number: int
    topic: str
    fields: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)


class SubscriptionRegistry:
    """All subscriptions, in the order in which they were made."""

    def __init__(self) -> None:
        self._interests: dict[str, dict[int, Interest]] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return sum(map(len, self._interests.values()))

    def __contains__(self, topic: object) -> bool:
        return topic in self._interests

    def topics(self) -> list[str]:
        """Return every topic that somebody wants, the one that was wanted first first."""
        return sorted(self._interests, key=lambda topic: next(iter(self._interests[topic])))

    def add(
        self,
        topic: str,
        fields: MarketDataFields | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> tuple[Interest, list[str]]:
        """Take a subscription and return it with the commands to send.

        A topic is one subscription at the gateway, whoever wants it: each command asks for all.

        Raises:
            InvalidRequest: the gateway would not take that much, or not both at a time.
        """
        interest = Interest(next(self._numbers), topic, tuple(fields or ()), dict(arguments or {}))
        held = self._interests.get(topic, {})
        before = self._command(topic, held) if held else ""
        after = self._command(topic, {**held, interest.number: interest})
        # Refused before it is wanted: each new connection would end on it again.
        check_command(
            after, f"all that is asked of {topic}", ": name fewer, or none at all to receive all"
        )
        if not held and topic.startswith("mh+"):
            open_bars = sum(each.startswith("mh+") for each in self._interests)
            if open_bars >= MAX_BARS:
                raise InvalidRequest(
                    f"IBKR serves {MAX_BARS} subscriptions to bars at a time: cancel one of them"
                )
        self._interests.setdefault(topic, {})[interest.number] = interest
        # Repeated even when nothing is new: the gateway answers with everything that it has.
        return interest, [after] if after != before or interest.fields else []

    def remove(self, interest: Interest) -> list[str]:
        """Give a subscription up and return the commands to send."""
        held = self._interests.get(interest.topic, {})
        if held.pop(interest.number, None) is None or held:
            return []
        del self._interests[interest.topic]
        return self._ending(interest.topic)

    def _ending(self, topic: str) -> list[str]:
        family, _, target = topic.partition("+")
        if family == "mh":
            return []  # its end names the gateway's id of it
        if family == "tr":
            return ["utr"]
        if family == "bd":
            # It ends every ladder of the account.
            account = target.partition("+")[0]
            others = [each for each in self._interests if each.startswith(f"bd+{account}+")]
            return [f"ubd+{account}", *map(self.command, others)]
        return [f"u{topic}+{{}}"]

    def arguments(self, topic: str) -> dict[str, Any]:
        """Return the arguments of a topic, over all its subscriptions."""
        return _joined(topic, topic.partition("+")[0], list(self._interests[topic].values()))

    def command(self, topic: str) -> str:
        """Return what asks for a topic that is wanted."""
        return self._command(topic, self._interests[topic])

    def commands(self) -> list[str]:
        """Return what has to be sent on a new connection, in the original order."""
        return [self.command(topic) for topic in self.topics()]

    def _command(self, topic: str, interests: Mapping[int, Interest]) -> str:
        family = topic.partition("+")[0]
        if family == "bd":
            return f"s{topic}"
        arguments = _joined(topic, family, list(interests.values()))
        return f"s{topic}+{msgspec.json.encode(arguments).decode()}"


def _joined(topic: str, family: str, interests: list[Interest]) -> dict[str, Any]:
    """Return arguments that give every ticket what it wants.

    Raises:
        InvalidRequest: no arguments do.
    """
    if family == "md":
        fields = list(dict.fromkeys(code for each in interests for code in each.fields))
        if len(fields) > MAX_FIELDS:
            raise InvalidRequest(
                f"{topic.partition('+')[2]} would have {len(fields)} fields over all its "
                f"subscriptions; IBKR takes up to {MAX_FIELDS}"
            )
        return {"fields": fields} if fields else {}
    asked = [each.arguments for each in interests]
    if family == "tr":
        return {
            "realtimeUpdatesOnly": all(each["realtimeUpdatesOnly"] for each in asked),
            "days": max(each["days"] for each in asked),
        }
    if family == "or":
        # Where one of them names no statuses, it wants all.
        joined: dict[str, Any] = {}
        if all("filters" in each for each in asked):
            joined["filters"] = list(
                dict.fromkeys(code for each in asked for code in each["filters"])
            )
        if any("days" in each for each in asked):
            joined["days"] = max(each.get("days", 1) for each in asked)
        if all("realtimeUpdatesOnly" in each for each in asked):
            joined["realtimeUpdatesOnly"] = True
        return joined
    if family in {"sd", "ld"}:
        # Where one of them names nothing, it wants everything.
        return {
            name: list(dict.fromkeys(code for each in asked for code in each[name]))
            for name in ("keys", "fields")
            if all(name in each for each in asked)
        }
    first, *rest = asked
    if any(each != first for each in rest):
        raise InvalidRequest(
            f"s{topic} is being received with other arguments already: cancel that first"
        )
    return dict(first)
