"""Simulated operations of the user's accounts: list, search, select, profit and loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from .._state.session import SERVER_INFO
from .._wire_forms.account import Account
from .call import NO_RESOURCE, Call, Json, error

if TYPE_CHECKING:
    from .._state.state import State
    from .call import Routes


_NAME = {"firstName": "Sam", "lastName": "Simulated", "entityName": "Sam Simulated"}


class AccountApi:
    """Lists, finds and selects accounts, and reports their profit and loss."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._account = Account(state)
        self._account_id = state.account_id

    def routes(self) -> Routes:
        """Return the account routes: one (method, path pattern, handler) tuple each."""
        return (
            ("GET", "/iserver/accounts", self._accounts),
            ("POST", "/iserver/account", self._switch),
            ("GET", "/iserver/account/pnl/partitioned", self._gains),
            ("GET", "/iserver/account/search/([^/]+)", self._search),
            ("POST", "/iserver/dynaccount", self._choose),
            ("GET", "/iserver/account/([^/]+)/summary(?:/([a-z_]+))?", self._summary),
            ("GET", "/acesws/([^/]+)/signatures-and-owners", self._owners),
        )

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

    def _summary(self, call: Call) -> Response:
        account, part = call.args
        if account != self._account_id:
            return Response(status_code=401)
        match part:
            case "":
                return Json(self._account.overview())
            case "market_value":
                return Json(self._account.market_values())
            case "available_funds" | "balances" | "margins":
                return Json(self._account.segments(part))
            case _:
                return Response(NO_RESOURCE, 404, media_type="text/html")

    def _search(self, call: Call) -> Response:
        pattern = call.args[0]
        found = pattern.upper() in self._account_id
        rows = [
            {
                "accountId": self._account_id,
                "alias": self._account_id,
                "allocationId": self._account_id,
            }
        ]
        return Json({"matchedAccounts": rows if found else [], "pattern": pattern})

    def _choose(self, call: Call) -> Response:
        if call.fields.get("acctId") != self._account_id:
            return Json({"error": "Acct not found from search result"}, 401)
        return Json({"set": True, "acctId": self._account_id})

    def _owners(self, call: Call) -> Response:
        if call.args[0] != self._account_id:
            return Response(status_code=401)
        user: dict[str, Any] = {"roleId": "OWNER", "hasRightCodeInd": True}
        user |= {"userName": "simulated", "entity": _NAME | {"entityType": "INDIVIDUAL"}}
        applicant = {"signatures": [_NAME["entityName"]]}
        return Json({"accountId": self._account_id, "users": [user], "applicant": applicant})
