"""Topic ``system``: the gateway's first message on a connection, and its heartbeats."""

from __future__ import annotations

from typing import Final

from ....models.stream import Heartbeat, Message, System
from ...decoding.drift import Report
from ..reading import time_or_none
from ..topic import Frame, Topic


def _parse(_: str, frame: Frame, __: bytes, ___: Report) -> list[Message]:
    if "hb" in frame:
        return [Heartbeat(sent_at=time_or_none(frame["hb"]))]
    user = frame.get("success")
    if not isinstance(user, str):
        return []
    paper, fractions = frame.get("isPaper"), frame.get("isFT")
    return [
        System(
            user_name=user,
            is_paper=paper if isinstance(paper, bool) else None,
            supports_fractions=fractions if isinstance(fractions, bool) else None,
        )
    ]


SYSTEM: Final = Topic(name="system", messages=(System, Heartbeat), parse=_parse)
