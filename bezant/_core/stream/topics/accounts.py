"""Topic ``act``: accounts of the session."""

from __future__ import annotations

from typing import Final

from ....models.stream import AccountUpdate
from ..reading import model_rows
from ..topic import Topic

ACCOUNTS: Final = Topic(
    name="act", messages=(AccountUpdate,), parse=model_rows("args", AccountUpdate, "act")
)
