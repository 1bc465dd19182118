"""Messages that a stream makes itself, about interruptions and unreadable frames."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from ._base import StreamMessage

__all__ = [
    "Gap",
    "Malformed",
    "Other",
    "Reconnected",
    "SessionLost",
    "StreamStats",
]


class Gap(StreamMessage, frozen=True, kw_only=True):
    """Mark in a stream where messages may be missing, or are known to be missing.

    After every interruption, a `Gap` comes before the first message of the new connection. Without
    a ``topic``, messages of any topic may be missing. With a ``topic`` and a ``count``, the buffer
    was full and dropped ``count`` messages of the topic, because your program did not read the
    stream fast enough. With a ``topic`` and no ``count``, the gateway refuses the subscription to
    the topic, or sends nothing although there is something to send; the stream then subscribes
    again, with growing pauses, and requests missing orders and executions from REST.

    Attributes:
        reason: reason of the gap, as text.
        since: time when the stream was last known to be complete.
        until: time when the stream was complete again.
        topic: IBKR's name of the topic, such as ``sor``; None for all topics.
        count: number of missing messages; None if the number is unknown.
    """

    reason: str
    since: datetime
    until: datetime
    topic: str | None = None
    count: int | None = None


class Reconnected(StreamMessage, frozen=True, kw_only=True):
    """Message that the stream has a new connection, on which it renews all subscriptions.

    Attributes:
        attempts: number of attempts that the reconnection took.
        at: time when the gateway was ready.
    """

    attempts: int
    at: datetime


class SessionLost(StreamMessage, frozen=True, kw_only=True):
    """Message that the session is lost; delivered once per loss.

    Log in on the gateway's page in a browser. Until then the stream keeps trying to reconnect, and
    delivers no further message of this kind.

    Attributes:
        reason: the gateway's text, or the error of the attempt to connect.
        at: time when the stream noticed the loss.
    """

    reason: str
    at: datetime


class StreamStats(StreamMessage, frozen=True, kw_only=True):
    """Statistics of a stream.

    Attributes:
        received: number of messages received on the socket.
        conflated: number of quotes that were merged into newer quotes of the same contract before
            your program read them.
        missed: number of messages dropped because the buffer was full; `Gap` messages in the stream
            report these losses, too.
        buffered: number of messages in the buffer that your program has not read yet.
        reconnects: how many times the stream has reconnected.
        last_heard: time of the last message.
        lag: age of the oldest unread message in seconds.
    """

    received: int
    conflated: int
    missed: int
    buffered: int
    reconnects: int
    last_heard: datetime
    lag: float


class Other(StreamMessage, frozen=True, kw_only=True):
    """Message of a topic that has no message class.

    Attributes:
        topic: topic of the message; empty if the message has no topic.
        payload: the message in plain Python values; the text if it is not JSON.
    """

    topic: str
    payload: Any = msgspec.field(default=None)


class Malformed(StreamMessage, frozen=True, kw_only=True):
    """Bytes that are not a valid message, such as one fragment of a longer message.

    Attributes:
        data: the bytes.
        reason: the decoder's error, as text.
    """

    data: bytes
    reason: str


ControlMessage: TypeAlias = Gap | Reconnected | SessionLost | Other | Malformed
