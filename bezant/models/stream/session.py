"""Messages of a stream about the gateway and its session."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from ._base import MessageModel, StateModel, StreamMessage

__all__ = [
    "Bulletin",
    "ErrorMessage",
    "Heartbeat",
    "Notice",
    "Prompt",
    "SessionStatus",
    "System",
]


class System(StreamMessage, frozen=True, kw_only=True):
    """The gateway is ready on this connection (topic ``system``).

    Attributes:
        user_name: the user name.
        is_paper: whether it is a paper account.
        supports_fractions: whether it can trade fractions (``isFT``).
    """

    user_name: str
    is_paper: bool | None = None
    supports_fractions: bool | None = None


class Heartbeat(StreamMessage, frozen=True, kw_only=True):
    """The gateway's heartbeat, about every 10 seconds (topic ``system``).

    Attributes:
        sent_at: when it was sent, by the gateway's clock.
    """

    sent_at: datetime | None


class SessionStatus(StateModel, frozen=True, kw_only=True):
    """State of the brokerage session (topic ``sts``).

    The gateway sends it on each connection and on every change.

    Attributes:
        authenticated: whether it is logged in.
        competing: whether another session uses the same user name.
        message: what the gateway says about it.
        fail: why the login failed.
        connected: whether the gateway is connected to IBKR.
        established: whether the session is set up and usable.
        server_name: the server behind the session (``serverName``).
        server_version: the build of its software (``serverVersion``).
        user_name: the user name (``username``).
        changed: names of the fields that have another value than in the previous message.
        raw: the row as received.
    """

    authenticated: bool | None = None
    competing: bool | None = None
    message: str | None = None
    fail: str | None = None
    connected: bool | None = None
    established: bool | None = None
    server_name: str | None = msgspec.field(default=None, name="serverName")
    server_version: str | None = msgspec.field(default=None, name="serverVersion")
    user_name: str | None = msgspec.field(default=None, name="username")


class Notice(MessageModel, frozen=True, kw_only=True):
    """A notification from IBKR for the user (topic ``ntf``).

    Attributes:
        id: its id.
        title: its title.
        text: its text.
        url: a page with more information.
        raw: the row as received.
    """

    id: str | None = None
    title: str | None = None
    text: str | None = None
    url: str | None = None
    raw: Mapping[str, Any] = {}


class Prompt(MessageModel, frozen=True, kw_only=True, rename="camel"):
    """A question about an order, which waits for you to choose an option (topic ``ntf``).

    Reply to it with ``POST /iserver/notification``.

    Attributes:
        order_id: the order's id.
        request_id: the id to reply with (``reqId``).
        message_id: the kind of question, such as ``p12``.
        text: the question.
        options: the replies to choose from.
        type: the kind of prompt.
        raw: the row as received.
    """

    order_id: int | None = None
    request_id: str | None = msgspec.field(default=None, name="reqId")
    message_id: str | None = None
    text: str | None = None
    options: list[str] | None = None
    type: str | None = None
    raw: Mapping[str, Any] = {}


class Bulletin(MessageModel, frozen=True, kw_only=True):
    """A bulletin about IBKR's systems, such as problems of an exchange (topic ``blt``).

    Attributes:
        id: its id.
        message: its text.
        raw: the row as received.
    """

    id: str | None = None
    message: str | None = None
    raw: Mapping[str, Any] = {}


class ErrorMessage(MessageModel, frozen=True, kw_only=True):
    """The gateway rejected a command, such as a subscription.

    The stream sends a refused subscription again, with growing pauses.

    Attributes:
        error: the gateway's text.
        code: the gateway's error code.
        topic: topic of the rejected command, such as ``sor`` or ``smd+265598``; None if the gateway
            does not name it.
        raw: the message as received.
    """

    error: str | None = None
    code: int | None = None
    topic: str | None = None
    raw: Mapping[str, Any] = {}


SessionMessage: TypeAlias = (
    System | Heartbeat | SessionStatus | Notice | Prompt | Bulletin | ErrorMessage
)
