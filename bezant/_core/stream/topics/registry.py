"""Registry of all WebSocket topics. To add one, write a module for it and add it to `TOPICS`."""

from __future__ import annotations

from typing import Final

from ....models.stream import Message
from ..topic import Parse, Topic
from .accounts import ACCOUNTS
from .bars import BARS
from .bulletins import BULLETINS
from .errors import ERRORS
from .ladder import LADDER
from .ledger import LEDGER
from .market_data import MARKET_DATA
from .notifications import NOTIFICATIONS
from .orders import ORDERS
from .pnl import PNL
from .session_status import SESSION_STATUS
from .summary import SUMMARY
from .system import SYSTEM
from .tic import TIC
from .trades import TRADES

TOPICS: Final[tuple[Topic, ...]] = (
    ACCOUNTS,
    BARS,
    BULLETINS,
    ERRORS,
    LADDER,
    LEDGER,
    MARKET_DATA,
    NOTIFICATIONS,
    ORDERS,
    PNL,
    SESSION_STATUS,
    SUMMARY,
    SYSTEM,
    TIC,
    TRADES,
)

# Parsers by the topic's name in a frame. This dict makes the lookup fast, which each frame needs.
PARSERS: Final[dict[str, Parse]] = {topic.name: topic.parse for topic in TOPICS}
BY_MESSAGE: Final[dict[type, Topic]] = {
    message: topic for topic in TOPICS for message in topic.messages
}
_BY_KEY: Final[dict[str, Topic]] = {topic.key: topic for topic in TOPICS if topic.key}


def topic_of_key(key: str) -> Topic:
    """Return the topic of a subscription's key, such as ``md+265598``."""
    return _BY_KEY[key.partition("+")[0]]


def topic_of_message(message: Message) -> Topic | None:
    """Return the topic of a message; None for messages that bezant creates itself."""
    found = BY_MESSAGE.get(type(message))
    if found is None:
        # A message without its required values has a subclass of the topic's message class. So the
        # base classes are searched, too.
        found = next(
            (BY_MESSAGE[each] for each in type(message).__mro__ if each in BY_MESSAGE), None
        )
    return found
