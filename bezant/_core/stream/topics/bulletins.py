"""Topic ``blt``: bulletins about IBKR's systems."""

from __future__ import annotations

from typing import Final

from ....models.stream import Bulletin
from ..reading import model_rows
from ..topic import Topic

BULLETINS: Final = Topic(
    name="blt", messages=(Bulletin,), parse=model_rows("args", Bulletin, "blt")
)
