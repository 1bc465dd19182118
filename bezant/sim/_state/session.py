"""State of the login and the brokerage session of the simulated gateway."""

from __future__ import annotations

import itertools
import random
import threading
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

LoginStyle = Literal["redirect", "unauthorized", "html"]
"""Responses to API calls without a login: 302 to the login page, 401, or the login page itself."""

USERNAME = "simulated"
SERVER_INFO = {"serverName": "SimServer01", "serverVersion": "Build 10.44.1d, simulated"}
_MAC = "02:00:00:00:00:01"


def check_style(style: LoginStyle) -> None:
    """Raise an error if a login style is unknown.

    Raises:
        ValueError: the style is unknown.
    """
    if style not in ("redirect", "unauthorized", "html"):
        msg = f"unknown login style {style!r}: use 'redirect', 'unauthorized' or 'html'"
        raise ValueError(msg)


class Session:
    """Login and brokerage session of the simulated gateway. Thread-safe.

    Stores the session's flags, the calls that the client has made, and the market data fields that
    it has requested. A change takes effect with the next request.

    Args:
        seed: seed from which the session tokens are generated.
        on_change: function called after each change.
    """

    def __init__(self, seed: int, on_change: Callable[[], None]) -> None:
        self._lock = threading.RLock()
        self._seed = seed
        self._on_change = on_change
        self._logins = itertools.count(1)
        self.logged_in: bool = True
        self.client_logged_out: bool = False
        self.login_style: LoginStyle = "redirect"
        self.connected: bool = True
        self.authenticated: bool = True
        self.established: bool = True
        self.competing: bool = False
        self.token: str = ""
        self._forget()

    def _forget(self) -> None:
        """Start a new session: create a token, and forget the calls and fields of the old one."""
        rng = random.Random(f"{self._seed}/login/{next(self._logins)}")
        self.token = f"{rng.getrandbits(128):032x}"
        self.accounts_asked = False
        self.portfolio_asked = False
        self.orders_asked = False
        self.orders_filtered = False
        self.trades_asked = False
        # As at IBKR, a request for trades without `days` uses the value of the request before.
        self.trades_days = 1
        # Contracts that a search has found. IBKR knows the strikes of their options only.
        self.searched: set[int] = set()
        self.gains_asked = False
        self.fields: dict[int, set[str]] = {}
        self.suppressed: set[str] = set()

    def _set(
        self, *, connected: bool, authenticated: bool, established: bool, competing: bool
    ) -> None:
        self.connected = connected
        self.authenticated = authenticated
        self.established = established
        self.competing = competing

    def logout(self, style: LoginStyle = "redirect", *, by_client: bool = False) -> None:
        """End the login.

        Args:
            style: how the gateway responds to API calls from now on.
            by_client: whether a client has ended the login with `POST /logout`.
        """
        check_style(style)
        with self._lock:
            self.logged_in = False
            self.client_logged_out = by_client
            self.login_style = style
            self._set(connected=False, authenticated=False, established=False, competing=False)
            self._forget()
        self._on_change()

    def login(self) -> None:
        """Log in again and open the brokerage session."""
        with self._lock:
            self.logged_in = True
            self._set(connected=True, authenticated=True, established=True, competing=False)
            self._forget()
        self._on_change()

    def drop_brokerage(self) -> None:
        """Close the brokerage session and keep the login."""
        self._lose(connected=True, authenticated=False, competing=False)

    def disconnect(self) -> None:
        """Cut the connection between the gateway and IBKR's servers."""
        self._lose(connected=False, authenticated=False, competing=False)

    def unestablish(self) -> None:
        """Set `authenticated` to True and `established` to False: there is no account data."""
        self._lose(connected=True, authenticated=True, competing=False)

    def compete(self) -> None:
        """Let a competing session of the same user take over the brokerage session."""
        self._lose(connected=True, authenticated=False, competing=True)

    def _lose(self, *, connected: bool, authenticated: bool, competing: bool) -> None:
        with self._lock:
            self._set(
                connected=connected,
                authenticated=authenticated,
                established=False,
                competing=competing,
            )
            self.fields = {}
            self.suppressed = set()
        self._on_change()

    def open_brokerage(self, *, compete: bool) -> None:
        """Open the brokerage session, as `/iserver/auth/ssodh/init` does.

        Args:
            compete: whether to end a competing session of the same user. If False and there is a
                competing session, the method does nothing.
        """
        with self._lock:
            if self.competing and not compete:
                return
            changed = not (self.authenticated and self.established)
            self._set(connected=True, authenticated=True, established=True, competing=False)
        if changed:
            self._on_change()

    @property
    def usable(self) -> bool:
        """Whether the brokerage session is open and has account data."""
        return self.authenticated and self.established

    @property
    def serves_portfolio(self) -> bool:
        """Whether portfolio calls return data.

        They return data even if there is no brokerage session. They return no data only while the
        session is authenticated but not established.
        """
        return self.established or not self.authenticated

    def flags(self) -> dict[str, bool]:
        """Return the flags of the login and of the brokerage session, by name."""
        names = ("logged_in", "authenticated", "established", "connected", "competing")
        with self._lock:
            return {name: getattr(self, name) for name in names}

    def logged_out_status(self) -> dict[str, Any]:
        """Return the status after a client's `POST /logout`: without server, message and MAC."""
        names = ("authenticated", "established", "competing", "connected")
        flags = self.flags()
        return {name: flags[name] for name in names} | {"MAC": None}

    def status(self, *, fail: bool) -> dict[str, Any]:
        """Return the session's status, as in the response to `/iserver/auth/status`.

        Args:
            fail: whether to include the key `fail`, which the status inside `/tickle` lacks.
        """
        with self._lock:
            body: dict[str, Any] = {
                "authenticated": self.authenticated,
                "established": self.established,
                "competing": self.competing,
                "connected": self.connected,
                "message": "",
                "MAC": _MAC,
                "serverInfo": SERVER_INFO,
                "hardware_info": f"5110c0de|{_MAC}",
            }
        if fail:
            body["fail"] = ""
        return body

    def sts(self) -> dict[str, Any]:
        """Return the WebSocket message of the session's state (topic `sts`)."""
        with self._lock:
            return {
                "topic": "sts",
                "args": {
                    "connected": self.connected,
                    "authenticated": self.authenticated,
                    "established": self.established,
                    "competing": self.competing,
                    "message": "",
                    "fail": "",
                },
            }
