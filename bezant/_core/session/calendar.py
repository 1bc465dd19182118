"""End of a session: midnight in the region of the user's server."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final

# IBKR ends every session at midnight in the time zone of its servers, in spite of tickles.
REGIONS: Final = {
    "america": "America/New_York",
    "europe": "Europe/Zurich",
    "asia": "Asia/Hong_Kong",
}


def next_midnight(now: datetime) -> datetime:
    """Return the next midnight after a time, in that time's own zone."""
    day = now.date() + timedelta(days=1)
    return datetime.combine(day, time(), now.tzinfo)
