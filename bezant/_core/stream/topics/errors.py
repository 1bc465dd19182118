"""The gateway's rejection of a command: ``error``."""

from __future__ import annotations

from typing import Final

from ....models.stream import ErrorMessage, Message
from ...decoding.drift import Report
from ..reading import read_model
from ..topic import Frame, Topic


def _parse(_: str, frame: Frame, __: bytes, report: Report) -> list[Message]:
    return [read_model(frame, ErrorMessage, "error", report)]


ERRORS: Final = Topic(name="error", messages=(ErrorMessage,), parse=_parse)
