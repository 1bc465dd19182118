"""Topic ``ntf``: notifications from IBKR, and questions about orders."""

from __future__ import annotations

from typing import Final

from ....models.stream import Message, Notice, Prompt
from ...decoding.drift import Report
from ..reading import read_model, rows_in
from ..topic import Frame, Topic


def _read(_: str, row: Frame, report: Report) -> Message:
    if row.get("prompt") is True:
        return read_model(row, Prompt, "ntf", report)
    return read_model(row, Notice, "ntf", report)


NOTIFICATIONS: Final = Topic(name="ntf", messages=(Notice, Prompt), parse=rows_in("args", _read))
