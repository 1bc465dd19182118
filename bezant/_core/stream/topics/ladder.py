"""Topic ``sbd``: price ladder (market depth) of a contract."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, cast

import msgspec

from ...._wire import converters
from ....models.stream import LadderRow, LadderUpdate, Message
from ...decoding.drift import Report
from ..arguments import account as checked_account
from ..arguments import contract
from ..reading import target_of
from ..topic import Frame, Merging, SubscriptionRequest, Topic


def request(account: str, conid: int, exchange: str | None = None) -> SubscriptionRequest:
    """Return a request to subscribe to a contract's price ladder.

    Raises:
        InvalidRequest: the account, the contract id or the exchange is not valid.
    """
    key = f"bd+{checked_account(account)}+{contract(conid, exchange, '+')}"
    return SubscriptionRequest(key, {})


def _parse(topic: str, frame: Frame, _: bytes, __: Report) -> list[Message]:
    account, ___, target = target_of(topic).partition("+")
    conid = _number(target.partition("@")[0].partition("+")[0])
    data = frame.get("data")
    if conid is None or not isinstance(data, list):
        return []
    rows = [
        _row(cast("dict[str, Any]", row))
        for row in cast("list[object]", data)
        if isinstance(row, dict)
    ]
    return [LadderUpdate(account_id=account, conid=int(conid), rows=rows, raw=frame)]


def _row(row: dict[str, Any]) -> LadderRow:
    price = row.get("price")
    # In the row with the price of the last trade, the price contains the trade's size, too: "100 @
    # 185.25".
    size, at, quoted = price.partition("@") if isinstance(price, str) else ("", "", "")
    number = _number(row.get("row"))
    return LadderRow(
        row=None if number is None else int(number),
        price=_number(quoted if at else price),
        bid_size=_quantity(row.get("bid")),
        ask_size=_quantity(row.get("ask")),
        last_size=_quantity(size) if at else None,
        focus=_number(row.get("focus")) == 1,
    )


def _number(value: object) -> Decimal | None:
    try:
        return None if value is None else converters.to_decimal(value)
    except (ValueError, ArithmeticError):
        return None


def _quantity(value: object) -> Decimal | None:
    number = _number(value)
    return None if number is None else converters.without_fraction(number)


def _complete(known: LadderUpdate | None, update: LadderUpdate) -> LadderUpdate:
    before = {} if known is None else {row.row: row for row in known.rows if row.row is not None}
    sent = {row.row: row for row in update.rows if row.row is not None}
    changed = frozenset(number for number, row in sent.items() if row != before.get(number))
    rows = {**before, **sent}
    unnumbered = [row for row in update.rows if row.row is None]
    return msgspec.structs.replace(
        update,
        rows=[rows[number] for number in sorted(rows)] + unnumbered,
        changed=frozenset(["rows"] if changed or unnumbered else []),
        changed_rows=changed,
    )


LADDER: Final = Topic(
    name="sbd",
    messages=(LadderUpdate,),
    parse=_parse,
    key="bd",
    subscribe=lambda key, _: f"s{key}",
    # The command contains only the account, and ends the ladders of all contracts for this account.
    unsubscribe=lambda key: "ubd+" + target_of(key).partition("+")[0],
    unsubscribe_ends_others=True,
    confirms=lambda message: (f"bd+{message.account_id}+{message.conid}",),
    responds=True,
    merging=Merging(
        subject=lambda message: (message.account_id, message.conid), complete=_complete
    ),
)
