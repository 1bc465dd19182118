"""IBKR's published rate limits, and the gateway's own."""

from __future__ import annotations

from typing import Final

from ..._wire.record import Record

# The gateway serves five requests at a time and its own keepalive is one of them. One of our four
# is kept for a tickle, so that slow calls never keep the session from being renewed, and one for
# an order. A cancel may use either: it must not wait for an order that is not answered.
MAX_IN_FLIGHT: Final = 4
KEPT_FOR_TICKLE: Final = 1
# The gateway serves so many WebSockets at a time; the next one gets no answer until one ends.
MAX_STREAMS: Final = 5
# IBKR's pages say 15 minutes, older ones 10.
PENALTY: Final = 900.0


class Limit(Record, frozen=True):
    """At most ``count`` requests in any ``seconds``."""

    count: int
    seconds: float


SESSION_LIMIT: Final = Limit(10, 1.0)

_ONE_A_SECOND: Final = (Limit(1, 1.0),)
_ONE_IN_FIVE: Final = (Limit(1, 5.0),)
_ONE_IN_QUARTER_HOUR: Final = (Limit(1, 900.0),)

# IBKR's page of limits, and its change log of 2026-09-09 for history. A path stands for itself or,
# with *, for one more segment of any kind.
_LIMITS: Final[dict[tuple[str, str], tuple[Limit, ...]]] = {
    ("GET", "/fyi/unreadnumber"): _ONE_A_SECOND,
    ("GET", "/fyi/settings"): _ONE_A_SECOND,
    ("POST", "/fyi/settings/*"): _ONE_A_SECOND,
    ("GET", "/fyi/disclaimer/*"): _ONE_A_SECOND,
    ("PUT", "/fyi/disclaimer/*"): _ONE_A_SECOND,
    ("GET", "/fyi/deliveryoptions"): _ONE_A_SECOND,
    ("PUT", "/fyi/deliveryoptions/email"): _ONE_A_SECOND,
    ("POST", "/fyi/deliveryoptions/device"): _ONE_A_SECOND,
    ("DELETE", "/fyi/deliveryoptions/*"): _ONE_A_SECOND,
    ("GET", "/fyi/notifications"): _ONE_A_SECOND,
    ("GET", "/fyi/notifications/more"): _ONE_A_SECOND,
    ("PUT", "/fyi/notifications/*"): _ONE_A_SECOND,
    ("GET", "/iserver/account/orders"): _ONE_IN_FIVE,
    ("GET", "/iserver/account/trades"): _ONE_IN_FIVE,
    ("GET", "/iserver/account/pnl/partitioned"): _ONE_IN_FIVE,
    ("GET", "/iserver/marketdata/snapshot"): (Limit(10, 1.0),),
    ("GET", "/iserver/marketdata/history"): (Limit(10, 1.0), Limit(50, 60.0)),
    ("GET", "/iserver/scanner/params"): _ONE_IN_QUARTER_HOUR,
    ("POST", "/iserver/scanner/run"): _ONE_A_SECOND,
    ("POST", "/pa/performance"): _ONE_IN_QUARTER_HOUR,
    ("POST", "/pa/summary"): _ONE_IN_QUARTER_HOUR,
    ("POST", "/pa/transactions"): _ONE_IN_QUARTER_HOUR,
    ("POST", "/pa/allperiods"): _ONE_IN_QUARTER_HOUR,
    ("GET", "/portfolio/accounts"): _ONE_IN_FIVE,
    ("GET", "/portfolio/subaccounts"): _ONE_IN_FIVE,
    ("GET", "/sso/validate"): (Limit(1, 60.0),),
    # Listed as GET and used as POST: both verbs are one.
    ("*", "/tickle"): _ONE_A_SECOND,
}


def limits_of(method: str, path: str) -> tuple[str, tuple[Limit, ...]]:
    """Return the bucket that a call is counted in, and its limits; none for most calls."""
    head, _, _ = path.rpartition("/")
    for key in ((method, path), (method, f"{head}/*"), ("*", path)):
        limits = _LIMITS.get(key)
        if limits is not None:
            return " ".join(key), limits
    return "", ()
