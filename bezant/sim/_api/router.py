"""The REST operations of the simulated gateway."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from .._state.session import SERVER_INFO
from .._wire_forms.account import Account
from .._wire_forms.bars import History, moment
from .._wire_forms.quotes import Quotes
from .._wire_forms.trading_hours import next_sessions, schedule
from .accounts import ExtraApi
from .alerts import AlertApi
from .call import Call, Json, error
from .contracts import ContractApi
from .examples import Examples
from .notifications import FyiApi
from .orders import OrderApi
from .scanner import ScannerApi
from .watchlists import WatchlistApi

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._state.state import State
    from .call import Routes

LOGIN_PATH = "/sso/Login?forwardTo=22&RL=1&ip2loc=US"
LOGIN_PAGE = (
    '<!DOCTYPE html><html><head><title>Login</title></head><body><form method="post" '
    'action="/sso/Dispatcher"><input name="user_name"><input name="password" type="password">'
    "</form></body></html>"
)
# What the gateway answers without asking anybody.
_BY_ITSELF = "/iserver/reauthenticate"
_BEFORE_BROKERAGE = ("/iserver/auth/status", "/iserver/auth/ssodh/init", _BY_ITSELF)


class Api:
    """Answers calls under `/v1/api`."""

    def __init__(self, state: State, login_url: Callable[[], str]) -> None:
        self._state = state
        self._account = Account(state)
        self._quotes = Quotes(state)
        self._bars = History(state)
        self._login_url = login_url
        account = "/portfolio/([^/]+)"
        table: Routes = (
            ("GET POST", "/iserver/auth/status", self._auth_status),
            ("POST", "/iserver/auth/ssodh/init", self._ssodh_init),
            ("GET POST", _BY_ITSELF, self._reauthenticate),
            ("GET POST", "/tickle", self._tickle),
            ("POST", "/logout", self._logout),
            ("GET", "/iserver/accounts", self._accounts),
            ("POST", "/iserver/account", self._switch),
            ("GET", "/iserver/account/pnl/partitioned", self._gains),
            ("GET", "/iserver/marketdata/snapshot", self._snapshot),
            ("GET", "/iserver/marketdata/history", self._history),
            ("GET", "/iserver/marketdata/unsubscribeall", self._unsubscribe_all),
            ("POST", "/iserver/marketdata/unsubscribe", self._unsubscribe),
            ("GET", "/trsrv/stocks", self._stocks),
            ("GET", "/trsrv/secdef", self._secdef),
            ("GET", "/trsrv/secdef/schedule", self._schedule),
            ("GET", "/contract/trading-schedule", self._next_sessions),
            ("GET", "/portfolio/(?:accounts|subaccounts)", self._portfolio_accounts),
            ("GET", f"{account}/positions(?:/([^/]*))?", self._positions),
            ("POST", f"{account}/positions/invalidate", self._invalidate),
            ("GET", f"{account}/position/([^/]+)", self._position),
            ("GET", f"{account}/ledger", self._ledger),
            ("GET", f"{account}/summary", self._summary),
            ("GET", f"{account}/allocation", self._allocation),
            ("GET", f"{account}/meta", self._meta),
            ("GET", "/portfolio2/([^/]+)/positions", self._positions2),
        )
        self._routes = [
            (methods.split(), re.compile(pattern), handler)
            for methods, pattern, handler in (*table, *self._more())
        ]
        self._examples = Examples(state.account_id)

    def _more(self) -> Routes:
        state = self._state
        groups = (
            OrderApi(state),
            ContractApi(state),
            WatchlistApi(state),
            AlertApi(state),
            FyiApi(state),
            ScannerApi(state),
            ExtraApi(state),
        )
        return tuple(route for group in groups for route in group.routes())

    def answer(self, call: Call) -> Response:
        """Answer a call; its path is the one after `/v1/api`."""
        refusal = self._refuse(call.path)
        if refusal is not None and call.path != _BY_ITSELF:
            return refusal
        for methods, pattern, handler in self._routes:
            match = pattern.fullmatch(call.path)
            if match is not None and call.method in methods:
                args = tuple(match.groups(""))
                return handler(Call(call.method, call.path, call.query, call.body, args))
        example = self._examples.answer(call.method, call.path)
        if example is None:
            return error("Not Found", 404)
        body, media_type = example
        return Response(body, media_type=media_type)

    def _refuse(self, path: str) -> Response | None:
        """Return what a session that is not good enough for the path answers."""
        session = self._state.session
        if not session.logged_in:
            if session.login_style == "redirect":
                return Response(status_code=302, headers={"Location": self._login_url()})
            if session.login_style == "unauthorized":
                return Response(status_code=401)
            return Response(LOGIN_PAGE, media_type="text/html")
        if not path.startswith("/iserver/") or path in _BEFORE_BROKERAGE:
            return None
        if not session.connected:
            return error("Bad Request: no bridge", 400)
        if not session.authenticated:
            return error("Init session first", 400)
        return None

    def _auth_status(self, _call: Call) -> Response:
        return Json(self._state.session.status(fail=True))

    def _ssodh_init(self, call: Call) -> Response:
        fields = call.fields
        if str(fields.get("publish")).lower() != "true":
            return Response(status_code=500)
        session = self._state.session
        session.open_brokerage(compete=str(fields.get("compete")).lower() == "true")
        return Json(session.status(fail=False))

    def _reauthenticate(self, _call: Call) -> Response:
        if not self._state.session.logged_in:
            return Json({"error": "not logged in"})
        return Json({"message": "triggered"})

    def _tickle(self, _call: Call) -> Response:
        session = self._state.session
        answer = Json(
            {
                "session": session.token,
                "ssoExpires": 86_400_000,
                "collission": False,
                "userId": 100000001,
                "hmds": {"error": "no bridge"},
                "iserver": {"authStatus": session.status(fail=False)},
            }
        )
        # One name twice: a client that keys its jar by path as well sends both back.
        answer.set_cookie("x-sess-uuid", f"0.{session.token[:12]}", path="/", secure=True)
        answer.set_cookie("x-sess-uuid", f"1.{session.token[:12]}", path="/v1/api", secure=True)
        return answer

    def _logout(self, _call: Call) -> Response:
        self._state.session.logout()
        return Json({"status": True})

    def _accounts(self, _call: Call) -> Response:
        session = self._state.session
        session.accounts_asked = True
        body = self._account.properties(session.token, SERVER_INFO)
        if not session.usable:
            body |= {"accounts": [], "acctProps": {}, "aliases": {}, "selectedAccount": ""}
        return Json(body)

    def _switch(self, call: Call) -> Response:
        if call.fields.get("acctId") != self._state.account_id:
            return error("", 500)
        return Json({"success": "Account already set"})

    def _gains(self, _call: Call) -> Response:
        session = self._state.session
        known = session.gains_asked and session.usable
        return Json(self._account.partitioned() if known else {"upnl": {}})

    def _snapshot(self, call: Call) -> Response:
        try:
            conids = _conids(call)
        except ValueError:
            return error("Bad Request: conids", 400)
        session, quotes = self._state.session, self._quotes
        wanted = {name for name in call.query.get("fields", "").split(",") if name}
        asked: list[tuple[int, set[str]]] = []
        for conid in conids:
            known = session.fields.get(conid, set())
            # Values come for fields that an earlier call asked for: the first one primes.
            asked.append((conid, wanted & known))
            session.fields[conid] = known | wanted
        found = zip(conids, quotes.many(asked), strict=True)
        return Json([quotes.head(conid) | values for conid, values in found])

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

    def _unsubscribe_all(self, _call: Call) -> Response:
        self._state.session.fields.clear()
        return Json({"unsubscribed": True})

    def _unsubscribe(self, call: Call) -> Response:
        conid = str(call.fields.get("conid", ""))
        known = conid.isdecimal() and self._state.session.fields.pop(int(conid), None) is not None
        return Json({"success": True}) if known else error("unknown", 404)

    def _stocks(self, call: Call) -> Response:
        symbols = [name for name in call.query.get("symbols", "").split(",") if name]
        if not symbols:
            return error("Bad Request: symbols", 400)
        return Json({symbol: self._state.catalogue.stocks(symbol) for symbol in symbols})

    def _secdef(self, call: Call) -> Response:
        try:
            conids = _conids(call)
        except ValueError:
            return error("Bad Request: conids", 400)
        contracts = self._state.catalogue.contracts
        return Json({"secdef": [contracts[c].secdef() for c in conids if c in contracts]})

    def _schedule(self, call: Call) -> Response:
        catalogue = self._state.catalogue
        conid = catalogue.primary(call.query.get("symbol", ""))
        if conid is None or not call.query.get("assetClass"):
            return error("Bad Request: symbol or assetClass", 400)
        return Json(schedule(catalogue.contracts[conid], self._state.clock.now()))

    def _next_sessions(self, call: Call) -> Response:
        conid = call.query.get("conid", "")
        if not conid.isdecimal() or int(conid) not in self._state.catalogue.contracts:
            return error("Bad Request: conid", 400)
        return Json(next_sessions(self._state.clock.now()))

    def _portfolio_accounts(self, _call: Call) -> Response:
        session = self._state.session
        session.portfolio_asked = True
        return Json(self._account.listing() if session.serves_portfolio else [])

    def _for_account(self, call: Call, body: Callable[[], Any]) -> Response:
        """Answer about the account in the path, or refuse another one.

        The body is empty while the list of accounts was not asked for in this session.
        """
        if call.args[0] != self._state.account_id:
            return Response(status_code=401)
        session = self._state.session
        known = session.portfolio_asked and session.serves_portfolio
        return Json(body() if known else [])

    def _positions(self, call: Call) -> Response:
        try:
            number = int(call.args[1] or "0")
        except ValueError:
            return error("Bad Request: pageId", 400)
        sort, direction = call.query.get("sort"), call.query.get("direction", "a")
        return self._for_account(call, lambda: self._account.page(number, sort or None, direction))

    def _position(self, call: Call) -> Response:
        wanted = call.args[1]
        return self._for_account(
            call,
            lambda: self._account.position(int(wanted)) if wanted.isdecimal() else [],
        )

    def _positions2(self, call: Call) -> Response:
        return self._for_account(call, self._account.uncached)

    def _invalidate(self, call: Call) -> Response:
        return self._for_account(call, lambda: {"message": "success"})

    def _ledger(self, call: Call) -> Response:
        return self._for_account(call, self._account.ledger)

    def _summary(self, call: Call) -> Response:
        return self._for_account(call, self._account.summary)

    def _allocation(self, call: Call) -> Response:
        return self._for_account(call, self._account.allocation)

    def _meta(self, call: Call) -> Response:
        return self._for_account(call, lambda: self._account.listing()[0])


def _conids(call: Call) -> list[int]:
    """Return the conids that were asked for; an exchange after @ is ignored."""
    texts = call.query.get("conids", "").split(",")
    return [int(text.partition("@")[0]) for text in texts]
