"""Parses WebSocket messages: finds the topic of each, and has its row read it."""

from __future__ import annotations

from typing import Final, cast

from ...models.stream import Malformed, MarketData, Message, Other
from ..decoding.decoder import loads
from ..decoding.drift import Report
from .topic import Frame, TicReply
from .topics.errors import ERRORS
from .topics.registry import PARSERS

_MAX_MALFORMED: Final = 64 * 1024


def parse(data: bytes, report: Report) -> MarketData | TicReply | list[Message]:
    """Read one WebSocket message; a message with rows gives one message for each row.

    Nothing is dropped: a frame that no topic reads becomes `Other`, one that is not JSON becomes
    `Malformed`. Market data, which is nearly all of the traffic, comes without a list around it.
    """
    try:
        found = loads(data)
    except (ValueError, RecursionError) as error:
        return [_not_json(data, error)]
    if not isinstance(found, dict):
        return [Other(topic="", payload=found)]
    frame = cast("Frame", found)
    topic = frame.get("topic")
    if not isinstance(topic, str):
        if isinstance(frame.get("error"), str):
            return ERRORS.parse("", frame, data, report)
        return [Other(topic="", payload=frame)]
    parser = PARSERS.get(topic.partition("+")[0])
    messages = None if parser is None else parser(topic, frame, data, report)
    return messages or [Other(topic=topic, payload=frame)]


def _not_json(data: bytes, error: Exception) -> Message:
    # The response to the old heartbeat, "ech+hb", is the only one that is not JSON.
    if data.startswith(b"ech+"):
        return Other(topic="ech", payload=data[:100].decode("ascii", "replace"))
    reason = str(error) or type(error).__name__
    return Malformed(data=data[:_MAX_MALFORMED], reason=reason)
