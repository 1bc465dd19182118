"""Simulated session operations: status, login, tickle, logout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from .call import Call, Json

if TYPE_CHECKING:
    from .._state.state import State
    from .call import Routes


STATUS = "/iserver/auth/status"
"""Path of the status of the brokerage session."""

REAUTHENTICATE = "/iserver/reauthenticate"
"""Path of the operation that the gateway itself answers, even without a login."""


_FEATURES = ("wlms", "realtime", "bond", "optionChains", "calendar", "newMf")


class SessionApi:
    """Reports and changes the state of the login and of the brokerage session."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> Routes:
        """Return the session routes: one (method, path pattern, handler) tuple each."""
        return (
            ("GET POST", STATUS, self._auth_status),
            ("POST", "/iserver/auth/ssodh/init", self._ssodh_init),
            ("GET POST", REAUTHENTICATE, self._reauthenticate),
            ("GET POST", "/tickle", self._tickle),
            ("POST", "/logout", self._logout),
            ("GET", "/sso/validate", self._validate),
        )

    def _auth_status(self, _call: Call) -> Response:
        return Json(self._state.session.status(fail=True))

    def _ssodh_init(self, call: Call) -> Response:
        fields = call.fields
        # IBKR requires `publish`, except in the form that the gateway's own page sends. That form
        # has a `machineId`.
        if str(fields.get("publish")).lower() != "true" and "machineId" not in fields:
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
        response = Json(
            {
                "session": session.token,
                "ssoExpires": 86_400_000,
                "collission": False,
                "userId": 100000001,
                "hmds": {"error": "no bridge"},
                "iserver": {"authStatus": session.status(fail=False)},
            }
        )
        # IBKR sets this cookie twice with different paths. A client that stores cookies by path
        # then sends both values back. Setting both here lets tests find such clients.
        response.set_cookie("x-sess-uuid", f"0.{session.token[:12]}", path="/", secure=True)
        response.set_cookie("x-sess-uuid", f"1.{session.token[:12]}", path="/v1/api", secure=True)
        return response

    def _logout(self, _call: Call) -> Response:
        self._state.session.logout(by_client=True)
        response = Json({"status": True})
        # IBKR sends this JSON without a content type.
        del response.headers["content-type"]
        return response

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
                "LANDING_APP": "PORTAL",
                "IS_MASTER": False,
                "lastAccessed": now,
                "features": dict.fromkeys(_FEATURES, True) | {"env": "PROD"},
                "LOGIN_TYPE": 2,
                "region": "NJ",
            }
        )
