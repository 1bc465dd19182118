"""The end of a session: IBKR ends it at midnight in the region of the user's server."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final

# Time zones of IBKR's servers. At midnight in its server's zone every session ends, even if tickles
# keep it alive.
REGIONS: Final = {
    "america": "America/New_York",
    "europe": "Europe/Zurich",
    "asia": "Asia/Hong_Kong",
}


def next_midnight(now: datetime) -> datetime:
    """Return the first midnight after `now`, in the time zone of `now`."""
    day = now.date() + timedelta(days=1)
    return datetime.combine(day, time(), now.tzinfo)
