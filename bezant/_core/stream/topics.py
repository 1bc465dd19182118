"""The topics that can be subscribed to, and what may be asked of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, cast

from ..._wire.redaction import shown
from ...errors import InvalidRequest

ORDERS: Final = "or"
PNL: Final = "pl"
TRADES: Final = "tr"

BAR_SOURCES: Final = ("trades", "midpoint", "bid_ask", "bid", "ask")
_PERIOD = re.compile(r"[1-9][0-9]{0,3}(?:min|h|d|w|m|y)")
_BAR = re.compile(r"[1-9][0-9]{0,3}(?:S|min|h|d|w|m)")
# Longer than any exchange's name.
_EXCHANGE = re.compile(r"[A-Za-z0-9]{1,32}")
# A number of thousands of digits has no text.
_LARGEST_CONID: Final = 2**63 - 1
_ACCOUNT = re.compile(r"[A-Za-z0-9]{1,32}")


def _contract(conid: object, exchange: object, between: str) -> str:
    if isinstance(conid, bool) or not isinstance(conid, int) or not 0 < conid <= _LARGEST_CONID:
        raise InvalidRequest(f"conid must be a positive whole number, not {shown(conid)}")
    if exchange is None:
        return str(conid)
    if not isinstance(exchange, str) or not _EXCHANGE.fullmatch(exchange):
        raise InvalidRequest(f"exchange must be a name such as 'NASDAQ', not {shown(exchange)}")
    return f"{conid}{between}{exchange.upper()}"


def market_data_topic(conid: int, exchange: str | None) -> str:
    """Return the topic of a contract's market data.

    Raises:
        InvalidRequest: the contract or the exchange cannot be one.
    """
    return f"md+{_contract(conid, exchange, '@')}"


def bars_topic(conid: int, exchange: str | None) -> str:
    """Return the topic of a contract's historical bars.

    Raises:
        InvalidRequest: the contract or the exchange cannot be one.
    """
    return f"mh+{_contract(conid, exchange, '@')}"


def ladder_topic(account: str, conid: int, exchange: str | None) -> str:
    """Return the topic of a contract's price ladder.

    Raises:
        InvalidRequest: the account, the contract or the exchange cannot be one.
    """
    return f"{account_topic('bd', account)}+{_contract(conid, exchange, '+')}"


def account_topic(topic: str, account: str) -> str:
    """Return a topic of an account.

    Raises:
        InvalidRequest: the account cannot be one.
    """
    if not isinstance(account, str) or not _ACCOUNT.fullmatch(account):
        raise InvalidRequest(f"account must be an id such as 'DU123456', not {shown(account)}")
    return f"{topic}+{account}"


def bars_arguments(period: str, bar: str, source: str, *, outside_rth: bool) -> dict[str, Any]:
    """Return the arguments of historical bars.

    Raises:
        InvalidRequest: one of them cannot be used; the gateway would take its own default.
    """
    if not isinstance(period, str) or not _PERIOD.fullmatch(period):
        raise InvalidRequest(f"period must be such as '1d', '2w' or '30min', not {shown(period)}")
    if not isinstance(bar, str) or not _BAR.fullmatch(bar):
        raise InvalidRequest(f"bar must be such as '5min', '1h' or '1d', not {shown(bar)}")
    if source not in BAR_SOURCES:
        raise InvalidRequest(f"source must be one of {', '.join(BAR_SOURCES)}, not {shown(source)}")
    return {
        "period": period,
        "bar": bar,
        "source": source,
        "outsideRth": bool(outside_rth),
        "format": "%o/%c/%h/%l/%v",
    }


def orders_arguments(
    statuses: Iterable[str] | None, days: int | None, *, realtime_only: bool
) -> dict[str, Any]:
    """Return the arguments of orders; none where everything is wanted.

    Raises:
        InvalidRequest: the statuses are no names, or the days not a number from 1 to 7.
    """
    arguments: dict[str, Any] = {}
    if statuses is not None:
        arguments["filters"] = _names("statuses", statuses)
    if days is not None:
        arguments["days"] = _days(days)
    if realtime_only:
        arguments["realtimeUpdatesOnly"] = True
    return arguments


def _days(days: object) -> int:
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= 7:
        raise InvalidRequest(f"days must be a whole number from 1 to 7, not {shown(days)}")
    return days


def _listed(given: object) -> list[object]:
    """Return what an argument holds; nothing where it is one text, or cannot be iterated over."""
    if not isinstance(given, Iterable) or isinstance(given, str | bytes):
        return []
    return list(cast("Iterable[object]", given))


def _names(name: str, given: object) -> list[str]:
    found = _listed(given)
    # What is not printable may be half a character, which cannot be sent.
    names = [each for each in found if isinstance(each, str) and each and each.isprintable()]
    if not names or len(names) < len(found):
        raise InvalidRequest(f"{name} must be a list of names, not {shown(given)}")
    return list(dict.fromkeys(names))


def trades_arguments(days: int, *, realtime_only: bool) -> dict[str, Any]:
    """Return the arguments of trades.

    Raises:
        InvalidRequest: the days are not a number from 1 to 7.
    """
    return {"realtimeUpdatesOnly": bool(realtime_only), "days": _days(days)}


def chosen(keys: Iterable[str] | None, fields: Iterable[str] | None) -> dict[str, Any]:
    """Return the arguments of an account's summary or ledger; all where nothing is named.

    Raises:
        InvalidRequest: what is named is not text.
    """
    arguments: dict[str, Any] = {}
    for name, given in (("keys", keys), ("fields", fields)):
        if given is not None:
            arguments[name] = _names(name, given)
    return arguments
