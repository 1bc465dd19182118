"""Simulated portfolio operations: positions, ledger, summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from .._wire_forms.account import Account
from .call import Call, Json, error

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._state.state import State
    from .call import Routes


class PortfolioApi:
    """Reports the account's positions, cash and other figures over REST."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._account = Account(state)

    def routes(self) -> Routes:
        """Return the portfolio routes: one (method, path pattern, handler) tuple each."""
        account = "/portfolio/([^/]+)"
        return (
            ("GET", "/portfolio/(?:accounts|subaccounts)", self._portfolio_accounts),
            ("GET", f"{account}/positions(?:/([^/]*))?", self._positions),
            ("POST", f"{account}/positions/invalidate", self._invalidate),
            ("GET", f"{account}/position/([^/]+)", self._position),
            ("GET", f"{account}/ledger", self._ledger),
            ("GET", f"{account}/summary", self._summary),
            ("GET", f"{account}/allocation", self._allocation),
            ("GET", f"{account}/meta", self._meta),
            ("GET", "/portfolio2/([^/]+)/positions", self._positions2),
            ("GET", "/portfolio/subaccounts2", self._subaccounts),
            ("GET", "/portfolio/positions/([^/]+)", self._by_contract),
            ("POST", "/portfolio/allocation", self._consolidated),
            ("GET", f"{account}/combo/positions", self._combinations),
        )

    def _portfolio_accounts(self, _call: Call) -> Response:
        session = self._state.session
        session.portfolio_asked = True
        return Json(self._account.listing() if session.serves_portfolio else [])

    def _for_account(self, call: Call, body: Callable[[], Any]) -> Response:
        """Return a response with the result of `body`; 401 if the path names another account.

        As at IBKR, the response is an empty list until the client has called
        `GET /portfolio/accounts` in this session.
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

    def _by_contract(self, call: Call) -> Response:
        session, wanted = self._state.session, call.args[0]
        known = session.portfolio_asked and session.serves_portfolio and wanted.isdecimal()
        rows = self._account.position(int(wanted)) if known else []
        return Json({self._state.account_id: rows} if rows else {})

    def _combinations(self, call: Call) -> Response:
        if call.args[0] != self._state.account_id:
            return Response(status_code=401)
        # IBKR responds with 500 if an account holds no combinations. This account never does.
        return Response(status_code=500)

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

    def _consolidated(self, call: Call) -> Response:
        if call.fields.get("acctIds") != [self._state.account_id]:
            return error("Bad Request: acctIds", 400)
        return Json(self._account.allocation())

    def _meta(self, call: Call) -> Response:
        return self._for_account(call, lambda: self._account.listing()[0])

    def _subaccounts(self, _call: Call) -> Response:
        return Json(self._account.listing())
