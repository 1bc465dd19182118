"""Small operations with an answer from the state that fit nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from .._wire_forms.account import Account
from .call import Call, Json

if TYPE_CHECKING:
    from .._state.state import State
    from .call import Routes

_NAME = {"firstName": "Sam", "lastName": "Simulated", "entityName": "Sam Simulated"}


class ExtraApi:
    """Accounts that are looked up, the session behind the login, and the history bridge."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._account = Account(state)

    def routes(self) -> Routes:
        """Return what it answers."""
        return (
            ("GET", "/iserver/account/search/([^/]+)", self._search),
            ("POST", "/iserver/dynaccount", self._choose),
            ("GET", "/acesws/([^/]+)/signatures-and-owners", self._owners),
            ("GET", "/sso/validate", self._validate),
            ("POST", "/hmds/auth/init", self._bridge),
            ("GET", "/portfolio/subaccounts2", self._subaccounts),
        )

    @property
    def _account_id(self) -> str:
        return self._state.account_id

    def _search(self, call: Call) -> Response:
        pattern = call.args[0]
        found = pattern.upper() in self._account_id
        rows = [{"accountId": self._account_id, "alias": self._account_id, "allocationId": "1"}]
        return Json({"matchedAccounts": rows if found else [], "pattern": pattern})

    def _choose(self, call: Call) -> Response:
        if call.fields.get("acctId") != self._account_id:
            return Response(status_code=401)
        return Json({"set": True, "acctId": self._account_id})

    def _owners(self, call: Call) -> Response:
        if call.args[0] != self._account_id:
            return Response(status_code=401)
        user: dict[str, Any] = {"roleId": "OWNER", "hasRightCodeInd": True}
        user |= {"userName": "simulated", "entity": _NAME | {"entityType": "INDIVIDUAL"}}
        applicant = {"signatures": [_NAME["entityName"]]}
        return Json({"accountId": self._account_id, "users": [user], "applicant": applicant})

    def _validate(self, _call: Call) -> Response:
        now = int(self._state.clock.now() * 1000)
        return Json(
            {
                "USER_ID": 100000001,
                "USER_NAME": "simulated",
                "RESULT": True,
                "AUTH_TIME": now,
                "SF_ENABLED": False,
                "IS_FREE_TRIAL": False,
                "CREDENTIAL": "simulated",
                "IP": "127.0.0.1",
                "EXPIRES": 86_400_000,
                "QUALIFIED_FOR_MOBILE_AUTH": None,
                "LANDING_APP": "UNIVERSAL",
                "IS_MASTER": False,
                "lastAccessed": now,
                "loginType": 2,
                "PAPER_USER_NAME": "simulated",
                "region": "NJ",
            }
        )

    def _bridge(self, _call: Call) -> Response:
        return Json(self._state.session.status(fail=False))

    def _subaccounts(self, _call: Call) -> Response:
        page = {"total": 1, "pageSize": 20, "pageNum": 0}
        return Json({"metadata": page, "subaccounts": self._account.listing()})
