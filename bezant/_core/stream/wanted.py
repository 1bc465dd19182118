"""What the user wants to receive, and the commands that make it so."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import msgspec

from ...errors import InvalidRequest
from .fields import MAX_FIELDS, MarketDataFields

ORDERS: Final = "or"
PNL: Final = "pl"


@dataclass(frozen=True, slots=True)
class Ticket:
    """One subscription as its user holds it.

    Attributes:
        number: tells it from others of the same topic.
        topic: what stands behind the s or u of a command, such as ``md+265598``.
        fields: the market data fields that it wants.
    """

    number: int
    topic: str
    fields: tuple[str, ...] = ()


def market_data_topic(conid: int, exchange: str | None) -> str:
    """Return the topic of a contract's market data.

    Raises:
        InvalidRequest: the contract or the exchange cannot be one.
    """
    if isinstance(conid, bool) or not isinstance(conid, int) or conid <= 0:
        raise InvalidRequest(f"conid must be a positive whole number, not {conid!r}")
    if exchange is None:
        return f"md+{conid}"
    if not isinstance(exchange, str) or not exchange.isalnum():
        raise InvalidRequest(f"exchange must be a name such as 'NASDAQ', not {exchange!r}")
    return f"md+{conid}@{exchange.upper()}"


class Wanted:
    """All subscriptions, in the order in which they were made."""

    def __init__(self) -> None:
        self._tickets: dict[int, Ticket] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._tickets)

    def add(self, topic: str, fields: MarketDataFields | None = None) -> tuple[Ticket, list[str]]:
        """Take a subscription and return it with the commands to send.

        The fields of one contract are one set at the gateway, so each command names all of them.

        Raises:
            InvalidRequest: the contract would have more fields than IBKR takes.
        """
        before = self._command(topic)
        ticket = Ticket(next(self._numbers), topic, tuple(fields or ()))
        self._tickets[ticket.number] = ticket
        try:
            after = self._command(topic)
        except InvalidRequest:
            del self._tickets[ticket.number]
            raise
        # Repeated even when nothing is new: the gateway answers with everything that it has.
        return ticket, [after] if after and (after != before or ticket.fields) else []

    def remove(self, ticket: Ticket) -> list[str]:
        """Give a subscription up and return the commands to send."""
        if self._tickets.pop(ticket.number, None) is None:
            return []
        if any(each.topic == ticket.topic for each in self._tickets.values()):
            return []
        return [f"u{ticket.topic}+{{}}"]

    def commands(self) -> list[str]:
        """Return what has to be sent on a new connection, in the original order."""
        topics = dict.fromkeys(ticket.topic for ticket in self._tickets.values())
        return [self._command(topic) for topic in topics]

    def _command(self, topic: str) -> str:
        tickets = [each for each in self._tickets.values() if each.topic == topic]
        if not tickets:
            return ""
        fields = list(dict.fromkeys(code for each in tickets for code in each.fields))
        if len(fields) > MAX_FIELDS:
            raise InvalidRequest(
                f"{topic.partition('+')[2]} would have {len(fields)} fields over all its "
                f"subscriptions; IBKR takes up to {MAX_FIELDS}"
            )
        arguments = {"fields": fields} if fields else {}
        return f"s{topic}+{msgspec.json.encode(arguments).decode()}"
