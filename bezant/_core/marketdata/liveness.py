"""Reasons why market data is stale, with their texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from ..._wire import converters
from ..._wire.market_data_fields import KINDS
from ...errors import CompetingSession, NotAuthenticated, SessionError, StaleData

StaleReason: TypeAlias = Literal[
    "no value yet",
    "connection lost",
    "login lost",
    "session closed",
    "competing session",
    "new session",
    "refused",
    "silent",
    "ended",
]
"""Why live values are stale: they may be outdated."""

# Each reason as text, and advice for it.
_TEXTS: Final[dict[StaleReason, tuple[str, str]]] = {
    "no value yet": (
        "the gateway has sent no value since the subscription",
        "wait for the first value",
    ),
    "connection lost": ("the stream has lost its connection", "wait until it has reconnected"),
    "login lost": (
        "nobody is logged in to the gateway",
        "log in at the gateway's page in a browser; the stream then continues by itself",
    ),
    "session closed": (
        "the brokerage session is closed",
        "call client.session.initialize(); the stream then continues by itself",
    ),
    "competing session": (
        "another session of this user name may receive the market data",
        "end the other session, or call client.session.initialize(compete=True)",
    ),
    "new session": (
        "the gateway has logged in again, which ended all subscriptions",
        "wait: the stream has subscribed again",
    ),
    "refused": (
        "the gateway refuses the subscription",
        "check that you have market data for the contract; the stream subscribes again by itself",
    ),
    "silent": (
        "the gateway sends no market data of the contract",
        "read a snapshot with client.quotes(); the stream subscribes again by itself",
    ),
    "ended": ("no more values will come", "connect and subscribe again"),
}


class Staleness(NamedTuple):
    """Reason why values are stale, and the time since when.

    Attributes:
        reason: the reason.
        since: time of the last moment at which the values were known to be current.
        detail: more about the reason, such as the gateway's text; empty for nothing.
    """

    reason: StaleReason
    since: datetime
    detail: str = ""

    @property
    def text(self) -> str:
        """The reason and advice, as text."""
        what, advice = _TEXTS[self.reason]
        why = f" ({self.detail})" if self.detail else ""
        return f"{what}{why}; {advice}"

    def error(self, contracts: Iterable[str]) -> StaleData:
        """Return the error that says that the values of contracts are stale."""
        names = tuple(contracts)
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        return StaleData(
            f"the market data of {shown} is stale since {self.since:%Y-%m-%d %H:%M:%S} UTC: "
            f"{self.text}",
            reason=self.reason,
            since=self.since,
            contracts=names,
        )


def reason_of(error: SessionError) -> StaleReason:
    """Return the reason that an error of the session means for market data."""
    if isinstance(error, NotAuthenticated):
        return "login lost"
    return "competing session" if isinstance(error, CompetingSession) else "session closed"


def prices_differ(known: Mapping[str, Any], other: Mapping[str, Any], codes: Iterable[str]) -> bool:
    """Return whether a price differs between two sets of fields that both have it.

    Args:
        known: fields by IBKR's id, as received.
        other: other fields of the same contract.
        codes: ids of the fields to compare. Fields that are no prices are not compared.
    """
    return any(
        one is not None and two is not None and one != two
        for one, two in (
            (_price(known.get(code)), _price(other.get(code)))
            for code in codes
            if KINDS.get(code) == "price"
        )
    )


def _price(value: object) -> object:
    try:
        return converters.to_decimal(value)
    except (ValueError, ArithmeticError):
        return None
