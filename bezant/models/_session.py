"""Models of responses about the session."""

from __future__ import annotations

from typing import Any

import msgspec

from ._base import UNSET, Maybe, Model
from ._secret import shown

__all__ = ["AuthStatus", "ServerInfo", "Tickle", "TickleHmds", "TickleServer"]


class ServerInfo(Model, frozen=True, kw_only=True, rename="camel"):
    """The server behind the session.

    Attributes:
        server_name: name of the server.
        server_version: build of the server's software.
    """

    server_name: Maybe[str] = UNSET
    server_version: Maybe[str] = UNSET


class AuthStatus(Model, frozen=True, kw_only=True, rename="camel"):
    """The brokerage session's flags (``POST /iserver/auth/status``).

    Attributes:
        authenticated: whether the brokerage session is open. An open session may not be usable
            yet. If it is false, somebody may still be logged in.
        established: whether the session is set up and usable. Trade only when this is true. Older
            gateways do not send it.
        connected: whether the gateway is connected to IBKR's backend.
        competing: whether the user name is in use somewhere else.
        message: message of the gateway, usually empty.
        fail: reason why it is not authenticated, usually empty.
        server_info: the server behind the session.
        hardware_info: the gateway's machine.
        mac: the gateway's network address (``MAC``).
        passed: whether IBKR accepted the call that opens the session
            (``POST /iserver/auth/ssodh/init``); other calls do not send it.
    """

    authenticated: Maybe[bool] = UNSET
    established: Maybe[bool] = UNSET
    connected: Maybe[bool] = UNSET
    competing: Maybe[bool] = UNSET
    message: Maybe[str] = UNSET
    fail: Maybe[str] = UNSET
    server_info: Maybe[ServerInfo] = UNSET
    hardware_info: Maybe[str] = msgspec.field(default=UNSET, name="hardware_info")
    mac: Maybe[str] = msgspec.field(default=UNSET, name="MAC")
    passed: Maybe[bool] = UNSET

    @property
    def ready(self) -> bool:
        """Whether the session is usable: established, or authenticated if that flag is missing."""
        if self.established is UNSET or self.established is None:
            return self.authenticated is True
        return self.authenticated is True and self.established is True


class TickleHmds(Model, frozen=True, kw_only=True, rename="camel"):
    """The historical data farm's part of the response to a tickle.

    Attributes:
        error: why it has no session.
    """

    auth_status: Maybe[list[Any]] = UNSET
    error: Maybe[str] = UNSET


class TickleServer(Model, frozen=True, kw_only=True, rename="camel"):
    """Brokerage part of the response to a tickle.

    Attributes:
        auth_status: flags of the brokerage session.
    """

    auth_status: Maybe[AuthStatus] = UNSET


class Tickle(Model, frozen=True, kw_only=True, rename="camel"):
    """Response to a tickle, the keepalive call (``POST /tickle``).

    Attributes:
        session: token of the session; a secret, so the repr leaves it out.
        sso_expires_ms: milliseconds until the login's token expires (``ssoExpires``). The token
            renews itself. 0 if the session has ended.
        iserver: the part about the brokerage session.
        hmds: part about the historical data farm.
        collision: unused; IBKR spells it ``collission``.
        user_id: number of the user.
    """

    session: Maybe[str] = UNSET
    sso_expires_ms: Maybe[int] = msgspec.field(default=UNSET, name="ssoExpires")
    iserver: Maybe[TickleServer] = UNSET
    hmds: Maybe[TickleHmds] = UNSET
    collision: Maybe[bool] = msgspec.field(default=UNSET, name="collission")
    user_id: Maybe[int] = UNSET

    @property
    def status(self) -> AuthStatus | None:
        """Flags of the brokerage session; None if the response has none."""
        status = self.iserver.auth_status if self.iserver else None
        return status or None

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return shown(self, "session")
