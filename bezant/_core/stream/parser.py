"""Parses WebSocket messages: finds the topic of a message and calls the topic's parser."""

from __future__ import annotations

from typing import Final, cast

from ...models.stream import Malformed, MarketData, Message, Other
from ..decoding.decoder import loads
from ..decoding.drift import Report
from .topic import Frame, TicReply
from .topics.errors import ERRORS, is_refusal
from .topics.registry import PARSERS

_MAX_MALFORMED: Final = 64 * 1024


def parse(data: bytes, report: Report) -> MarketData | TicReply | list[Message]:
    """Parse one WebSocket frame, which may contain several messages: one for each of its rows.

    No frame is dropped: a frame of an unknown topic becomes `Other`, and a frame that is not JSON
    becomes `Malformed`. Market data is nearly all of the traffic, so it is returned without a list,
    which saves time.
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
    if "error" in frame and is_refusal(frame):
        return ERRORS.parse(topic, frame, data, report)
    parser = PARSERS.get(topic.partition("+")[0])
    messages = None if parser is None else parser(topic, frame, data, report)
    return messages or [Other(topic=topic, payload=frame)]


def _not_json(data: bytes, error: Exception) -> Message:
    # The gateway's response to the old heartbeat command, "ech+hb", is the only regular frame that
    # is not JSON.
    if data.startswith(b"ech+"):
        return Other(topic="ech", payload=data[:100].decode("ascii", "replace"))
    reason = str(error) or type(error).__name__
    return Malformed(data=data[:_MAX_MALFORMED], reason=reason)
