"""Checks requests against IBKR's rate limits by their times of arrival. No clock, no I/O.

The client has its own table of these limits. The table here is separate, so that the simulation
can detect errors in the client's table.
"""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

TOO_MANY = 429
DEFAULT_PENALTY = 600.0
DEFAULT_GROWTH = 2.0
MAX_RECORDED = 100_000
"""How many requests are recorded; older ones are dropped."""

_LONGEST = 1e9


class Limit(NamedTuple):
    """A rate limit: a number of requests in a number of seconds."""

    name: str
    requests: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.name}: {self.requests} in {self.seconds:g} s"


@dataclass(frozen=True, slots=True)
class Arrival:
    """Record of one request that the judge checked.

    Attributes:
        at: when the request arrived, in seconds of the gateway's clock.
        method: the request's HTTP method.
        path: the request's path without `/v1/api`.
        accepted: whether the request was accepted; False if it got a 429.
    """

    at: float
    method: str
    path: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class Violation:
    """Record of one request that broke a rate limit.

    Attributes:
        at: when the request arrived, in seconds of the gateway's clock.
        method: the request's HTTP method.
        path: the request's path without `/v1/api`.
        address: the client's IP address, which gets the penalty.
        limit: the limit, such as `GET /portfolio/accounts: 1 in 5 s`.
        early: by how many seconds the request came too early. 0 if the broken limit is not about
            time, but about the number of requests that run at the same time.
        penalty: length of the penalty in seconds.
    """

    at: float
    method: str
    path: str
    address: str
    limit: str
    early: float
    penalty: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name. The control endpoint responds with this dict."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


SESSION = Limit("any request", 10, 1)

# The rate limits that IBKR publishes. Each row has an HTTP method (None if GET and POST count
# together), a path, the limits of this path as pairs (requests, seconds), and how many requests may
# run at the same time (0 for any number).
_PUBLISHED: tuple[tuple[str | None, str, tuple[tuple[int, float], ...], int], ...] = (
    *(
        (method, f"/fyi/{rest}", ((1, 1.0),), 0)
        for method, rest in (
            ("GET", "unreadnumber"),
            ("GET", "settings"),
            ("POST", "settings/*"),
            ("GET", "disclaimer/*"),
            ("PUT", "disclaimer/*"),
            ("GET", "deliveryoptions"),
            ("PUT", "deliveryoptions/email"),
            ("POST", "deliveryoptions/device"),
            ("DELETE", "deliveryoptions/*"),
            ("GET", "notifications"),
            ("GET", "notifications/more"),
            ("PUT", "notifications/*"),
        )
    ),
    ("GET", "/iserver/account/orders", ((1, 5.0),), 0),
    ("GET", "/iserver/account/trades", ((1, 5.0),), 0),
    ("GET", "/iserver/account/pnl/partitioned", ((1, 5.0),), 0),
    ("GET", "/iserver/marketdata/snapshot", ((10, 1.0),), 0),
    ("GET", "/iserver/marketdata/history", ((10, 1.0), (50, 60.0)), 5),
    ("GET", "/iserver/scanner/params", ((1, 900.0),), 0),
    ("POST", "/iserver/scanner/run", ((1, 1.0),), 0),
    ("POST", "/pa/performance", ((1, 900.0),), 0),
    ("POST", "/pa/summary", ((1, 900.0),), 0),
    ("POST", "/pa/transactions", ((1, 900.0),), 0),
    ("POST", "/pa/allperiods", ((1, 900.0),), 0),
    ("GET", "/portfolio/accounts", ((1, 5.0),), 0),
    ("GET", "/portfolio/subaccounts", ((1, 5.0),), 0),
    ("GET", "/sso/validate", ((1, 60.0),), 0),
    (None, "/tickle", ((1, 1.0),), 0),
)


@dataclass(slots=True)
class _Window:
    """Sliding window of one rate limit."""

    limit: Limit
    accepted: deque[float] = field(default_factory=deque[float])

    def early(self, now: float) -> float:
        """Return by how many seconds a request at `now` is too early; 0 if the limit allows it."""
        while self.accepted and now - self.accepted[0] >= self.limit.seconds:
            self.accepted.popleft()
        if len(self.accepted) < self.limit.requests:
            return 0.0
        return self.accepted[-self.limit.requests] + self.limit.seconds - now


@dataclass(slots=True)
class _Rule:
    method: str | None
    pattern: re.Pattern[str]
    windows: tuple[_Window, ...]
    at_a_time: int
    running: int = 0

    def fits(self, method: str, path: str) -> bool:
        return self.method in (None, method) and self.pattern.fullmatch(path) is not None


