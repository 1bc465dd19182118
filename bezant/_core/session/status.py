"""Maps the session's status flags, and the response to ``ssodh/init``, to errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ...errors import CompetingSession, NoSession, NotAuthenticated, NotEstablished, SessionError
from ...models._session import AuthStatus
from ..http.error_mapping import LOG_IN, OPEN_IT
from ..http.operation import Operation
from ..operations.session import GET_BROKERAGE_STATUS, INITIALIZE_SESSION

AUTH_STATUS = GET_BROKERAGE_STATUS.operation
INIT = INITIALIZE_SESSION.operation


def error_for(status: AuthStatus, operation: Operation = AUTH_STATUS) -> SessionError | None:
    """Return the error for the session's status flags; None if the session can be used."""
    name = operation.name
    said = " ".join(text for text in (status.message, status.fail) if text)
    why = f" ({said})" if said else ""
    if status.connected is False:
        return NoSession(
            f"the gateway is not connected to the brokerage backend{why}, so the brokerage session "
            f"is closed; {OPEN_IT}",
            operation=name,
            status=status,
        )
    if status.authenticated is not True:
        if status.competing:
            return CompetingSession(
                f"another session uses this user name{why}; end it there, or here with "
                "client.session.initialize(compete=True)",
                operation=name,
                status=status,
            )
        return NoSession(
            f"the brokerage session is closed{why}; {OPEN_IT}",
            operation=name,
            status=status,
        )
    if not status.ready:
        return NotEstablished(
            f"authenticated, but the brokerage session is not established yet{why}; calls for "
            "accounts return empty lists until it is, so try again in a few seconds",
            operation=name,
            status=status,
        )
    return None


def refused(answer: object, *, compete: bool) -> SessionError | None:
    """Return the error for a response to ``ssodh/init``, which opens the brokerage session.

    The result is None if IBKR accepted the request.

    Args:
        answer: the response.
        compete: whether the request asked IBKR to end another session of the user name.
    """
    if not isinstance(answer, Mapping):
        return None
    flags = cast("Mapping[str, Any]", answer)
    if flags.get("competing") is True and flags.get("authenticated") is not True and not compete:
        return error_for(AuthStatus(authenticated=False, competing=True), INIT)
    fail = flags.get("fail")
    why = f" ({fail})" if isinstance(fail, str) and fail else ""
    if flags.get("passed") is not False and (not why or flags.get("authenticated") is True):
        return None
    if "compete" in why.lower() and not compete:
        return NoSession(
            f"the brokerage session was not opened{why}; call "
            "client.session.initialize(compete=True), which ends another session of the user name",
            operation=INIT.name,
        )
    return cannot_open(f"the gateway refused to open the brokerage session{why}")


def cannot_open(what: str) -> NotAuthenticated:
    """Return the error for a brokerage session that could not be opened.

    The error's message advises the user to log in.
    """
    return NotAuthenticated(f"{what}; {LOG_IN}", operation=INIT.name)
