"""Simulated PortfolioAnalyst operations: performance and transactions of the account."""

from __future__ import annotations

import datetime as dt
import functools
from typing import TYPE_CHECKING, Any, cast

from .._market import calendar
from .._market.books import BASE
from .._wire_forms.account import amount
from .call import Call, Json, error

if TYPE_CHECKING:
    from decimal import Decimal

    from starlette.responses import Response

    from .._market.exchange import Exchange
    from .._state.state import State
    from .call import Routes

_DAYS = {"1D": 1, "7D": 7, "MTD": 0, "1M": 30, "3M": 91, "6M": 182, "12M": 365, "YTD": 0}
_REPORT = "%Y%m%d"
_DAY = 86_400.0
_MAX_DAYS = 90
_MAX_DAILY = 31
_WEEK = 5


class AnalystApi:
    """Reports the account's performance.

    The account's past values are computed from today's holdings at past prices.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> Routes:
        """Return the PortfolioAnalyst routes: one (method, path pattern, handler) tuple each."""
        return (
            ("POST", "/pa/allperiods", self._all_periods),
            ("POST", "/pa/performance", self._performance),
            ("POST", "/pa/transactions", self._transactions),
        )

    def _refuse(self, call: Call, *names: str) -> Response | None:
        """Return an error response if the call lacks an argument or names another account.

        Args:
            call: the call to check.
            names: names of the required arguments, besides `acctIds`.
        """
        fields = call.fields
        accounts = fields.get("acctIds")
        right = isinstance(accounts, list) and accounts == [self._state.account_id]
        if not right or any(not fields.get(name) for name in names):
            return error(f"Bad Request: {', '.join(('acctIds', *names))}", 400)
        return None

    def _begin(self, period: str, today: dt.date) -> dt.date:
        if period == "MTD":
            return today.replace(day=1)
        if period == "YTD":
            return today.replace(month=1, day=1)
        return today - dt.timedelta(days=_DAYS[period] - 1)

    def _values(self, period: str) -> tuple[tuple[str, float], list[tuple[str, float]]]:
        """Return the account's value before a period, and its value on each day of the period.

        Each value is a pair: date (`YYYYMMDD`) and net liquidation value.
        """
        with self._state.trading.now() as exchange:
            session = calendar.last_session(exchange.now)
            first = self._begin(period, session.date)
            # Of a long period, one day a week: a year of days would take seconds.
            step = 1 if _DAYS[period] <= _MAX_DAILY and period != "YTD" else _WEEK
            days: list[tuple[str, float]] = []
            while True:
                close = min(float(session.closes), exchange.now)
                totals = exchange.books.totals_at(functools.partial(_price, exchange, close))
                day = session.date.strftime(_REPORT), amount(totals.net_liquidation)
                if session.date < first and days:
                    return day, days[::-1]
                days.append(day)
                for _ in range(step):
                    session = calendar.previous(session)

    def _period(self, period: str) -> dict[str, Any]:
        (date, value), days = self._values(period)
        return {
            "freq": "D",
            "startNAV": {"date": date, "val": value},
            "dates": [day for day, _ in days],
            "nav": [nav for _, nav in days],
            "cps": [_gain(nav, value) for _, nav in days],
        }

    def _all_periods(self, call: Call) -> Response:
        refusal = self._refuse(call)
        if refusal is not None:
            return refusal
        account = self._state.account_id
        periods = {name: self._period(name) for name in _DAYS}
        longest = periods["12M"]["dates"]
        more = {
            "baseCurrency": BASE,
            "start": longest[0],
            "end": longest[-1],
            "periods": list(periods),
            "lastSuccessfulUpdate": self._now().strftime("%Y-%m-%d %H:%M:%S"),
        }
        head = {"pm": "TWR", "nd": _DAYS["12M"] + 1, "id": "getPerformanceAllPeriods"}
        accounts = {"currencyType": "base", "view": [account], "included": [account]}
        return Json(head | accounts | {account: periods | more})

    def _performance(self, call: Call) -> Response:
        refusal = self._refuse(call, "period")
        period = str(call.fields.get("period"))
        if refusal is not None:
            return refusal
        if period not in _DAYS:
            return error("Bad Request: period", 400)
        found = self._period(period)
        dates = found["dates"]
        row = {"idType": "acctid", "start": dates[0], "end": dates[-1]} | {
            "id": self._state.account_id,
            "baseCurrency": BASE,
        }
        months = sorted({date[:6] for date in dates})
        last = dict(zip((date[:6] for date in dates), found["cps"], strict=True))
        whole = {"returns": found["cps"]}
        return Json(
            {
                "currencyType": "base",
                "rc": 0,
                "nav": {
                    "data": [row | {"navs": found["nav"], "startNAV": found["startNAV"]}],
                    "freq": "D",
                    "dates": dates,
                },
                "nd": len(dates),
                "cps": {"data": [row | whole], "freq": "D", "dates": dates},
                "tpps": {
                    "data": [row | {"returns": [last[month] for month in months]}],
                    "freq": "M",
                    "dates": months,
                },
                "id": "getPerformanceData",
                "included": [self._state.account_id],
                "pm": "TWR",
            }
        )

    def _transactions(self, call: Call) -> Response:
        refusal = self._refuse(call, "conids", "currency")
        if refusal is not None:
            return refusal
        fields = call.fields
        try:
            conids = {int(str(each)) for each in cast("list[object]", fields["conids"])}
            days = int(str(fields.get("days") or _MAX_DAYS))
        except (TypeError, ValueError):
            return error("Bad Request: conids or days", 400)
        contracts = self._state.catalogue.contracts
        with self._state.trading.now() as exchange:
            now = exchange.now
            since = now - days * _DAY
            found = [
                each for each in exchange.executions if each.conid in conids and each.when >= since
            ]
        rows: list[dict[str, Any]] = []
        for each in found:
            buying = each.side == "BUY"
            quantity = float(each.quantity if buying else -each.quantity)
            contract = contracts[each.conid]
            day = calendar.day_of(each.when)
            value = quantity * float(each.price) * (contract.multiplier or 1)
            rows.append(
                {
                    "cur": contract.currency,
                    "date": f"{day:%a %b %d} 00:00:00 EST {day.year}",
                    "rawDate": f"{day:%Y%m%d}",
                    "fxRate": 1.0,
                    "pr": float(each.price),
                    "qty": quantity,
                    "acctid": self._state.account_id,
                    "amt": -round(value + float(each.commission), 2),
                    "conid": each.conid,
                    "type": "Buy" if buying else "Sell",
                    "desc": contract.name,
                }
            )
        return Json(
            {
                "nd": days + 1,
                "rpnl": {"data": [], "amt": "0.0"},
                "currency": str(fields["currency"]),
                "from": int(since * 1000),
                "id": "getTransactions",
                "to": int(now * 1000),
                "transactions": rows,
            }
        )

    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._state.clock.now(), calendar.ZONE)


def _price(exchange: Exchange, when: float, conid: int) -> Decimal:
    return exchange.market.path(conid).last(when)


def _gain(value: float, before: float) -> float:
    return round(value / before - 1, 8) if before else 0.0
