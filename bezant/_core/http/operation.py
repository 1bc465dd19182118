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
        root: whether the path is relative to the host's root and not to the base path.
        wrap_as: how to adapt a response whose outermost value varies. ``[]``: an object becomes a
            list with this one element. The name of a field: a list becomes an object with the list
            in that field. Empty: no change.
        refusal: error class for an error inside a response with status 200.
        effect: kind of the call's side effects; ``account`` stands for all side effects except on
            orders and sessions.
        order: kind of the call if it is about an order; None for all other calls.
        requires: which list of accounts the session has to query before this call; empty for none.
        limit: key of the rate limit that applies to this operation in addition to the session's;
            empty for none.
        priority: the call's priority in the queue of the rate limiter, and which slots it may use.
        may_be_empty: whether a session's first response may be an empty list although rows exist.
        empty_until_searched: whether the response is empty until the session has searched for the
            symbol.
        empty_until_ready: whether a session's first response may have no values although they
            exist; the client then sends the call once more.
        never_empty: whether an empty response is an error.
        lists: what the response lists, for the check whether an empty list can be trusted;
            ``order`` is a single order.
        texts: key of the operation's rows in the table of known error texts (`known_texts.OWN`).
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
    lists: Literal["", "accounts", "orders", "order", "executions"] = ""
    texts: str = ""
    about_session: Literal["", "login", "state"] = ""
    needs_oauth: bool = False

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"
