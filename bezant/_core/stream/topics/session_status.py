"""Topic ``sts``: state of the brokerage session."""

from __future__ import annotations

from typing import Final

from ....models.stream import SessionStatus
from ..merging import merge_fields
from ..reading import model_rows
from ..topic import Merging, Topic

SESSION_STATUS: Final = Topic(
    name="sts",
    messages=(SessionStatus,),
    parse=model_rows("args", SessionStatus, "sts"),
    merging=Merging(subject=lambda _: "session", complete=merge_fields),
)
