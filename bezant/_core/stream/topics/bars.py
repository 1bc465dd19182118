"""Topic ``smh``: historical bars of a contract."""

from __future__ import annotations

from typing import Final

import msgspec

from ...._wire.bounds import may_be_unfit
from ...._wire.redaction import shown
from ....errors import InvalidRequest
from ....models.stream import BarsUpdate, Message
from ...decoding.bars import with_times
from ...decoding.decoder import convert_row
from ...decoding.drift import Report
from ...operations._forms import check_text
from ..arguments import contract
from ..reading import number_or_none, target_of
from ..topic import Frame, SubscriptionRequest, Topic

SOURCES: Final = ("trades", "midpoint", "bid_ask", "bid", "ask")


def request(
    conid: int,
    exchange: str | None = None,
    *,
    period: str = "1d",
    bar: str = "5min",
    source: str = "trades",
    outside_rth: bool = False,
) -> SubscriptionRequest:
    """Return a request to subscribe to historical bars of a contract.

    Raises:
        InvalidRequest: an argument is not valid. The gateway would not report this, but silently
            use its own default value.
    """
    check_text("period", "period", period)
    check_text("bar", "bar", bar)
    if source not in SOURCES:
        raise InvalidRequest(f"source must be one of {', '.join(SOURCES)}, not {shown(source)}")
    arguments = {
        "period": period,
        "bar": bar,
        "source": source,
        "outsideRth": bool(outside_rth),
        "format": "%o/%c/%h/%l/%v",
    }
    key = f"mh+{contract(conid, exchange, '@')}"
    if exchange is not None:
        arguments["exchange"] = exchange
    return SubscriptionRequest(key, arguments)


def _parse(topic: str, frame: Frame, data: bytes, report: Report) -> list[Message]:
    conid = number_or_none(target_of(topic).partition("+")[0].partition("@")[0])
    if conid is None:
        return []
    # Checking the bytes of the whole frame for implausible numbers is faster than checking each
    # number.
    fit = not may_be_unfit(data)
    bars = with_times(convert_row(frame, BarsUpdate, operation="smh", report=report, fit=fit))
    return [msgspec.structs.replace(bars, conid=conid, raw=frame)]


def _confirms(message: BarsUpdate) -> tuple[str, ...]:
    target = target_of(str(message.raw.get("topic", "")))
    return f"mh+{target}", f"mh+{message.conid}"


BARS: Final = Topic(
    name="smh",
    messages=(BarsUpdate,),
    parse=_parse,
    key="mh",
    server_id=lambda message: message.server_id,
    confirms=_confirms,
    responds=True,
    limit=5,
)
