"""Sessions that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import BezantError

if TYPE_CHECKING:
    from ..models import AuthStatus


class SessionError(BezantError):
    """The session cannot be used for this call.

    Attributes:
        status: the session's flags, where the gateway gave them, else None.
        login_url: the gateway's page, where a browser logs in; None where it is not known.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        status: AuthStatus | None = None,
        login_url: str | None = None,
    ) -> None:
        super().__init__(message, operation=operation)
        self.status = status
        self.login_url = login_url

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} ({self.login_url})" if self.login_url else text


class NotAuthenticated(SessionError):
    """Nobody is logged in. Only a login in the browser helps."""


class CompetingSession(NotAuthenticated):
    """The user name trades somewhere else: in TWS, on the phone, or through another gateway."""


class NotEstablished(SessionError):
    """Authenticated, but the brokerage session is not set up yet. Ask again in a few seconds."""

    retryable = True


class NoAccounts(NotEstablished):
    """The gateway names no account: the session is not ready. Ask again in a few seconds."""


class NoSession(SessionError):
    """The gateway is reachable, but has no brokerage session: not connected, or no bridge."""

    retryable = True
