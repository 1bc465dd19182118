"""What a stream says about itself, and what the gateway says about the session."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from ._base import UNSET, Maybe
from ._messages import MessageModel, StreamMessage


class Gap(StreamMessage, frozen=True, kw_only=True):
    """Messages may be missing here, or are known to be.

    After every interruption it comes before the first message of the new connection. Without a
    ``topic`` anything may be missing; with one, ``count`` messages of it came and could not be held
    because nobody read the stream.

    Attributes:
        reason: what happened, in words.
        since: when the stream was last known to be whole.
        until: when it was whole again.
        topic: IBKR's name of the topic, such as ``sor``; None for all.
        count: how many messages are missing; None where nobody can know.
    """

    reason: str
    since: datetime
    until: datetime
    topic: str | None = None
    count: int | None = None


class Reconnected(StreamMessage, frozen=True, kw_only=True):
    """The stream has a new connection, and asks for all its subscriptions again.

    Attributes:
        attempts: how many attempts it took.
        at: when it was.
    """

    attempts: int
    at: datetime


class SessionLost(StreamMessage, frozen=True, kw_only=True):
    """The gateway is no longer logged in; said once until it is again.

    The stream goes on trying. Log in at the gateway's page in a browser.

    Attributes:
        reason: what the gateway said.
        at: when it was noticed.
    """

    reason: str
    at: datetime


class SessionStatus(MessageModel, frozen=True, kw_only=True):
    """The state of the brokerage session (topic ``sts``).

    Sent on connecting and on every change; what the gateway did not say is ``UNSET``.

    Attributes:
        authenticated: whether it is logged in.
        competing: whether another session uses the same user name.
        message: what the gateway says about it.
        fail: why it failed.
        raw: the arguments as they came.
    """

    authenticated: Maybe[bool] = UNSET
    competing: Maybe[bool] = UNSET
    message: Maybe[str] = UNSET
    fail: Maybe[str] = UNSET
    raw: Mapping[str, Any] = {}


class AccountUpdate(MessageModel, frozen=True, kw_only=True):
    """The accounts of the session and their properties (topic ``act``).

    Attributes:
        accounts: the ids of the accounts.
        selected_account: the one that calls without an account use.
        is_paper: whether it is a paper account.
        is_free_trial: whether it is a trial.
        raw: the arguments as they came.
    """

    accounts: Maybe[list[str]] = UNSET
    selected_account: Maybe[str] = msgspec.field(default=UNSET, name="selectedAccount")
    is_paper: Maybe[bool] = msgspec.field(default=UNSET, name="isPaper")
    is_free_trial: Maybe[bool] = msgspec.field(default=UNSET, name="isFT")
    raw: Mapping[str, Any] = {}


class Notice(MessageModel, frozen=True, kw_only=True):
    """Something that IBKR wants the user to read (topic ``ntf``).

    Attributes:
        id: its id.
        title: its title.
        text: its text.
        url: where there is more.
        raw: the row as it came.
    """

    id: Maybe[str] = UNSET
    title: Maybe[str] = UNSET
    text: Maybe[str] = UNSET
    url: Maybe[str] = UNSET
    raw: Mapping[str, Any] = {}


class Prompt(MessageModel, frozen=True, kw_only=True, rename="camel"):
    """A question about an order, which waits for one of its options (topic ``ntf``).

    It is answered with ``POST /iserver/notification``.

    Attributes:
        order_id: the order.
        request_id: belongs to the answer (``reqId``).
        message_id: the kind of question, such as ``p12``.
        text: the question.
        options: the answers to choose from.
        type: the kind of prompt.
        raw: the row as it came.
    """

    order_id: Maybe[int] = UNSET
    request_id: Maybe[str] = msgspec.field(default=UNSET, name="reqId")
    message_id: Maybe[str] = UNSET
    text: Maybe[str] = UNSET
    options: Maybe[list[str]] = UNSET
    type: Maybe[str] = UNSET
    raw: Mapping[str, Any] = {}


class Bulletin(MessageModel, frozen=True, kw_only=True):
    """News about the system, such as an exchange that has trouble (topic ``blt``).

    Attributes:
        id: its id.
        message: its text.
        raw: the arguments as they came.
    """

    id: Maybe[str] = UNSET
    message: Maybe[str] = UNSET
    raw: Mapping[str, Any] = {}


class ErrorMessage(MessageModel, frozen=True, kw_only=True):
    """The gateway did not like a command (topic ``error``).

    Attributes:
        error: what it says.
        code: its number of the error.
        raw: the message as it came.
    """

    error: Maybe[str] = UNSET
    code: Maybe[int] = UNSET
    raw: Mapping[str, Any] = {}


class StreamStats(StreamMessage, frozen=True, kw_only=True):
    """How a stream is doing.

    Attributes:
        received: messages that came over the socket.
        conflated: quotes that were merged into others because nobody had read those.
        missed: messages that could not be held; each is counted in a `Gap`.
        buffered: messages that wait to be read.
        reconnects: connections after the first one.
        last_heard: when something came last.
        lag: seconds for which the message that is read next has been waiting.
    """

    received: int
    conflated: int
    missed: int
    buffered: int
    reconnects: int
    last_heard: datetime
    lag: float
