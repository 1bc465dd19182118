"""`Limit`: a rate limit, as a number of requests in a number of seconds."""

from __future__ import annotations

from ..._wire.record import Record


class Limit(Record, frozen=True):
    """Rate limit: at most ``count`` requests in any period of ``seconds``."""

    count: int
    seconds: float
