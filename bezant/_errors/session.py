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
        needs_login: whether only a login in the browser helps.
    """

    needs_login: bool = False

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
        shown = self.login_url and isinstance(self, NotAuthenticated)
        return f"{text} ({self.login_url})" if shown else text


class NotAuthenticated(SessionError):
    """The login is gone: a 401, a redirect to the login page, or the login page itself.

    Also raised where ``client.session.initialize()`` could not open the brokerage session. Only a
    login in the browser helps, unless ``needs_login`` is False: the gateway also answers 401 to
    calls that the user name may not make, such as one about an account that it cannot see.
    """

    needs_login = True


class NotEstablished(SessionError):
    """Authenticated, but the brokerage session is not set up yet. Ask again in a few seconds."""

    retryable = True


class NoAccounts(NotEstablished):
    """The gateway names no account: the session is not ready. Ask again in a few seconds."""


class NoSession(SessionError):
    """Logged in, but the brokerage session is closed; ``client.session.initialize()`` opens it.

    Calls about orders and market data fail; the gateway still serves the portfolio.
    """

    retryable = True


class CompetingSession(NoSession):
    """The user name trades somewhere else: in TWS, on the phone, or through another gateway.

    ``client.session.initialize(compete=True)`` ends the other session.
    """

    retryable = False
