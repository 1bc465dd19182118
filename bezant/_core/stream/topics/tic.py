"""Topic ``tic``: responses to the command ``tic``, which the stream sends to stay connected."""

from __future__ import annotations

from typing import Final

from ...._wire.redaction import Secret
from ...decoding.drift import Report
from ..topic import Frame, TicReply, Topic


def _parse(_: str, frame: Frame, __: bytes, ___: Report) -> TicReply:
    session = frame.get("id")
    return TicReply(Secret(session) if isinstance(session, str) and session else None)


TIC: Final = Topic(name="tic", messages=(), parse=_parse)
