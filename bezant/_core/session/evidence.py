"""Remembers accounts, orders and executions, to detect lists that are wrongly empty.

The gateway has been seen to send an empty list although there are orders or executions.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any, Final, TypeVar, cast
from urllib.parse import unquote

import msgspec

from ..._wire.order_status import FILLED, INACTIVE, state_of_order
from ...errors import IncompleteList, NoAccounts
from ..decoding.decoder import loads
from ..http.messages import Request
from ..http.operation import Operation, OrderCall
from .prerequisites import TRADING_ACCOUNTS

_ACCOUNT: Final = r"/iserver/account/([^/?]+)/order"
_REPLY: Final = "/iserver/reply/"
# In seconds. An order that was last seen longer ago may have ended since then, and may rightly be
# missing in the list, which has only the orders of the day.
_LIFETIME: Final = 12 * 3600.0
_DAY: Final = 86_400.0
# In seconds. A list of executions for one day covers the current trading day, which may have begun
# only hours ago. An execution counts as missing in it only if it is younger than this.
_FIRST_DAY: Final = 12 * 3600.0
# In seconds. A stream sends the executions of about a week. If an execution's time is further from
# the current time than this, one of the clocks is wrong.
_LONGEST: Final = 8 * _DAY
_MOST: Final = 1_000
_NAMED: Final = 5

K = TypeVar("K")
V = TypeVar("V")


class _Order:
    __slots__ = ("account", "ended", "filled", "inactive", "name", "seen")

    def __init__(self) -> None:
        self.account = ""
        self.name = ""
        self.seen = 0.0
        self.ended = False
        self.filled = False
        self.inactive = False

    def counts(self, account: str | None, now: float) -> bool:
        """Return whether the order was seen recently and is of `account` (None: any account)."""
        return now - self.seen <= _LIFETIME and account in (None, self.account)


class _Execution:
    __slots__ = ("account", "at", "seen")

    def __init__(self, account: str, at: float | None, seen: float) -> None:
        self.account = account
        self.at = at
        self.seen = seen


class Evidence:
    """Remembers the accounts that the gateway named, and the orders and executions seen so far.

    It remembers up to 1,000 orders and 1,000 executions, and then forgets the oldest ones.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, tuple[str, ...] | None] = {}
        self._orders: dict[int, _Order] = {}
        self._executions: dict[str, _Execution] = {}
        self._questions: dict[str, str] = {}

    def accounts(self, operation: Operation) -> tuple[str, ...] | None:
        """Return the account ids from the last response to `operation`; None if unknown."""
        return self._accounts.get(operation.path)

    # Methods that take what the client has received: responses and rows of streams.

    def answered(self, request: Request, body: bytes, now: float) -> None:
        """Record what a response contains; `now` is in seconds since 1970."""
        operation = request.operation
        placed = operation.order in (OrderCall.PLACE, OrderCall.REPLY)
        if not (operation.lists or placed):
            return
        try:
            found: object = loads(body)
        except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
            found = None
        if placed:
            self._placed(request, found, now)
        elif operation.lists == "accounts":
            self._accounts[operation.path] = _account_ids(found)
        elif operation.lists == "executions":
            for row in _rows(found):
                self._executed(row, now)
        else:
            listing = _mapping(found).get("orders") if operation.lists == "orders" else found
            for row in _rows(listing):
                self._told(row, now, new=False)

    def _placed(self, request: Request, found: object, now: float) -> None:
        if named := re.search(_ACCOUNT, request.target):
            account = unquote(named[1])
        else:
            question = unquote(request.target.partition(_REPLY)[2].partition("?")[0])
            account = self._questions.get(question, "")
        for row in _rows(found):
            asked = row.get("id")
            if isinstance(asked, str) and asked:
                _put(self._questions, asked, account)
            self._told(row, now, new=True, placed=True, account=account)

    def streamed(self, row: Mapping[str, Any], now: float) -> None:
        """Record a row about an order or an execution that a stream has sent."""
        if "execution_id" in row:
            self._executed(row, now)
        else:
            self._told(row, now, new=True)

    def _told(
        self,
        row: Mapping[str, Any],
        now: float,
        *,
        new: bool,
        placed: bool = False,
        account: str = "",
    ) -> None:
        order_id = _number(row.get("order_id") or row.get("orderId"))
        if order_id is None:
            return
        status = row.get("status") or row.get("order_status")
        order = self._orders.get(order_id)
        if order is None:
            if not new or not (placed or _has_text(status)):
                return
            order = _Order()
        _put(self._orders, order_id, order)
        order.account = account or _text(row, "acct", "account", "accountId") or order.account
        order.name = _text(row, "local_order_id", "order_ref") or order.name
        order.seen = now
        state = state_of_order(status, row.get("order_ccp_status"))
        order.filled = order.filled or state is FILLED
        order.ended = order.ended or state.final
        if _has_text(status):
            order.inactive = state is INACTIVE and not placed

    def _executed(self, row: Mapping[str, Any], now: float) -> None:
        key = row.get("execution_id")
        if not isinstance(key, str) or not key:
            return
        moment = _number(row.get("trade_time_r"))
        at = None if moment is None else moment / 1000
        account = _text(row, "account", "accountCode", "acct")
        _put(self._executions, key, _Execution(account, at, now))

    # Methods that return an error if a list lacks known orders or executions.

    def lacks_orders(
        self, account: str | None, listed: Container[object], now: float
    ) -> IncompleteList | None:
        """Return the error for a list of orders that lacks a known open order, else None.

        Call this method for a list that contains no open order.

        Args:
            account: the account whose list it is; None for all accounts.
            listed: ids of the orders in the list, none of which is open.
            now: seconds since 1970.
        """
        missing = {
            order_id: order
            for order_id, order in self._orders.items()
            if not (order.ended or order.inactive or order_id in listed)
            and order.counts(account, now)
        }
        if not missing:
            return None
        from ..operations.orders import GET_OPEN_ORDERS  # imported here: rarely needed

        ids = tuple(missing)
        return IncompleteList(
            f"the list lacks {_names(missing)}, which this client placed or saw and which may "
            "still be working: do not treat the list as empty; try again in a few seconds, or call "
            f"client.api.orders.get_order_status(order_id={ids[0]})",
            operation=GET_OPEN_ORDERS.operation.name,
            order_ids=ids,
        )

    def lacks_executions(
        self, account: str | None, days: float, now: float
    ) -> IncompleteList | None:
        """Return the error for an empty list of executions that lacks known ones, else None.

        Args:
            account: the account whose list it is; None for all accounts.
            days: number of days that the list covers, the current day included.
            now: seconds since 1970.
        """
        oldest = now - (days - 1) * _DAY - _FIRST_DAY
        executions = tuple(
            key
            for key, each in self._executions.items()
            if account in (None, each.account) and _moment(each, now) > oldest
        )
        filled = {
            order_id: order
            for order_id, order in self._orders.items()
            if days >= 1 and order.filled and order.counts(account, now)
        }
        if not executions and not filled:
            return None
        # imported here: rarely needed
        from ..operations.orders import GET_TRADE_HISTORY

        known = [f"execution {key}" for key in executions[:_NAMED]]
        if filled:
            known.append(f"the executions of {_names(filled)}")
        return IncompleteList(
            f"the list lacks {', '.join(known)}, which this client has seen: do not treat the "
            "list as empty; try again in a few seconds, or with more days",
            operation=GET_TRADE_HISTORY.operation.name,
            order_ids=tuple(filled),
            execution_ids=executions,
        )

    def lacks_account(self, account: str, operation: Operation) -> IncompleteList | None:
        """Return the error for an empty list if the session does not have `account`, else None."""
        known = self.accounts(TRADING_ACCOUNTS)
        if not known or account in known:
            return None
        error = IncompleteList(
            f"the list is empty, and {account!r} is not among this session's accounts "
            f"({', '.join(known[:_NAMED])}); check the account id",
            operation=operation.name,
        )
        error.retryable = False
        return error


