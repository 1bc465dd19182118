"""`Operation`: everything that is known about one kind of call of the Client Portal Web API."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from ..._wire.record import Record
from ...errors import Refused


class OrderCall(Enum):
    """Kind of a call about an order."""

    PLACE = "place or modify"
    REPLY = "reply"
    CANCEL = "cancel"


class Operation(Record, frozen=True):
    """One kind of call of the Client Portal Web API (CPAPI).

    All operations are generated from ``tools/api_overlay``. The defaults are right for a call that
    has neither side effects nor prerequisites.

    Attributes:
        method: HTTP method.
        path: path template below the base path, such as ``/portfolio/{accountId}/ledger``.
        idempotent: whether sending the call twice has the same effect as sending it once.
        root: True if the path is relative to the host's root, False if it is relative to the base
            path.
        wrap_as: how to adapt a response whose outermost value varies. ``[]``: an object becomes a
            list with this one element. The name of a field: a list becomes an object with the list
            in that field. Empty: no change.
        refusal: class of the exception to raise if a response with status 200 contains an error.
        effect: what the call's side effects change; ``none`` for no side effects, ``account`` for
            anything but orders and sessions.
        order: kind of the call if it is about an order; None for all other calls.
        requires: which list of accounts the session has to request before this call; empty if the
            call needs no such request.
        limit: key of the rate limit that applies to this operation in addition to the session's;
            empty for none.
        priority: the call's priority in the queue of the rate limiter, and which slots it may use.
        may_be_empty: whether a session's first response to this call may be an empty list although
            rows exist.
        empty_until_searched: whether the response is empty until the session has searched for the
            symbol.
        empty_until_ready: whether a session's first response to this call may have no values
            although they exist; the client then sends the call once more.
        never_empty: whether the client treats an empty response to this call as an error.
        empty_without_positions: whether an empty response is no error if no account of the session
            has a position.
        lists: what the response contains, for the check whether an empty list can be trusted;
            ``order`` means a single order, and empty means that nothing is checked.
        lines: what the call does with market data lines: ``uses`` one for each contract in its
            query, ``releases`` that of the contract in its body, or ``releases all``; empty for
            nothing.
        texts: key of the operation's own rows in the table of known error texts
            (`known_texts.OWN`); empty if it has none.
        about_session: what the call's errors say about the session. ``login``: status 401 means
            that nobody is logged in. ``state``: all errors of the call tell the state of the
            session. Empty: a 401 may be about this call alone.
        needs_oauth: whether the operation exists only on IBKR's own host, for clients that use
            OAuth, and not on a gateway.
        name: method and path, for errors and logs.
    """

    method: str
    path: str
    idempotent: bool
    root: bool = False
    wrap_as: str = ""
    refusal: type[Refused] = Refused
    effect: Literal["none", "order", "account", "session"] = "none"
    order: OrderCall | None = None
    requires: Literal["", "accounts", "trading accounts"] = ""
    limit: str = ""
    priority: Literal["tickle", "cancel", "order", "read"] = "read"
    may_be_empty: bool = False
    empty_until_searched: bool = False
    empty_until_ready: bool = False
    never_empty: bool = False
    empty_without_positions: bool = False
    lists: Literal["", "accounts", "orders", "order", "executions"] = ""
    lines: Literal["", "uses", "releases", "releases all"] = ""
    texts: str = ""
    about_session: Literal["", "login", "state"] = ""
    needs_oauth: bool = False

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"