class PenaltyBox:
    """Penalties of clients by IP address: how long an address gets 429 for every request.

    Each further penalty of an address is `growth` times as long as the one before.
    """

    def __init__(self, growth: float = DEFAULT_GROWTH) -> None:
        if not 1 <= growth < math.inf:
            msg = "growth must be 1 or more"
            raise ValueError(msg)
        self._growth = growth
        self._ends: dict[str, float] = {}
        self._times: dict[str, int] = {}

    def put(self, address: str, seconds: float, now: float) -> float:
        """Start a penalty of an address, and return its length in seconds.

        The length is `seconds`, multiplied by `growth` for each earlier penalty of the address.

        Args:
            address: the client's IP address; empty for all addresses.
            seconds: length of the address's first penalty.
            now: the current time in seconds.
        """
        times = self._times[address] = self._times.get(address, 0) + 1
        try:
            length: float = seconds * self._growth ** (times - 1)
        except OverflowError:
            length = _LONGEST if seconds else 0.0
        length = min(length, _LONGEST)
        self._ends[address] = max(self._ends.get(address, 0.0), now + length)
        return length

    def left(self, address: str, now: float) -> float:
        """Return how many seconds are left of an address's penalty; 0 without a penalty."""
        ends = max(self._ends.get(address, 0.0), self._ends.get("", 0.0))
        return max(0.0, ends - now)

    def release(self) -> None:
        """End all penalties. They still count as earlier penalties, so the next one is longer."""
        self._ends.clear()


class Judge:
    """Decides whether a request is within IBKR's rate limits or gets a 429.

    A request is within the limits if, with this request included, every time window contains at
    most as many requests as its limit allows. Otherwise the request gets a 429, and so does every
    request from the same IP address until the penalty is over. Refused requests do not count
    against the limits.

    Args:
        penalty: length of an address's first penalty, in seconds.
        growth: each further penalty of an address is this many times as long as the one before.
        box: object that holds the penalties; a new `PenaltyBox` by default.
    """

    def __init__(
        self,
        penalty: float = DEFAULT_PENALTY,
        growth: float = DEFAULT_GROWTH,
        box: PenaltyBox | None = None,
    ) -> None:
        if not 0 <= penalty < math.inf:
            msg = "penalty must be 0 or more seconds"
            raise ValueError(msg)
        self._penalty = penalty
        self.box: PenaltyBox = box or PenaltyBox(growth)
        self._session = _Window(SESSION)
        self._rules = [_rule(*row) for row in _PUBLISHED]
        self.arrivals: deque[Arrival] = deque(maxlen=MAX_RECORDED)
        self.violations: deque[Violation] = deque(maxlen=MAX_RECORDED)

    def arrive(self, method: str, path: str, address: str, now: float) -> bool:
        """Record a request, and return whether it is accepted.

        If it is accepted, call `leave` after its response.

        Args:
            method: the HTTP method.
            path: the request's path without `/v1/api`.
            address: the client's IP address.
            now: the current time in seconds.
        """
        accepted = not self.box.left(address, now) and self._within(method, path, address, now)
        self.arrivals.append(Arrival(now, method, path, accepted))
        return accepted

    def leave(self, method: str, path: str) -> None:
        """Record that an accepted request has got its response, so it no longer runs."""
        for rule in self._rules:
            if rule.fits(method, path):
                rule.running -= 1

    def _within(self, method: str, path: str, address: str, now: float) -> bool:
        rules = [rule for rule in self._rules if rule.fits(method, path)]
        windows = [self._session, *(window for rule in rules for window in rule.windows)]
        for window in windows:
            early = window.early(now)
            if early > 0:
                self._punish(method, path, address, str(window.limit), early, now)
                return False
        for rule in rules:
            if rule.at_a_time and rule.running >= rule.at_a_time:
                name = f"{method} {path}: {rule.at_a_time} at the same time"
                self._punish(method, path, address, name, 0.0, now)
                return False
        for window in windows:
            window.accepted.append(now)
        for rule in rules:
            rule.running += 1
        return True

    def _punish(
        self, method: str, path: str, address: str, limit: str, early: float, now: float
    ) -> None:
        length = self.box.put(address, self._penalty, now)
        self.violations.append(Violation(now, method, path, address, limit, early, length))


def _rule(
    method: str | None, path: str, limits: tuple[tuple[int, float], ...], at_a_time: int
) -> _Rule:
    name = f"{method} {path}" if method else path
    windows = tuple(_Window(Limit(name, *limit)) for limit in limits)
    pattern = re.compile(re.escape(path).replace(r"\*", "[^/]+"))
    return _Rule(method, pattern, windows, at_a_time)
