"""Stream messages about the stream itself, the session and the system."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from ._base import UNSET, Maybe
from ._messages import MessageModel, StreamMessage


class Gap(StreamMessage, frozen=True, kw_only=True):
    """Messages are missing, or may be missing, at this place of the stream.

    After each interruption a gap without a ``topic`` comes before the first message of the new
    connection: messages of any topic may be missing. A gap with a ``topic`` means that the buffer
    dropped ``count`` messages of that topic, because the program did not read the stream.

    Attributes:
        reason: description of the cause.
        since: time until which the stream was known to be complete, in UTC.
        until: time from which it was complete again, in UTC.
        topic: IBKR's name of the topic, such as ``sor``; None for all topics.
        count: number of missing messages; None if unknown.
    """

    reason: str
    since: datetime
    until: datetime
    topic: str | None = None
    count: int | None = None


class Reconnected(StreamMessage, frozen=True, kw_only=True):
    """The stream has a new connection and renews all its subscriptions.

    Attributes:
        attempts: number of attempts that the reconnection took.
        at: time of the reconnection, in UTC.
    """

    attempts: int
    at: datetime


class SessionLost(StreamMessage, frozen=True, kw_only=True):
    """The gateway is no longer logged in; reported once until it is logged in again.

    The stream keeps trying to reconnect. Log in at the gateway's page in a browser.

    Attributes:
        reason: message of the gateway.
        at: time when the loss was noticed, in UTC.
    """

    reason: str
    at: datetime


class SessionStatus(MessageModel, frozen=True, kw_only=True):
    """State of the brokerage session (topic ``sts``).

    The gateway sends it on each connection and on each change. Fields that it leaves out are
    ``UNSET``.

    Attributes:
        authenticated: whether the brokerage session is open.
        competing: whether another session uses the same user name.
        message: message of the gateway about the session.
        fail: reason of a failure.
        raw: the arguments as the gateway sent them.
    """

    authenticated: Maybe[bool] = UNSET
    competing: Maybe[bool] = UNSET
    message: Maybe[str] = UNSET
    fail: Maybe[str] = UNSET
    raw: Mapping[str, Any] = {}


class AccountUpdate(MessageModel, frozen=True, kw_only=True):
    """Accounts of the session and their properties (topic ``act``).

    Attributes:
        accounts: ids of the accounts.
        selected_account: id of the account that calls without an account use.
        is_paper: whether this is a paper trading login.
        is_free_trial: whether this is a free trial.
        raw: the arguments as the gateway sent them.
    """

    accounts: Maybe[list[str]] = UNSET
    selected_account: Maybe[str] = msgspec.field(default=UNSET, name="selectedAccount")
    is_paper: Maybe[bool] = msgspec.field(default=UNSET, name="isPaper")
    is_free_trial: Maybe[bool] = msgspec.field(default=UNSET, name="isFT")
    raw: Mapping[str, Any] = {}


class Notice(MessageModel, frozen=True, kw_only=True):
    """Notification for the user (topic ``ntf``).

    Attributes:
        id: id of the notification.
        title: title of the notification.
        text: text of the notification.
        url: URL of a page with more information.
        raw: the row as the gateway sent it.
    """

    id: Maybe[str] = UNSET
    title: Maybe[str] = UNSET
    text: Maybe[str] = UNSET
    url: Maybe[str] = UNSET
    raw: Mapping[str, Any] = {}


class Prompt(MessageModel, frozen=True, kw_only=True, rename="camel"):
    """Question about an order that waits for a reply (topic ``ntf``).

    To reply, send one of the ``options`` with ``POST /iserver/notification``.

    Attributes:
        order_id: id of the order.
        request_id: id to send with the reply (``reqId``).
        message_id: kind of question, such as ``p12``.
        text: the question.
        options: the replies to choose from.
        type: kind of prompt.
        raw: the row as the gateway sent it.
    """

    order_id: Maybe[int] = UNSET
    request_id: Maybe[str] = msgspec.field(default=UNSET, name="reqId")
    message_id: Maybe[str] = UNSET
    text: Maybe[str] = UNSET
    options: Maybe[list[str]] = UNSET
    type: Maybe[str] = UNSET
    raw: Mapping[str, Any] = {}


class Bulletin(MessageModel, frozen=True, kw_only=True):
    """System bulletin, such as a report of problems at an exchange (topic ``blt``).

    Attributes:
        id: id of the bulletin.
        message: text of the bulletin.
        raw: the arguments as the gateway sent them.
    """

    id: Maybe[str] = UNSET
    message: Maybe[str] = UNSET
    raw: Mapping[str, Any] = {}


class ErrorMessage(MessageModel, frozen=True, kw_only=True):
    """The gateway rejected a command (topic ``error``).

    Attributes:
        error: text of the error.
        code: the gateway's error code.
        raw: the message as the gateway sent it.
    """

    error: Maybe[str] = UNSET
    code: Maybe[int] = UNSET
    raw: Mapping[str, Any] = {}


class StreamStats(StreamMessage, frozen=True, kw_only=True):
    """Statistics of a stream.

    Attributes:
        received: number of messages received over the WebSocket.
        conflated: number of quotes that were merged into unread quotes of the same contract.
        missed: number of messages that the buffer dropped; each is counted in a `Gap`.
        buffered: number of unread messages in the buffer.
        reconnects: number of connections after the first one.
        last_heard: time of the last received message, in UTC.
        lag: seconds for which the oldest unread message has been in the buffer.
    """

    received: int
    conflated: int
    missed: int
    buffered: int
    reconnects: int
    last_heard: datetime
    lag: float
