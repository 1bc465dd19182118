"""Reading the price ladder."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from ..._wire import converters
from ...models.stream import LadderRow, LadderUpdate, Message
from ..decoding.drift import Report


def ladder(topic: str, message: dict[str, Any], _: Report) -> list[Message]:
    """Read a message of topic ``sbd``; nothing where its target or its rows are not there."""
    account, __, target = topic.partition("+")[2].partition("+")
    conid = _number(target.partition("@")[0].partition("+")[0])
    data = message.get("data")
    if conid is None or not isinstance(data, list):
        return []
    rows = [
        _row(cast("dict[str, Any]", row))
        for row in cast("list[object]", data)
        if isinstance(row, dict)
    ]
    return [LadderUpdate(account=account, conid=int(conid), rows=rows, raw=message)]


def _row(row: dict[str, Any]) -> LadderRow:
    price = row.get("price")
    # At the last trade's price stands the trade's size, too: "100 @ 185.25".
    size, at, quoted = price.partition("@") if isinstance(price, str) else ("", "", "")
    number = _number(row.get("row"))
    return LadderRow(
        row=None if number is None else int(number),
        price=_number(quoted if at else price),
        bid_size=_number(row.get("bid")),
        ask_size=_number(row.get("ask")),
        last_size=_number(size) if at else None,
        focus=_number(row.get("focus")) == 1,
    )


def _number(value: object) -> Decimal | None:
    try:
        return None if value is None else converters.to_decimal(value)
    except (ValueError, ArithmeticError):
        return None
