"""Topic ``spl``: profit and loss of the accounts."""

from __future__ import annotations

from typing import Final, cast

from msgspec.structs import force_setattr

from ....models.stream import Message, Other, Pnl
from ...decoding.drift import Report
from ..merging import merge_fields
from ..reading import read_model
from ..topic import Frame, Merging, SubscriptionRequest, Topic


def request() -> SubscriptionRequest:
    """Return a request to subscribe to profit and loss."""
    return SubscriptionRequest("pl", {})


def _parse(_: str, frame: Frame, __: bytes, report: Report) -> list[Message]:
    rows = frame.get("args")
    if not isinstance(rows, dict):
        return []
    found: list[Message] = []
    for key, row in cast("dict[str, object]", rows).items():
        if isinstance(row, dict):
            pnl = read_model(cast("Frame", row), Pnl, "spl", report)
            # The key is account and segment, such as "DU1.Core".
            account, _, segment = key.rpartition(".")
            force_setattr(pnl, "account_id", account or segment)
            force_setattr(pnl, "segment", segment if account else "")
            found.append(pnl)
        else:
            found.append(Other(topic="spl", payload={key: row}))
    return found


PNL: Final = Topic(
    name="spl",
    messages=(Pnl,),
    parse=_parse,
    key="pl",
    confirms=lambda _: ("pl",),
    responds=True,
    merging=Merging(
        subject=lambda message: (message.account_id, message.segment), complete=merge_fields
    ),
)
