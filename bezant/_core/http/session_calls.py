"""Calls about the session itself."""

from __future__ import annotations

from .operation import Operation

INIT = Operation("POST", "/iserver/auth/ssodh/init", idempotent=False)
AUTH_STATUS = Operation("POST", "/iserver/auth/status", idempotent=True)
TICKLE = Operation("POST", "/tickle", idempotent=True)
LOGOUT = Operation("POST", "/logout", idempotent=True)
# What these end in says something about the session itself.
SESSION_PATHS = frozenset({AUTH_STATUS.path, TICKLE.path})
# A 401 to these is about the login, and not about an account or a right.
LOGIN_PATHS = SESSION_PATHS | {INIT.path, LOGOUT.path, "/sso/validate"}
# The way back from a brokerage session that is closed.
OPEN_IT = "client.session.initialize() opens it, no browser is needed"
LOG_IN = "log in at the gateway's page in a browser, then try again"
