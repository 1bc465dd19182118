"""Messages that a stream makes itself: interruptions and unreadable frames."""

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
    """Messages may be missing here, or are known to be missing.

    After every interruption it comes before the first message of the new connection. Without a
    ``topic``, messages of any topic may be missing. With a ``topic`` and a ``count``, the buffer
    was full and dropped ``count`` messages of it, because your program did not read the stream.
    With a ``topic`` alone, the gateway refuses the subscription to it, or stays silent although
    there is something to send; the stream subscribes again, with growing pauses. It requests
    missing orders and executions from REST.

    Attributes:
        reason: text of the reason.
        since: time when the stream was last known to be complete.
        until: time when it was complete again.
        topic: IBKR's name of the topic, such as ``sor``; None for all.
        count: number of missing messages; None if it is unknown.
    """

    reason: str
    since: datetime
    until: datetime
    topic: str | None = None
    count: int | None = None


class Reconnected(StreamMessage, frozen=True, kw_only=True):
    """The stream has a new connection and renews all its subscriptions.

    Attributes:
        attempts: number of attempts to connect.
        at: time when the gateway was ready.
    """

    attempts: int
    at: datetime


class SessionLost(StreamMessage, frozen=True, kw_only=True):
    """The gateway is no longer logged in; reported once until it is logged in again.

    The stream keeps trying to reconnect. Log in on the gateway's page in a browser.

    Attributes:
        reason: the gateway's text, or the error of the attempt to connect.
        at: time when the stream noticed it.
    """

    reason: str
    at: datetime


class StreamStats(StreamMessage, frozen=True, kw_only=True):
    """Statistics of a stream.

    Attributes:
        received: messages received on the socket.
        conflated: quotes merged into other unread quotes.
        missed: messages dropped because the buffer was full; each is counted in a `Gap`.
        buffered: unread messages.
        reconnects: connections after the first one.
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
    """A message of a topic for which there is no message class.

    Attributes:
        topic: its topic; empty if it has none.
        payload: the message in plain Python values; the text if it is not JSON.
    """

    topic: str
    payload: Any = msgspec.field(default=None)


class Malformed(StreamMessage, frozen=True, kw_only=True):
    """Bytes that are not a valid message, such as a fragment that the gateway forwarded alone.

    Attributes:
        data: the bytes.
        reason: error of the decoder.
    """

    data: bytes
    reason: str


ControlMessage: TypeAlias = Gap | Reconnected | SessionLost | Other | Malformed
