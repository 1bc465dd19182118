"""Models of responses about the session."""

from __future__ import annotations

from typing import Any

import msgspec

from ._base import Model
from ._secret import shown

__all__ = ["AuthStatus", "ServerInfo", "Tickle", "TickleHmds", "TickleServer"]


class ServerInfo(Model, frozen=True, kw_only=True, rename="camel"):
    """Server at IBKR that serves the session.

    Attributes:
        server_name: name of the server.
        server_version: build of the server's software.
    """

    server_name: str | None = None
    server_version: str | None = None


class AuthStatus(Model, frozen=True, kw_only=True, rename="camel"):
    """The brokerage session's flags (``POST /iserver/auth/status``).

    Attributes:
        authenticated: whether the brokerage session is open. An open session may not be usable
            yet. If the flag is false, somebody may still be logged in.
        established: whether the session is set up and usable. Trade only when this is true. Older
            gateways do not send this flag.
        connected: whether the gateway is connected to IBKR's backend.
        competing: whether the user name is in use somewhere else.
        message: message of the gateway, usually empty.
        fail: reason why the session is not authenticated, usually empty.
        server_info: the server behind the session.
        hardware_info: the gateway's machine.
        mac: the gateway's network address (``MAC``).
        passed: whether IBKR accepted the call that opens the session (``POST
            /iserver/auth/ssodh/init``); only the response to that call has this flag.
    """

    authenticated: bool | None = None
    established: bool | None = None
    connected: bool | None = None
    competing: bool | None = None
    message: str | None = None
    fail: str | None = None
    server_info: ServerInfo | None = None
    hardware_info: str | None = msgspec.field(default=None, name="hardware_info")
    mac: str | None = msgspec.field(default=None, name="MAC")
    passed: bool | None = None

    @property
    def ready(self) -> bool:
        """Whether the session is usable: authenticated, and established if that flag is known."""
        if self.established is None:
            return self.authenticated is True
        return self.authenticated is True and self.established is True


class TickleHmds(Model, frozen=True, kw_only=True, rename="camel"):
    """Part of the response to a tickle, about IBKR's servers for historical data.

    Attributes:
        error: the reason why these servers have no session.
    """

    auth_status: list[Any] | None = None
    error: str | None = None


class TickleServer(Model, frozen=True, kw_only=True, rename="camel"):
    """Brokerage part of the response to a tickle.

    Attributes:
        auth_status: flags of the brokerage session.
    """

    auth_status: AuthStatus | None = None


class Tickle(Model, frozen=True, kw_only=True, rename="camel"):
    """Response to a tickle, the keepalive call (``POST /tickle``).

    Attributes:
        session: token of the session; a secret, so the repr leaves it out.
        sso_expires_ms: milliseconds until the login's token expires (``ssoExpires``). The token
            renews itself. 0 if the session has ended.
        iserver: the part about the brokerage session.
        hmds: the part about IBKR's servers for historical data.
        collision: unused; in the response, IBKR spells this field ``collission``.
        user_id: number of the user.
    """

    session: str | None = None
    sso_expires_ms: int | None = msgspec.field(default=None, name="ssoExpires")
    iserver: TickleServer | None = None
    hmds: TickleHmds | None = None
    collision: bool | None = msgspec.field(default=None, name="collission")
    user_id: int | None = None

    @property
    def status(self) -> AuthStatus | None:
        """Flags of the brokerage session; None if the response has none."""
        status = self.iserver.auth_status if self.iserver else None
        return status or None

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return shown(self, "session")
