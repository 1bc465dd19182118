"""From the bytes of one WebSocket message to typed messages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar, cast

import msgspec

from ..._wire import converters
from ..._wire.bounds import may_be_unfit
from ..._wire.redaction import Secret
from ...models.stream import (
    AccountUpdate,
    BarsUpdate,
    Bulletin,
    ErrorMessage,
    Heartbeat,
    LedgerUpdate,
    Malformed,
    MarketData,
    Message,
    Notice,
    OrderUpdate,
    Other,
    Pnl,
    Prompt,
    SessionStatus,
    SummaryUpdate,
    System,
    TradeUpdate,
)
from ..decoding.bars import with_times
from ..decoding.decoder import loads, mend
from ..decoding.drift import Report
from .ladder import ladder

_MAX_MALFORMED = 64 * 1024

T = TypeVar("T", bound=msgspec.Struct)
_Object = dict[str, Any]


class Alive(NamedTuple):
    """The answer to a stream's own ``tic``, which is nobody's message.

    Attributes:
        session: the token of the session that the socket belongs to; None where it names none.
    """

    session: Secret | None


def parse(data: bytes, report: Report) -> MarketData | Alive | list[Message]:
    """Read one WebSocket message; those with rows give one message for each.

    Nothing is dropped: what has no type here becomes `Other`, what is not JSON `Malformed`. Market
    data, which is nearly all that comes, comes without a list around it.
    """
    try:
        frame = loads(data)
    except (ValueError, RecursionError) as error:
        return [_not_json(data, error)]
    if not isinstance(frame, dict):
        return [Other(topic="", payload=frame)]
    message = cast("_Object", frame)
    topic = message.get("topic")
    if not isinstance(topic, str):
        if isinstance(message.get("error"), str):
            return [_whole(message, message, ErrorMessage, "error", report)]
        return [Other(topic="", payload=message)]
    if topic.startswith("smd"):
        return _market_data(topic, message)
    if topic.startswith("smh+"):
        # So many numbers are looked at faster in the bytes.
        fit = not may_be_unfit(data)
        return _bars(topic, message, report, fit=fit) or [Other(topic=topic, payload=message)]
    family = topic.partition("+")[0]
    reader = _READERS.get(family)
    if reader is not None:
        found = reader(topic, message, report)
        if found:
            return found
    elif family == "tic":
        session = message.get("id")
        return Alive(Secret(session) if isinstance(session, str) and session else None)
    return [Other(topic=topic, payload=message)]


def _not_json(data: bytes, error: Exception) -> Message:
    # The old heartbeat's echo is the one thing on the wire that is not JSON.
    if data.startswith(b"ech+"):
        return Other(topic="ech", payload=data[:100].decode("ascii", "replace"))
    reason = str(error) or type(error).__name__
    return Malformed(data=data[:_MAX_MALFORMED], reason=reason)


def _market_data(topic: str, message: _Object) -> MarketData | list[Message]:
    conid = message.get("conid")
    if type(conid) is not int:
        conid = _number(conid if conid is not None else topic.partition("+")[2])
        if conid is None:
            return [Other(topic=topic, payload=message)]
    conid_ex = message.get("conidEx")
    if type(conid_ex) is not str:
        conid_ex = str(conid)
    return MarketData(conid=conid, conid_ex=conid_ex, raw=message)


def _number(value: object) -> int | None:
    try:
        return converters.to_int(value)
    except (ValueError, ArithmeticError):
        return None


def _time(value: object) -> datetime | None:
    try:
        return None if value is None else converters.to_time(value)
    except (ValueError, ArithmeticError):
        return None


def _system(_: str, message: _Object, __: Report) -> list[Message]:
    if "hb" in message:
        return [Heartbeat(sent_at=_time(message["hb"]))]
    user = message.get("success")
    if not isinstance(user, str):
        return []
    paper, trial = message.get("isPaper"), message.get("isFT")
    return [
        System(
            user=user,
            is_paper=paper if isinstance(paper, bool) else None,
            is_free_trial=trial if isinstance(trial, bool) else None,
        )
    ]


def _whole(row: _Object, raw: _Object, type_: type[T], topic: str, report: Report) -> T:
    return msgspec.structs.replace(mend(row, type_, operation=topic, report=report), raw=raw)


def order_row(row: _Object, report: Report) -> OrderUpdate:
    """Read what a row says about an order."""
    return _whole(row, row, OrderUpdate, "sor", report)


def trade_row(row: _Object, report: Report) -> TradeUpdate:
    """Read what a row says about an execution."""
    trade = _whole(row, row, TradeUpdate, "str", report)
    when = _time(row.get("trade_time_r")) or _time(row.get("trade_time"))
    return msgspec.structs.replace(trade, time=when)


def ledger_row(account: str, row: _Object, report: Report) -> LedgerUpdate:
    """Read what a row says about an account's ledger in one currency."""
    return msgspec.structs.replace(_whole(row, row, LedgerUpdate, "sld", report), account=account)


