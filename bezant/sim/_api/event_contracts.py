"""Simulated event contracts: one market, whose contracts pay on yes or on no."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .call import Call, Json, error

if TYPE_CHECKING:
    from starlette.responses import Response

    from .._state.state import State
    from .call import Routes

_MARKET = 900_000_001
_PRODUCT = 900_000_002
_FIRST = 900_000_101
_NAME = "Simulated Policy Rate"
_SYMBOL = "SIMPR"
_EXCHANGE = "FORECASTX"
_GROUP = "g2"
# The strikes of the market, in percent. Each has a contract that pays on yes and one on no.
_STRIKES = (2.5, 3.125, 3.75)
_YEAR = 365 * 86_400


class EventContractApi:
    """Lists the event contracts of one market, with their rules and trading hours."""

    def __init__(self, state: State) -> None:
        # The contracts expire a year after the start of the gateway, so that they never expire.
        self._expiry = int(state.clock.now()) // 86_400 * 86_400 + _YEAR
        self._contracts = {
            _FIRST + 2 * index + no: (strike, "YN"[no])
            for index, strike in enumerate(_STRIKES)
            for no in (0, 1)
        }

    def routes(self) -> Routes:
        """Return the routes of event contracts: one (method, path pattern, handler) tuple each."""
        return (
            ("GET", "/forecast/category/tree", self._tree),
            ("GET", "/forecast/contract/market", self._market),
            ("GET", "/forecast/contract/details", self._details),
            ("GET", "/forecast/contract/rules", self._rules),
            ("GET", "/forecast/contract/schedules", self._schedule),
        )

    def _tree(self, _call: Call) -> Response:
        market = {
            "conid": _MARKET,
            "exchange": _EXCHANGE,
            "name": _NAME,
            "product_conid": _PRODUCT,
            "symbol": _SYMBOL,
        }
        return Json(
            {
                "categories": {
                    "g1": {"name": "Economics"},
                    _GROUP: {"name": "Interest Rates", "parent_id": "g1", "markets": [market]},
                }
            }
        )

    def _market(self, call: Call) -> Response:
        # The conid of the product leads nowhere: only the market's own conid names the market.
        if call.query.get("underlyingConid") != str(_MARKET):
            return error("Bad Request: underlyingConid", 400)
        return Json(
            {
                "contracts": [
                    {
                        "conid": conid,
                        "expiration": self._day(),
                        "expiry_label": self._day()[:4],
                        "side": side,
                        "strike": strike,
                        "strike_label": f"Above {strike}%",
                        "time_specifier": time.strftime("%Y.%m.%d", time.gmtime(self._expiry)),
                        "underlying_conid": _MARKET,
                    }
                    for conid, (strike, side) in self._contracts.items()
                ],
                "exchange": _EXCHANGE,
                "exclude_historical_data": False,
                "logo_category": _GROUP,
                "market_name": _NAME,
                "payout": 1.0,
                "symbol": _SYMBOL,
            }
        )

    def _details(self, call: Call) -> Response:
        found = self._found(call)
        if found is None:
            return _unknown()
        conid, strike, side = found
        yes = conid if side == "Y" else conid - 1
        return Json(
            {
                "conid_yes": yes,
                "conid_no": yes + 1,
                "question": f"Will the simulated policy rate be set above {strike}%?",
                "side": side,
                "strike_label": f"Above {strike}%",
                "strike": strike,
                "exchange": _EXCHANGE,
                "expiration": self._day(),
                "symbol": _SYMBOL,
                "category": _GROUP,
                "logo_category": _GROUP,
                "measured_period": self._period(),
                "market_name": _NAME,
                "underlying_conid": _MARKET,
                "payout": 1.0,
                "product_conid": _PRODUCT,
                "is_restricted": False,
            }
        )

    def _rules(self, call: Call) -> Response:
        found = self._found(call)
        if found is None:
            return _unknown()
        return Json(
            {
                "asset_class": "OPT",
                "description": "The simulated central bank decides on its policy rate.",
                "market_name": _NAME,
                "measured_period": self._period(),
                "threshold": f"{found[1]}%",
                "source_agency": "Simulated Central Bank",
                "data_and_resolution_link": "https://example.com/",
                "last_trade_time": self._expiry,
                "product_code": _SYMBOL,
                "market_rules_link": "https://example.com/",
                "release_time": self._expiry,
                "payout_time": self._expiry + 7_200,
                "payout": "$1.00",
                "price_increment": "$0.01",
                "price_increments": [{"lower_edge": "0.0", "increment": "$0.01"}],
                "exchange_timezone": "US/Central",
            }
        )

    def _schedule(self, call: Call) -> Response:
        if self._found(call) is None:
            return _unknown()
        days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
        hours = [
            {"open": "12:00 AM", "close": "4:15 PM"},
            {"open": "4:16 PM", "close": "11:59 PM"},
        ]
        return Json(
            {
                "timezone": "US/Central",
                "trading_schedules": [{"day_of_week": day, "trading_times": hours} for day in days],
            }
        )

    def _found(self, call: Call) -> tuple[int, float, str] | None:
        text = call.query.get("conid", "")
        conid = int(text) if text.isdecimal() else 0
        known = self._contracts.get(conid)
        return None if known is None else (conid, *known)

    def _day(self) -> str:
        return time.strftime("%Y%m%d", time.gmtime(self._expiry))

    def _period(self) -> str:
        return time.strftime("%b%d'%y", time.gmtime(self._expiry))


def _unknown() -> Response:
    # How the real gateway refuses an unknown conid is not recorded.
    return error("Bad Request: conid", 400)
