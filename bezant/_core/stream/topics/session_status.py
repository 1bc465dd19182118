"""State of the brokerage session: ``sts``."""

from __future__ import annotations

from typing import Final

from ....models.stream import SessionStatus
from ..reading import model_rows
from ..topic import Topic

SESSION_STATUS: Final = Topic(
    name="sts", messages=(SessionStatus,), parse=model_rows("args", SessionStatus, "sts")
)
