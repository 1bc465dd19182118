"""When sessions end: midnight, where the user's server is."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final

# IBKR ends every session at midnight where its servers are; tickling does not prevent it.
REGIONS: Final = {
    "america": "America/New_York",
    "europe": "Europe/Zurich",
    "asia": "Asia/Hong_Kong",
}


def next_midnight(now: datetime) -> datetime:
    """Return the end of a day, in the day's own time zone."""
    day = now.date() + timedelta(days=1)
    return datetime.combine(day, time(), now.tzinfo)
