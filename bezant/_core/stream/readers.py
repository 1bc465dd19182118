"""Further readers of a stream: each has a buffer of its own, for messages of certain classes."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, cast, get_args

from ..._wire.redaction import shown
from ...errors import InvalidRequest
from ...models.stream import Gap, Heartbeat, MarketData, Message
from .buffer import MessageBuffer
from .topics.registry import BY_MESSAGE

# All classes of messages that a stream delivers.
CLASSES: Final = cast("tuple[type[Message], ...]", get_args(Message))


def checked_classes(given: Iterable[object]) -> tuple[type[Message], ...]:
    """Return the classes of messages that a reader asks for; all classes if it names none.

    Raises:
        InvalidRequest: a value is not a class of messages.
    """
    wanted = tuple(given)
    for each in wanted:
        if not any(each is known for known in CLASSES):
            raise InvalidRequest(
                f"a class of messages such as bezant.OrderUpdate is needed, not {shown(each)}"
            )
    return cast("tuple[type[Message], ...]", wanted) or CLASSES


class Reader:
    """One further reader of a stream, with the messages that it has not read yet.

    The reader gets the messages of its classes, and each `Gap` without a topic or with the topic of
    one of its classes.

    Args:
        classes: classes of the messages.
        message_buffer: the reader's own buffer.

    Attributes:
        message_buffer: the reader's own buffer.
        closed: whether the reader gets no further messages. A garbage collection may set this
            attribute at any moment, so nothing else happens then.
    """

    def __init__(self, classes: tuple[type[Message], ...], message_buffer: MessageBuffer) -> None:
        self.message_buffer: MessageBuffer = message_buffer
        self.closed: bool = False
        self._classes = classes
        self._quotes = MarketData in classes
        self._topics = {
            None,
            *(BY_MESSAGE[each].name for each in classes if each in BY_MESSAGE),
        }

    def put_quotes(self, quotes: Sequence[MarketData]) -> None:
        """Add quotes if the reader wants quotes.

        The reader gets copies, because each buffer merges further quotes into its unread ones.
        """
        if self._quotes and not self.closed:
            self.message_buffer.put_quotes([copy.copy(quote) for quote in quotes])

    def put(self, message: Message, moment: datetime) -> None:
        """Add a message if the reader wants it."""
        if self.closed or not self._wants(message):
            return
        # Each buffer merges further heartbeats into its unread one.
        own = copy.copy(message) if isinstance(message, Heartbeat) else message
        self.message_buffer.put(own, moment)

    def _wants(self, message: Message) -> bool:
        if isinstance(message, self._classes):
            return True
        return isinstance(message, Gap) and message.topic in self._topics

    def take(self) -> Message | None:
        """Remove and return the oldest unread message; None without one."""
        return self.message_buffer.take()
