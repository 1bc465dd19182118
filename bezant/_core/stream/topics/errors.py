"""Topic ``error``: refusals of commands. Some of these frames have the command's own topic."""

from __future__ import annotations

from typing import Final

import msgspec

from ....models.stream import ErrorMessage, Message
from ...decoding.drift import Report
from ..reading import read_model
from ..topic import Frame, Topic


def _parse(topic: str, frame: Frame, _: bytes, report: Report) -> list[Message]:
    message = read_model(frame, ErrorMessage, "error", report)
    named = topic if topic != "error" else None
    return [msgspec.structs.replace(message, topic=named or None)]


def is_refusal(frame: Frame) -> bool:
    """Return whether a frame, whatever its topic, is the gateway's refusal of a command.

    Example:
        ``{"error":"unable to subscribe","code":500,"topic":"sor"}``
    """
    return isinstance(frame.get("error"), str) and "args" not in frame and "conid" not in frame


ERRORS: Final = Topic(name="error", messages=(ErrorMessage,), parse=_parse)
