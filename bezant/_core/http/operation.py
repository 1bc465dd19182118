"""`Operation`: the table row with everything known about one call of CPAPI."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from ..._wire.record import Record
from ...errors import Refused


class OrderCall(Enum):
    """Action of a call on an order."""

    PLACE = "place or modify"
    REPLY = "reply"
    CANCEL = "cancel"


class Operation(Record, frozen=True):
    """One kind of call of CPAPI, as a row of the table of operations.

    Rows are generated from ``tools/api_overlay``. The defaults fit a call without side effects and
    prerequisites.

    Attributes:
        method: HTTP method.
        path: path template below the base path, such as ``/portfolio/{accountId}/ledger``.
        idempotent: whether sending the call twice has the same effect as sending it once.
        root: whether the path is relative to the host's root and not to the base path.
        wrap_as: how to read a response of another outer shape. ``[]``: an object becomes a list
            of one. The name of a field: a list becomes an object with that field.
        refusal: error class for an error inside a response with status 200.
        effect: kind of the call's side effects; ``account`` stands for all side effects except on
            orders and sessions.
        order: the call's action on the order that the request or response names.
        requires: which list of accounts a session has to query before this call.
        limit: key of the operation's own rate limit; empty if only the session's limit applies.
        priority: the call's priority in the queue of the rate limiter, and which slots it may use.
        may_be_empty: whether the first response of a session may be empty although there are rows.
        empty_until_searched: whether the response is empty until the session has searched for the
            symbol.
        empty_until_ready: whether the first response of a session may be empty although there are
            values; the client then requests the values once more.
        never_empty: whether a correct response always has content; an empty one is an error.
        lists: content of the response's list, for the check of empty lists; ``order`` is one order.
        texts: key of the operation's rows in the table of known error texts (`known_texts.OWN`).
        about_session: the call's relation to the session. ``login``: a 401 means that nobody is
            logged in. ``state``: the call's errors also tell the state of the session.
        needs_oauth: whether only IBKR's own host serves the operation, to clients that use OAuth.
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
