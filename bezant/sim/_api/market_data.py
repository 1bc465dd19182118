"""Simulated market data operations: snapshots, historical bars, unsubscribing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._wire_forms.bars import History, as_history, moment
from .._wire_forms.quotes import SERVICES, Quotes
from .call import Call, Json, conids, error

if TYPE_CHECKING:
    from starlette.responses import Response

    from .._state.state import State
    from .call import Routes


class MarketDataApi:
    """Serves quotes and historical bars over REST."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._quotes = Quotes(state)
        self._bars = History(state)

    def routes(self) -> Routes:
        """Return the market data routes: one (method, path pattern, handler) tuple each."""
        return (
            ("GET", "/iserver/marketdata/snapshot", self._snapshot),
            ("GET", "/iserver/marketdata/history", self._history),
            ("GET", "/iserver/marketdata/unsubscribeall", self._unsubscribe_all),
            ("POST", "/iserver/marketdata/unsubscribe", self._unsubscribe),
            ("GET", "/hmds/history", self._historical),
            ("POST", "/hmds/auth/init", self._bridge),
        )

    def _snapshot(self, call: Call) -> Response:
        try:
            requested = conids(call)
        except ValueError:
            return error("Bad Request: conids", 400)
        session, quotes = self._state.session, self._quotes
        if not session.accounts_asked:
            return error("Please query /accounts first", 500)
        wanted = {name for name in call.query.get("fields", "").split(",") if name}
        asked: list[tuple[int, set[str]]] = []
        for conid in requested:
            if not self._state.has_line(conid):
                asked.append((conid, set()))
                continue
            known = session.fields.get(conid, set())
            # As at IBKR, the first call that requests a field starts its data but returns no value
            # yet. A response has values only for fields that an earlier call requested.
            asked.append((conid, wanted & known))
            session.fields[conid] = known | wanted
        found = zip(requested, quotes.many(asked), strict=True)
        # IBKR adds field 6508 to a row with values, although no client requests it.
        services = {"6508": SERVICES}
        return Json(
            [quotes.head(conid) | values | (services if values else {}) for conid, values in found]
        )

    def _history(self, call: Call) -> Response:
        query = call.query
        start = query.get("startTime")
        if query.get("direction") == "1":
            return error("Chart data unavailable", 500)
        try:
            body = self._bars.bars(
                int(query.get("conid", "")),
                query.get("period", "1w"),
                query.get("bar", "1h"),
                until=moment(start) if start else None,
                extended=query.get("outsideRth") == "true",
            )
        except (KeyError, ValueError):
            return error("Bad Request: conid, period or bar", 400)
        return Json(body)

    def _historical(self, call: Call) -> Response:
        query = call.query
        try:
            body = self._bars.bars(
                int(query.get("conid", "")),
                query.get("period", ""),
                query.get("bar") or query.get("barType") or "1h",
            )
        except (KeyError, ValueError):
            return error("Bad Request: conid, period or bar", 400)
        return Json(as_history(body, self._state.clock.now()))

    def _unsubscribe_all(self, _call: Call) -> Response:
        self._state.session.fields.clear()
        return Json({"unsubscribed": True})

    def _unsubscribe(self, call: Call) -> Response:
        conid = str(call.fields.get("conid", ""))
        known = conid.isdecimal() and self._state.session.fields.pop(int(conid), None) is not None
        return Json({"success": True}) if known else Json({"error": "unknown"}, 500)

    def _bridge(self, _call: Call) -> Response:
        return Json(self._state.session.status(fail=False))
