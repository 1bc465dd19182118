"""`Topic`: everything that is known about one WebSocket topic.

The package `topics` has one module for each topic. `topics/registry.py` finds a topic by the name
in a frame, by the key of a subscription, and by the class of a message.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from ..._wire import conid_ex
from ..._wire.record import Record
from ..._wire.redaction import Secret
from ...errors import InvalidRequest
from ...models.stream import MarketData, Message
from ..decoding.drift import Report

Frame: TypeAlias = dict[str, Any]
Arguments: TypeAlias = dict[str, Any]

# Longest command, in bytes. The gateway drops the connection if a command is longer.
MAX_COMMAND: Final = 64 * 1024


class TicReply(NamedTuple):
    """Response to the stream's own command ``tic``. It is not delivered to the program.

    Attributes:
        session: token of the session to which the socket belongs; None if the response has none.
    """

    session: Secret | None


class SubscriptionRequest(NamedTuple):
    """One subscriber's request to subscribe to a topic.

    Attributes:
        key: key of the subscription at the gateway, such as ``md+265598``. The command to subscribe
            is ``s`` and the key, the command to unsubscribe ``u`` and the key.
        arguments: checked arguments, which follow the key in the command.
    """

    key: str
    arguments: Arguments


Parsed: TypeAlias = MarketData | TicReply | list[Message]
# Parser of a topic's frames. Its arguments are the topic, the decoded frame, the frame's bytes, and
# a function to call with each `Drift`. It returns an empty list if the frame has no message of the
# topic.
Parse: TypeAlias = Callable[[str, Frame, bytes, Report], Parsed]


class Merging(Record, frozen=True, kw_only=True):
    """Rule by which a topic's updates are merged into complete messages.

    Attributes:
        subject: function that returns what a message is about, such as an order's id, or None if
            that is not known. Messages with the same subject are merged.
        complete: function that returns the new complete message. Its arguments are the last
            complete message (or None) and the message as received.
        news: function that returns whether a row contains something new. Its arguments are the
            values delivered about the subject so far (or None) and the row. It is used for topics
            whose messages the gateway repeats: only messages with something new are delivered.
            `news` is None if all messages of the topic are delivered.
    """

    subject: Callable[[Any], Hashable | None]
    complete: Callable[[Any, Any], Any]
    news: Callable[[Frame | None, Frame], bool] | None = None


def same_arguments(key: str, asked: Sequence[Arguments]) -> Arguments:
    """Return the arguments of a key's subscribers, which must all be the same.

    Raises:
        InvalidRequest: the subscribers have different arguments.
    """
    first, *rest = asked
    if any(each != first for each in rest):
        raise InvalidRequest(
            f"there is a subscription to s{key} with other arguments; cancel that one first"
        )
    return first


def command_with_arguments(key: str, arguments: Arguments) -> str:
    """Return the command to subscribe in the form of most topics, such as ``smd+1+{...}``."""
    return f"s{key}+{msgspec.json.encode(arguments).decode()}"


def plain_end(key: str) -> str:
    """Return the command to unsubscribe in the form of most topics, such as ``umd+1+{}``."""
    return f"u{key}+{{}}"


class Topic(Record, frozen=True, kw_only=True):
    """One WebSocket topic, with everything that is known about it.

    Attributes:
        name: name of the topic in a frame, such as ``smd``.
        messages: classes of the topic's messages.
        parse: parser of the topic's frames.
        key: beginning of the keys of the topic's subscriptions, such as ``md``; empty if you cannot
            subscribe to the topic.
        merge: function that merges the arguments of all subscribers of a key.
        subscribe: function that returns the command to subscribe to a key.
        unsubscribe: function that returns the command to end the subscription to a key.
        unsubscribe_ends_others: whether the command to unsubscribe also ends other subscriptions of
            the topic for which it is the same. Those are then sent again.
        server_id: function that returns the id that the gateway has given to the subscription to
            which a message belongs; the command to unsubscribe contains this id instead of the key.
            None if the gateway gives no such ids for the topic.
        confirms: function that returns possible keys of the subscription to which a message
            belongs, the most precise one first, the one without an exchange last. None if you
            cannot subscribe to the topic.
        responds: whether the gateway sends a message soon after each command to subscribe. If none
            comes, the command was lost.
        heartbeat: seconds between two messages of a subscription according to IBKR, which sends one
            even if nothing has changed; None if a subscription may be silent for any time.
        expires: whether IBKR ends a subscription after some time, so that the stream has to send
            the command again before that.
        always_send: whether the command is sent again for each new subscriber, even if it does not
            change. The gateway then sends all values again.
        limit: maximum number of subscriptions to the topic at a time; None for no limit.
        merging: how updates are merged into complete messages; None if they are not merged here.
        about_orders: whether messages are about orders or executions. The client remembers these,
            to detect lists that lack them.
    """

    name: str
    messages: tuple[type[Message], ...]
    parse: Parse
    key: str = ""
    merge: Callable[[str, Sequence[Arguments]], Arguments] = same_arguments
    subscribe: Callable[[str, Arguments], str] = command_with_arguments
    unsubscribe: Callable[[str], str] = plain_end
    unsubscribe_ends_others: bool = False
    server_id: Callable[[Any], object] | None = None
    confirms: Callable[[Any], tuple[str, ...]] | None = None
    responds: bool = False
    heartbeat: float | None = None
    expires: bool = False
    always_send: bool = False
    limit: int | None = None
    merging: Merging | None = None
    about_orders: bool = False


def check_command(
    text: str, what: str = "the command", advice: str = ": send a shorter one"
) -> None:
    """Check that a command can be sent.

    Raises:
        InvalidRequest: the command is longer than the gateway accepts, or cannot be encoded as
            UTF-8.
    """
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidRequest(
            f"{what} contains characters that UTF-8 cannot encode; remove them"
        ) from None
    if length > MAX_COMMAND:
        raise InvalidRequest(
            f"{what} has {length:,} bytes; the gateway drops the connection on more than "
            f"{MAX_COMMAND:,}{advice}"
        )


def without_exchange(key: str) -> str:
    """Return a key without its exchange: ``bd+U1+1`` for ``bd+U1+1+NYSE``."""
    return "+".join(conid_ex.without_exchange(key).split("+")[:3])
