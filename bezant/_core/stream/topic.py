"""`Topic`: row of the table of WebSocket topics, with all facts about one topic.

The package `topics` has one module for each row, and `topics/registry.py` finds a row by the name
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

# A command may have this many bytes; the gateway drops the connection on a longer command.
MAX_COMMAND: Final = 64 * 1024


class TicReply(NamedTuple):
    """Response to a ``tic`` that the stream sent itself; it is not delivered to the program.

    Attributes:
        session: token of the session that the socket belongs to; None if the response has no token.
    """

    session: Secret | None


class SubscriptionRequest(NamedTuple):
    """Request of one subscriber to a topic.

    Attributes:
        key: key of the subscription at the gateway, such as ``md+265598``; the key follows the
            ``s`` or ``u`` of a command.
        arguments: checked values that follow the key.
    """

    key: str
    arguments: Arguments


Parsed: TypeAlias = MarketData | TicReply | list[Message]
# A parser takes the topic, the frame, the bytes of the frame, and a function that reports drift. It
# returns an empty list if the frame has no message of the topic.
Parse: TypeAlias = Callable[[str, Frame, bytes, Report], Parsed]


class Merging(Record, frozen=True, kw_only=True):
    """Rule by which the updates of a topic become complete messages.

    Attributes:
        subject: function that returns the subject of a message, such as an order's id; None if the
            message has no subject. Messages with the same subject merge.
        complete: function that takes the last complete message, or None, and the message as
            received, and returns the new complete message.
        news: function that takes the delivered values of the subject, or None, and the new row, and
            returns whether the row contains something new. The gateway repeats messages of such a
            topic, and only messages with something new are delivered. None for a topic whose
            messages are all delivered.
    """

    subject: Callable[[Any], Hashable | None]
    complete: Callable[[Any, Any], Any]
    news: Callable[[Frame | None, Frame], bool] | None = None


def same_arguments(key: str, asked: Sequence[Arguments]) -> Arguments:
    """Return the arguments that all subscribers of a key have in common.

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
    """Return the command that subscribes to a key, in the usual form."""
    return f"s{key}+{msgspec.json.encode(arguments).decode()}"


def plain_end(key: str) -> str:
    """Return the command that unsubscribes from a key, in the usual form."""
    return f"u{key}+{{}}"


class Topic(Record, frozen=True, kw_only=True):
    """All facts about one topic.

    Attributes:
        name: its name in a frame, such as ``smd``.
        messages: classes of its messages.
        parse: parser of its frames.
        key: beginning of its subscription keys, such as ``md``; empty if there is no subscription.
        merge: merges the arguments of all subscribers of a key.
        subscribe: returns the command that subscribes to a key.
        unsubscribe: returns the command that ends the subscription to a key.
        unsubscribe_ends_others: whether that command ends all subscriptions with the same command.
        server_id: returns the gateway's id of a message's subscription, which then ends by this id
            and not by `unsubscribe`; None if the topic has no such ids.
        confirms: returns the keys of the subscription that a message belongs to, the most precise
            one first. The last one has no exchange.
        responds: whether the gateway sends a message soon after each command, so that silence means
            that the command was lost.
        expires: whether IBKR ends a subscription after some time, or loses the command, so that
            the stream has to repeat it.
        always_send: whether a further subscriber repeats the command even if its arguments are the
            same, because the gateway then sends all values.
        limit: maximum number of subscriptions at a time; None for no limit.
        merging: how updates become complete messages; None if the gateway sends none.
        about_orders: whether messages are about orders or executions, which the session remembers.
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
    expires: bool = False
    always_send: bool = False
    limit: int | None = None
    merging: Merging | None = None
    about_orders: bool = False


def check_command(
    text: str, what: str = "the command", advice: str = ": send a shorter one"
) -> None:
    """Raise an error for a command that cannot be sent.

    Raises:
        InvalidRequest: the command is longer than the gateway accepts, or contains half a surrogate
            pair.
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
