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
    """First message of a connection: the gateway is ready (topic ``system``).

    Attributes:
        user_name: the user name.
        is_paper: whether the session is of a paper account.
        supports_fractions: whether the accounts can trade fractions of shares (``isFT``).
    """

    user_name: str
    is_paper: bool | None = None
    supports_fractions: bool | None = None


class Heartbeat(StreamMessage, frozen=True, kw_only=True):
    """The gateway's heartbeat, about every 10 seconds (topic ``system``).

    Attributes:
        sent_at: time of the heartbeat, by the gateway's clock.
    """

    sent_at: datetime | None


class SessionStatus(StateModel, frozen=True, kw_only=True):
    """State of the brokerage session (topic ``sts``).

    The gateway sends this message on each connection and on every change.

    Attributes:
        authenticated: whether the brokerage session is authenticated.
        competing: whether another session uses the same user name.
        message: the gateway's text about the state.
        fail: the reason if the login has failed.
        connected: whether the gateway is connected to IBKR.
        established: whether the session is set up and usable.
        server_name: the server behind the session (``serverName``).
        server_version: the build of the server's software (``serverVersion``).
        user_name: the user name (``username``).
        changed: names of the fields that have another value than in the previous message.
        raw: the received JSON object, with IBKR's names.
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
    """Notification from IBKR for the user (topic ``ntf``).

    Attributes:
        id: id of the notification.
        title: title of the notification.
        text: text of the notification.
        url: a page with more information.
        raw: the received JSON object, with IBKR's names.
    """

    id: str | None = None
    title: str | None = None
    text: str | None = None
    url: str | None = None
    raw: Mapping[str, Any] = {}


class Prompt(MessageModel, frozen=True, kw_only=True, rename="camel"):
    """IBKR's question about an order; the order waits until you choose an option (topic ``ntf``).

    Reply to the question with ``POST /iserver/notification``.

    Attributes:
        order_id: the order's id.
        request_id: the id to reply with (``reqId``).
        message_id: the kind of question, such as ``p12``.
        text: the question.
        options: the replies to choose from.
        type: the kind of prompt.
        raw: the received JSON object, with IBKR's names.
    """

    order_id: int | None = None
    request_id: str | None = msgspec.field(default=None, name="reqId")
    message_id: str | None = None
    text: str | None = None
    options: list[str] | None = None
    type: str | None = None
    raw: Mapping[str, Any] = {}


class Bulletin(MessageModel, frozen=True, kw_only=True):
    """Bulletin about IBKR's systems, such as problems of an exchange (topic ``blt``).

    Attributes:
        id: id of the bulletin.
        message: text of the bulletin.
        raw: the received JSON object, with IBKR's names.
    """

    id: str | None = None
    message: str | None = None
    raw: Mapping[str, Any] = {}


class ErrorMessage(MessageModel, frozen=True, kw_only=True):
    """Message that the gateway has rejected a command, such as a subscription.

    If the command was a subscription, the stream sends it again, with growing pauses.

    Attributes:
        error: the gateway's text.
        code: the gateway's error code.
        topic: topic of the rejected command, such as ``sor`` or ``smd+265598``; None if the gateway
            does not say.
        raw: the message as received.
    """

    error: str | None = None
    code: int | None = None
    topic: str | None = None
    raw: Mapping[str, Any] = {}


SessionMessage: TypeAlias = (
    System | Heartbeat | SessionStatus | Notice | Prompt | Bulletin | ErrorMessage
)
