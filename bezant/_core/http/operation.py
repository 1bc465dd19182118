"""Operation: the row that holds everything known about one call of CPAPI."""

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
    """One call of CPAPI.

    Rows are generated from ``tools/api_overlay``. The defaults fit a call without side effects and
    prerequisites.

    Attributes:
        method: HTTP method.
        path: path template below the base path, such as ``/portfolio/{accountId}/ledger``.
        idempotent: whether sending it twice has the same effect as sending it once.
        root: whether the path is relative to the host's root and not to the base path.
        wrap_as: how to read a response of another outer shape. ``[]``: an object becomes a list
            of one. The name of a field: a list becomes an object with that field.
        refusal: error class for an error inside a response with status 200.
        effect: its side effects; ``account`` stands for all but orders and sessions.
        order: its action on the order that its request or response names.
        requires: the accounts that a session has to query first.
        limit: key of its own rate limit; empty if only the session's limit applies.
        priority: its position in the queue, and which slots it may use.
        may_be_empty: whether the first response of a session may be empty although there are rows.
        empty_until_searched: whether its response is empty until the session searched the symbol.
        empty_until_ready: whether the first responses of a session may be empty although there is
            something, so that an empty one is requested once more.
        never_empty: whether there always is something, so that an empty response is an error.
        lists: the content of its response, for the check of empty lists; ``order`` is one order.
        texts: key of its rows in the table of known error texts (`known_texts.OWN`).
        about_session: its relation to the session. ``login``: a 401 means that nobody is logged in.
            ``state``: its errors tell the state of the session, too.
        needs_oauth: whether only IBKR's own host serves it, to clients that use OAuth.
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
