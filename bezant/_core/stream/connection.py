"""One connection's state: what may be sent, what has come, and when something is due."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from ...errors import InvalidRequest, WsTimeout
from ...models.stream import Message, Other, System
from ..decode import Report
from .fields import MarketDataFields
from .frames import parse
from .wanted import Ticket, Wanted

READY_TIMEOUT: Final = 10.0
# IBKR wants a sign of life at least once a minute, and sends its own every ten seconds.
TIC_INTERVAL: Final = 30.0
SILENCE_LIMIT: Final = 60.0
# The gateway drops the connection on a longer command.
MAX_COMMAND: Final = 64 * 1024


class StreamState:
    """The state of one connection.

    Nothing but the session's token leaves before the gateway's ``system`` message: it drops such
    commands without a word.

    Attributes:
        ready: whether the ``system`` message has come.
        session: the session's token, sent where the gateway asks for it.
    """

    def __init__(
        self,
        session: str,
        report: Report,
        now: float,
        *,
        tic_interval: float = TIC_INTERVAL,
        silence_limit: float = SILENCE_LIMIT,
    ) -> None:
        self.ready = False
        self._session = session
        self._report = report
        self._wanted = Wanted()
        self._held: deque[str] = deque()
        self._outgoing: deque[str] = deque()
        self._last_heard = now
        self._next_tic = now + tic_interval
        self._tic_interval = tic_interval
        self._silence_limit = silence_limit

    def received(self, data: bytes, now: float) -> list[Message]:
        """Take one WebSocket message and return what to deliver."""
        self._last_heard = now
        messages = parse(data, self._report)
        if not self.ready:
            for message in messages:
                if isinstance(message, System):
                    self.ready = True
                    self._outgoing.extend(self._held)
                    self._held.clear()
                elif _asks_for_session(message):
                    token = msgspec.json.encode({"session": self._session}).decode()
                    self._outgoing.append(token)
        return messages

    def subscribe(self, topic: str, fields: MarketDataFields | None = None) -> Ticket:
        """Want a topic."""
        ticket, commands = self._wanted.add(topic, fields)
        self._queue(commands)
        return ticket

    def unsubscribe(self, ticket: Ticket) -> None:
        """Want a topic no longer; before the connection is ready nothing of it is sent at all."""
        commands = self._wanted.remove(ticket)
        if self.ready:
            self._outgoing.extend(commands)
        elif commands:
            begin = f"s{ticket.topic}+"
            self._held = deque(each for each in self._held if not each.startswith(begin))

    def command(self, text: str) -> None:
        """Send a command of the user's own.

        Raises:
            InvalidRequest: it cannot be sent.
        """
        if not isinstance(text, str) or not text:
            raise InvalidRequest(f"a command is text such as 'tic', not {type(text).__name__}")
        try:
            length = len(text.encode())
        except UnicodeEncodeError:
            raise InvalidRequest("the command holds characters that cannot be sent") from None
        if length > MAX_COMMAND:
            raise InvalidRequest(
                f"the command has {length:,} bytes; the gateway drops the connection on more "
                f"than {MAX_COMMAND:,}"
            )
        self._queue([text])

    def _queue(self, commands: list[str]) -> None:
        (self._outgoing if self.ready else self._held).extend(commands)

    def outgoing(self, now: float) -> list[str]:
        """Return what is to be sent now, in order, each once."""
        if self.ready and now >= self._next_tic:
            self._next_tic = now + self._tic_interval
            self._outgoing.append("tic")
        commands = list(self._outgoing)
        self._outgoing.clear()
        return commands

    def seconds_until_due(self, now: float) -> float:
        """Return how long nothing has to be done if nothing comes.

        Raises:
            WsTimeout: nothing has come for so long that the connection must be dead.
        """
        silent_from = self._last_heard + self._silence_limit
        if now >= silent_from:
            raise WsTimeout(
                f"nothing was heard for {self._silence_limit:g} s, not even a heartbeat: the "
                "connection is dead; connect again"
            )
        due = min(self._next_tic, silent_from) if self.ready else silent_from
        return max(due - now, 0.0)


def _asks_for_session(message: Message) -> bool:
    return isinstance(message, Other) and message.payload == {"message": "waiting for session"}