def no_accounts(operation: Operation) -> NoAccounts:
    """Return the error for a session that has no accounts."""
    return NoAccounts(
        "the gateway lists no account, so the session is not ready and its other lists may be "
        "wrong; try again in a few seconds, then call client.session.initialize()",
        operation=operation.name,
    )


def _moment(execution: _Execution, now: float) -> float:
    at = execution.at
    return execution.seen if at is None or abs(now - at) > _LONGEST else at


def _names(orders: Mapping[int, _Order]) -> str:
    shown = [
        f"{order_id} (client order id {order.name})" if order.name else str(order_id)
        for order_id, order in list(orders.items())[:_NAMED]
    ]
    more = f" and {len(orders) - _NAMED} more" if len(orders) > _NAMED else ""
    return f"order {', '.join(shown)}{more}"


def _put(table: dict[K, V], key: K, value: V) -> None:
    """Store a value as the newest one of a table; remove the oldest value if there are too many."""
    table.pop(key, None)
    table[key] = value
    if len(table) > _MOST:
        del table[next(iter(table))]


def _account_ids(found: object) -> tuple[str, ...] | None:
    if isinstance(found, list):
        ids = [_text(row, "accountId", "id") for row in _rows(cast("object", found))]
        return tuple(each for each in ids if each)
    if not isinstance(found, Mapping):
        return None
    accounts = _mapping(cast("object", found)).get("accounts", found)
    if accounts is None:
        return ()
    if not isinstance(accounts, list):
        return None
    return tuple(each for each in cast("list[object]", accounts) if isinstance(each, str) and each)


def _mapping(found: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}


def _rows(found: object) -> Iterator[Mapping[str, Any]]:
    rows = cast("list[object]", found) if isinstance(found, list) else [found]
    for row in rows:
        if isinstance(row, Mapping):
            yield cast("Mapping[str, Any]", row)


def _text(row: Mapping[str, Any], *names: str) -> str:
    for name in names:
        value = row.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _has_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _number(value: object) -> int | None:
    """Return a whole number above 0 that is given as an int or as text; None for other values."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= 19:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63:
        return value
    return None
