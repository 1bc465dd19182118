"""How long what takes, and the phases of a connection."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

READY_TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Timing:
    """The times that a stream keeps to, in seconds.

    Attributes:
        ready_timeout: from an open socket to the gateway's ``system`` message; when a connection is
            made again, until it is asked whether the gateway is still there.
        queue_limit: for which a connection that is made again waits for that message at most.
        tic_interval: between two signs of life; IBKR wants one a minute.
        silence_limit: of silence, after which the connection is dead; the gateway sends something
            every ten seconds.
        renew_from: the earliest renewal of a market data subscription.
        renew_to: the latest; IBKR ends one silently after about fifteen minutes.
        confirm_after: until a market data subscription that was not answered is sent again.
        backoff_from: before the first attempt to connect again.
        backoff_to: between two attempts at most.
        good_run: how long a connection must hold for the backoff to begin anew.
    """

    ready_timeout: float = READY_TIMEOUT
    queue_limit: float = 900.0
    tic_interval: float = 30.0
    silence_limit: float = 45.0
    renew_from: float = 480.0
    renew_to: float = 600.0
    confirm_after: float = 15.0
    backoff_from: float = 1.0
    backoff_to: float = 60.0
    good_run: float = 60.0


class Phase(Enum):
    """Where a stream is."""

    CONNECTING = "connecting"
    WAITING = "waiting for the gateway"
    READY = "open"
    BACKOFF = "waiting to reconnect"
    ENDED = "closed"


class Event(Enum):
    """What moves it on."""

    OPENED = "the socket is open"
    SYSTEM = "the system message came"
    LOST = "the connection failed or was lost"
    DUE = "the backoff is over"
    END = "nobody wants it any more"


# Every change of phase. An event that does not stand here changes nothing.
TRANSITIONS: Final[dict[tuple[Phase, Event], Phase]] = {
    (Phase.CONNECTING, Event.OPENED): Phase.WAITING,
    (Phase.CONNECTING, Event.LOST): Phase.BACKOFF,
    (Phase.WAITING, Event.SYSTEM): Phase.READY,
    (Phase.WAITING, Event.LOST): Phase.BACKOFF,
    (Phase.READY, Event.LOST): Phase.BACKOFF,
    (Phase.BACKOFF, Event.DUE): Phase.CONNECTING,
    **{(phase, Event.END): Phase.ENDED for phase in Phase},
}