_Row = Callable[[str, _Object, Report], Message]


def _rows(key: str, read: _Row) -> Callable[[str, _Object, Report], list[Message]]:
    """Return a reader of messages with rows; some are documented as one object, and sent as a list."""  # noqa: E501

    def reader(topic: str, message: _Object, report: Report) -> list[Message]:
        rows: object = message.get(key)
        if isinstance(rows, dict):
            rows = [cast("_Object", rows)]
        if not isinstance(rows, list):
            return []
        return [
            read(topic, cast("_Object", row), report)
            if isinstance(row, dict)
            else Other(topic=topic, payload=row)
            for row in cast("list[object]", rows)
        ]

    return reader


def _target(topic: str) -> str:
    return topic.partition("+")[2].partition("+")[0]


def _summary(topic: str, row: _Object, report: Report) -> Message:
    # The account stands in the topic; a row's own key of that name would be something else.
    summary = _whole(row, row, SummaryUpdate, "ssd", report)
    return msgspec.structs.replace(summary, account=_target(topic))


def _note(_: str, row: _Object, report: Report) -> Message:
    if row.get("prompt") is True:
        return _whole(row, row, Prompt, "ntf", report)
    return _whole(row, row, Notice, "ntf", report)


def _pnl(_: str, message: _Object, report: Report) -> list[Message]:
    rows = message.get("args")
    if not isinstance(rows, dict):
        return []
    found: list[Message] = []
    for key, each in cast("dict[str, object]", rows).items():
        if isinstance(each, dict):
            row = cast("_Object", each)
            account, _, segment = key.rpartition(".")
            found.append(
                msgspec.structs.replace(
                    _whole(row, row, Pnl, "spl", report),
                    account=account or segment,
                    segment=segment if account else "",
                )
            )
        else:
            found.append(Other(topic="spl", payload={key: each}))
    return found


def _bars(topic: str, message: _Object, report: Report, *, fit: bool) -> list[Message]:
    conid = _number(_target(topic).partition("@")[0])
    if conid is None:
        return []
    bars = with_times(mend(message, BarsUpdate, operation="smh", report=report, fit=fit))
    return [msgspec.structs.replace(bars, conid=conid, raw=message)]


def _error(_: str, message: _Object, report: Report) -> list[Message]:
    return [_whole(message, message, ErrorMessage, "error", report)]


_READERS: Final[dict[str, Callable[[str, _Object, Report], list[Message]]]] = {
    "system": _system,
    "sor": _rows("args", lambda _, row, report: order_row(row, report)),
    "str": _rows("args", lambda _, row, report: trade_row(row, report)),
    "spl": _pnl,
    "ssd": _rows("result", _summary),
    "sld": _rows("result", lambda topic, row, report: ledger_row(_target(topic), row, report)),
    "sbd": ladder,
    "sts": _rows("args", lambda _, row, report: _whole(row, row, SessionStatus, "sts", report)),
    "act": _rows("args", lambda _, row, report: _whole(row, row, AccountUpdate, "act", report)),
    "ntf": _rows("args", _note),
    "blt": _rows("args", lambda _, row, report: _whole(row, row, Bulletin, "blt", report)),
    "error": _error,
}
