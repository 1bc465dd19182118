"""Merges the updates of a topic into messages with all known values.

The gateway sends only the fields that changed, and IBKR does not number its messages. A message
lost between two connections would therefore go unnoticed. So values are merged only within one
connection.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any, Final, TypeVar, cast

import msgspec
from msgspec.structs import force_setattr

from ...models._base import peek
from ...models.stream import Message
from ...models.stream._base import StateModel
from .topic import Merging, Topic, without_exchange

S = TypeVar("S", bound=StateModel)

# Highest number of complete messages that a topic keeps. If there are more, the one whose last
# update is oldest is dropped.
MAX_STATES: Final = 10_000


class TopicState:
    """Keeps the newest complete message about each subject of a topic, such as each order.

    Args:
        topic: the topic.
        merging: rule by which the topic's messages merge.
    """

    def __init__(self, topic: Topic, merging: Merging) -> None:
        self._topic = topic
        self._merging = merging
        self._known: dict[Hashable, Any] = {}
        # The rows delivered so far, including those of earlier connections. They are used only to
        # find out whether a repeated row contains something new.
        self._delivered: dict[Hashable, dict[str, Any]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def update(self, message: Any) -> Message | None:
        """Return a message completed with earlier values; None if it only repeats delivered values.

        Args:
            message: message with one row as received.
        """
        merging = self._merging
        subject = merging.subject(message)
        known = None if subject is None else self._known.pop(subject, None)
        complete = merging.complete(known, message)
        if subject is None:
            return cast("Message", complete)
        _keep(self._known, subject, complete)
        if merging.news is not None:
            before = self._delivered.pop(subject, None)
            _keep(self._delivered, subject, {**(before or {}), **message.raw})
            if not merging.news(before, message.raw):
                return None
        return cast("Message", complete)

    def interrupt(self) -> None:
        """Forget all values. Messages may be missing, so the values may be out of date."""
        self._known.clear()

    def end(self, key: str) -> None:
        """Remove the values of a subscription that begins or has ended."""
        self.forget(key)
        self._delivered.clear()

    def forget(self, key: str) -> None:
        """Forget the values of a subscription, because some of its messages are missing."""
        plain = without_exchange(key)
        confirms = self._topic.confirms
        gone = [
            subject
            for subject, message in self._known.items()
            if confirms is not None and plain == without_exchange(confirms(message)[-1])
        ]
        for subject in gone:
            del self._known[subject]


def _keep(values: dict[Hashable, Any], subject: Hashable, value: Any) -> None:
    if len(values) >= MAX_STATES:
        del values[next(iter(values))]
    values[subject] = value


def merge_fields(known: S | None, update: S, derived: Mapping[str, str] | None = None) -> S:
    """Return a message with the fields of an update, and the other fields of the last message.

    Args:
        known: the last complete message; None without one.
        update: message with one row as received. If `known` is None, this object is the result.
        derived: names of additional fields that count as sent if the row has a certain key; key:
            the key in the row, value: name of the field.
    """
    names = wire_names(cast("Hashable", type(update)))
    sent = {names[key] for key in update.raw if key in names}
    if derived is not None:
        sent.update(name for key, name in derived.items() if key in update.raw)
    values = {name: peek(update, name) for name in sent}
    before: dict[str, Any] = {} if known is None else {name: peek(known, name) for name in sent}
    changed = frozenset(name for name, value in values.items() if value != before.get(name))
    if known is None:
        force_setattr(update, "changed", changed)  # changed before anyone else sees it
        return update
    return msgspec.structs.replace(known, **values, changed=changed, raw=update.raw)


def replace_fields(known: S | None, update: S) -> S:
    """Return an update that already has all fields, after setting its `changed`.

    `changed` becomes the names of the fields that differ from those of `known`.
    """
    complete = merge_fields(None, update)
    if known is not None:
        names = wire_names(cast("Hashable", type(update))).values()
        changed = frozenset(name for name in names if peek(known, name) != peek(update, name))
        force_setattr(complete, "changed", changed)
    return complete


@cache
def wire_names(model: Hashable) -> dict[str, str]:
    """Return a mapping from the gateway's names of a message's fields to the Python names."""
    kind = cast("type[msgspec.Struct]", model)
    return {
        wire: name
        for name, wire in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
        if name not in ("raw", "changed")
    }
