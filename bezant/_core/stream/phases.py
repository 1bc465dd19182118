"""Phases of a stream's connection, and the intervals and timeouts of a stream."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

READY_TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Intervals and timeouts of a stream, in seconds.

    Attributes:
        ready_timeout: longest time from the opening of the socket to the gateway's ``system``
            message. After this time a reconnecting stream does not give up, but checks that the
            gateway still responds.
        queue_limit: longest time for which a reconnecting stream waits for the ``system`` message.
        tic_interval: time between two ``tic`` commands, which keep the connection alive. IBKR
            requires one per minute.
        silence_limit: if no message comes for this time, the connection counts as dead; the gateway
            sends a heartbeat every 10 seconds.
        renew_from: shortest time until a market data subscription is renewed; the actual time is
            random.
        renew_to: longest time until a market data subscription is renewed. IBKR ends a subscription
            silently after about 15 minutes.
        confirm_after: time after which the command to subscribe is sent again if no message has
            come.
        heartbeats: after this many heartbeats without a message, a subscription whose topic has
            heartbeats counts as silent.
        quiet_after: if a contract with market data sends nothing for this time, the stream
            subscribes to it again, and compares its last known prices with a snapshot.
        backoff_from: pause before the first attempt to reconnect.
        backoff_to: longest pause between two attempts to reconnect.
        good_run: time that a connection has to last so that the next pause is ``backoff_from``
            again.
    """

    ready_timeout: float = READY_TIMEOUT
    queue_limit: float = 900.0
    tic_interval: float = 30.0
    silence_limit: float = 45.0
    renew_from: float = 480.0
    renew_to: float = 600.0
    confirm_after: float = 15.0
    heartbeats: float = 3.0
    quiet_after: float = 60.0
    backoff_from: float = 1.0
    backoff_to: float = 60.0
    good_run: float = 60.0


class Phase(Enum):
    """Phase of a stream's connection."""

    CONNECTING = "connecting"
    WAITING = "waiting for the gateway"
    READY = "open"
    BACKOFF = "waiting to reconnect"
    ENDED = "closed"


class Event(Enum):
    """Event that changes a stream's phase."""

    OPENED = "the socket is open"
    SYSTEM = "the system message came"
    LOST = "the connection failed or was lost"
    DUE = "the backoff is over"
    END = "the stream is closed"


# All changes of phase, by the current phase and the event. For other pairs the phase stays.
TRANSITIONS: Final[dict[tuple[Phase, Event], Phase]] = {
    (Phase.CONNECTING, Event.OPENED): Phase.WAITING,
    (Phase.CONNECTING, Event.LOST): Phase.BACKOFF,
    (Phase.WAITING, Event.SYSTEM): Phase.READY,
    (Phase.WAITING, Event.LOST): Phase.BACKOFF,
    (Phase.READY, Event.LOST): Phase.BACKOFF,
    (Phase.BACKOFF, Event.DUE): Phase.CONNECTING,
    **{(phase, Event.END): Phase.ENDED for phase in Phase},
}
