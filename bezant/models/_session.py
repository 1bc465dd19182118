"""Responses about the session."""

from __future__ import annotations

from typing import Any

import msgspec

from ._base import UNSET, Maybe, Model
from ._secret import shown

__all__ = ["AuthStatus", "ServerInfo", "Tickle", "TickleHmds", "TickleServer"]


class ServerInfo(Model, frozen=True, kw_only=True, rename="camel"):
    """The server behind the session.

    Attributes:
        server_name: its name.
        server_version: its build.
    """

    server_name: Maybe[str] = UNSET
    server_version: Maybe[str] = UNSET


class AuthStatus(Model, frozen=True, kw_only=True, rename="camel"):
    """The brokerage session's flags (``POST /iserver/auth/status``).

    Attributes:
        authenticated: the brokerage session is open; it may still not be usable. If it is false,
            somebody can be logged in all the same.
        established: set up and usable. Trade only when this is true. Older gateways leave it out.
        connected: the gateway has a line to the backend.
        competing: the user name is in use somewhere else.
        message: the gateway's words, most often empty.
        fail: why it is not authenticated, most often empty.
        server_info: the server behind the session.
        hardware_info: the gateway's machine.
        mac: the gateway's network address (``MAC``).
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

    @property
    def ready(self) -> bool:
        """Whether the session can be used: established, or authenticated where that is missing."""
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
    """The brokerage part of a tickle's answer.

    Attributes:
        auth_status: the session's flags.
    """

    auth_status: Maybe[AuthStatus] = UNSET


class Tickle(Model, frozen=True, kw_only=True, rename="camel"):
    """The answer to the keepalive call (``POST /tickle``).

    Attributes:
        session: the session's token; a secret, so it is not shown.
        sso_expires_ms: milliseconds until the login's token ends, which renews itself
            (``ssoExpires``); 0 when the session is gone.
        iserver: the brokerage session's part.
        hmds: the historical data farm's part.
        collision: unused; spelled so by IBKR (``collission``).
        user_id: the user's number.
    """

    session: Maybe[str] = UNSET
    sso_expires_ms: Maybe[int] = msgspec.field(default=UNSET, name="ssoExpires")
    iserver: Maybe[TickleServer] = UNSET
    hmds: Maybe[TickleHmds] = UNSET
    collision: Maybe[bool] = msgspec.field(default=UNSET, name="collission")
    user_id: Maybe[int] = UNSET

    @property
    def status(self) -> AuthStatus | None:
        """The brokerage session's flags, where the answer has them."""
        status = self.iserver.auth_status if self.iserver else None
        return status or None

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return shown(self, "session")
