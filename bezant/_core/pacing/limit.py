"""Rate limit: a number of requests in a number of seconds."""

from __future__ import annotations

from ..._wire.record import Record


class Limit(Record, frozen=True):
    """At most ``count`` requests in any ``seconds``."""

    count: int
    seconds: float
