"""From the bytes of one WebSocket message to typed messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import msgspec

from ...models.stream import (
    Heartbeat,
    Malformed,
    MarketData,
    Message,
    OrderUpdate,
    Other,
    Pnl,
    System,
)
from .. import values
from ..decode import Report, loads, mend

_MAX_MALFORMED = 64 * 1024


def parse(data: bytes, report: Report) -> list[Message]:
    """Read one WebSocket message; most give one message, rows of orders and PnL one each.

    Nothing is dropped: what has no type here becomes `Other`, what is not JSON `Malformed`.
    """
    try:
        frame = loads(data)
    except (ValueError, RecursionError) as error:
        return [_not_json(data, error)]
    if not isinstance(frame, dict):
        return [Other(topic="", payload=frame)]
    message = cast("dict[str, Any]", frame)
    topic = message.get("topic")
    if not isinstance(topic, str):
        return [Other(topic="", payload=message)]
    kind = topic.partition("+")[0]
    if kind == "smd":
        return [_market_data(topic, message)]
    if kind == "system":
        return [_system(message)]
    if kind == "sor":
        return _orders(message, report) or [Other(topic=topic, payload=message)]
    if kind == "spl":
        return _pnl(message, report) or [Other(topic=topic, payload=message)]
    return [Other(topic=topic, payload=message)]


def _not_json(data: bytes, error: Exception) -> Message:
    # The old heartbeat's echo is the one thing on the wire that is not JSON.
    if data.startswith(b"ech+"):
        return Other(topic="ech", payload=data[:100].decode("ascii", "replace"))
    reason = str(error) or type(error).__name__
    return Malformed(data=data[:_MAX_MALFORMED], reason=reason)


def _market_data(topic: str, message: dict[str, Any]) -> Message:
    conid = message.get("conid")
    if type(conid) is not int:
        try:
            conid = values.to_int(conid if conid is not None else topic.partition("+")[2])
        except (ValueError, ArithmeticError):
            conid = None
        if conid is None:
            return Other(topic=topic, payload=message)
    conid_ex = message.get("conidEx")
    return MarketData(
        conid=conid,
        conid_ex=conid_ex if isinstance(conid_ex, str) else str(conid),
        updated=_time(message.get("_updated")),
        raw=message,
    )


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        return values.to_time(value)
    except (ValueError, ArithmeticError):
        return None


def _system(message: dict[str, Any]) -> Message:
    if "hb" in message:
        return Heartbeat(sent_at=_time(message["hb"]))
    user = message.get("success")
    if not isinstance(user, str):
        return Other(topic="system", payload=message)
    paper, trial = message.get("isPaper"), message.get("isFT")
    return System(
        user=user,
        is_paper=paper if isinstance(paper, bool) else None,
        is_free_trial=trial if isinstance(trial, bool) else None,
    )


def _orders(message: dict[str, Any], report: Report) -> list[Message]:
    rows = message.get("args")
    if isinstance(rows, dict):  # documented as an object, sent as a list
        rows = [cast("dict[str, Any]", rows)]
    if not isinstance(rows, list):
        return []
    found: list[Message] = []
    for each in cast("list[object]", rows):
        if isinstance(each, dict):
            row = cast("dict[str, Any]", each)
            update = mend(row, OrderUpdate, operation="sor", report=report)
            found.append(msgspec.structs.replace(update, raw=row))
        else:
            found.append(Other(topic="sor", payload=each))
    return found


def _pnl(message: dict[str, Any], report: Report) -> list[Message]:
    rows = message.get("args")
    if not isinstance(rows, dict):
        return []
    found: list[Message] = []
    for key, each in cast("dict[str, object]", rows).items():
        if isinstance(each, dict):
            row = cast("dict[str, Any]", each)
            pnl = mend(row, Pnl, operation="spl", report=report)
            account, _, segment = key.rpartition(".")
            found.append(
                msgspec.structs.replace(
                    pnl, account=account or segment, segment=segment if account else "", raw=row
                )
            )
        else:
            found.append(Other(topic="spl", payload={key: each}))
    return found
