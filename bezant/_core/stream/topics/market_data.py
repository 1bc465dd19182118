"""Topic ``smd``: market data of a contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ...._wire.conid_ex import is_combination, parse, without_exchange
from ....errors import InvalidRequest
from ....models.stream import MarketData, Message, Other
from ...decoding.drift import Report
from ...marketdata.contract import HasConid
from ...marketdata.fields import MAX_FIELDS, MarketDataFields
from ..arguments import contract_or_combination
from ..reading import number_or_none, target_of
from ..topic import Arguments, Frame, SubscriptionRequest, Topic


def request(
    conid: int | str | HasConid, fields: MarketDataFields, exchange: str | None
) -> SubscriptionRequest:
    """Return a request to subscribe to market data of a contract or a combination of contracts.

    Raises:
        InvalidRequest: the contract id or the exchange is not valid.
    """
    key = f"md+{contract_or_combination(conid, exchange)}"
    return SubscriptionRequest(key, {"fields": [*fields]})


def _merge(key: str, asked: Sequence[Arguments]) -> Arguments:
    fields = list(dict.fromkeys(code for each in asked for code in each["fields"]))
    if len(fields) > MAX_FIELDS:
        raise InvalidRequest(
            f"{target_of(key)} would have {len(fields)} fields over all its subscriptions; IBKR "
            f"accepts up to {MAX_FIELDS}: pass fewer, or cancel one of the subscriptions"
        )
    return {"fields": fields}


def _parse(topic: str, frame: Frame, _: bytes, __: Report) -> MarketData | list[Message]:
    target = target_of(topic)
    found = parse(target) if is_combination(target) else None
    # The first frame of a combination has neither "conid" nor "conidEx".
    if found is not None:
        return MarketData(conid=found.conid, conid_ex=target, raw=frame)
    conid = frame.get("conid")
    if type(conid) is not int:
        conid = number_or_none(conid if conid is not None else target)
        if conid is None:
            return [Other(topic=topic, payload=frame)]
    conid_ex = frame.get("conidEx")
    if type(conid_ex) is not str:
        conid_ex = str(conid)
    return MarketData(conid=conid, conid_ex=conid_ex, raw=frame)


def _confirms(message: MarketData) -> tuple[str, ...]:
    # Two keys, because the gateway may leave the exchange out of its message.
    return f"md+{message.conid_ex}", f"md+{without_exchange(message.conid_ex)}"


MARKET_DATA: Final = Topic(
    name="smd",
    messages=(MarketData,),
    parse=_parse,
    key="md",
    merge=_merge,
    confirms=_confirms,
    responds=True,
    expires=True,
    always_send=True,
)
