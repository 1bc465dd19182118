"""What the session's flags mean."""

from __future__ import annotations

from ..errors import CompetingSession, NoSession, NotAuthenticated, NotEstablished, SessionError
from ..models._session import AuthStatus
from .wire import Operation

AUTH_STATUS = Operation("POST", "/iserver/auth/status", idempotent=True)
TICKLE = Operation("POST", "/tickle", idempotent=True)
LOGOUT = Operation("POST", "/logout", idempotent=True)
# What these end in says something about the session itself.
SESSION_PATHS = frozenset({AUTH_STATUS.path, TICKLE.path})


def problem(status: AuthStatus, operation: Operation = AUTH_STATUS) -> SessionError | None:
    """Return the error that the flags amount to, None for a session that can be used."""
    name = operation.name
    said = " ".join(text for text in (status.message, status.fail) if text)
    why = f" ({said})" if said else ""
    if status.connected is False:
        return NoSession(
            f"the gateway is not connected to the brokerage backend{why}; wait, or log in again "
            "at its page in a browser",
            operation=name,
            status=status,
        )
    if status.authenticated is not True:
        if status.competing:
            return CompetingSession(
                f"another session uses this user name{why}; end it, or log in again at the "
                "gateway's page in a browser",
                operation=name,
                status=status,
            )
        return NotAuthenticated(
            f"nobody is logged in{why}; log in at the gateway's page in a browser, then try again",
            operation=name,
            status=status,
        )
    if not status.ready:
        return NotEstablished(
            f"authenticated, but the brokerage session is not established yet{why}; account calls "
            "come back empty until it is, so ask again in a few seconds",
            operation=name,
            status=status,
        )
    return None
