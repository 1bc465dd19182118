"""Subcommand ``health``: prints whether the gateway's session can be used."""

from __future__ import annotations

import json

from .._sync.client import Client
from ..errors import BezantError, SessionError
from ..models import AuthStatus

_FLAGS = ("authenticated", "established", "connected", "competing")


def run(
    gateway: str | None,
    *,
    verify: str | bool,
    timeout: float = 30.0,
    as_json: bool = False,
) -> int:
    """Print the session's flags.

    Args:
        gateway: base URL of the gateway; None takes it from the environment.
        verify: verification of the certificate, as for the client.
        timeout: seconds for each call; 30 by default.
        as_json: whether to print one JSON object, for other programs; it is printed even if an
            error is raised.

    Returns:
        The exit status: always 0, because a failure raises an error.

    Raises:
        BezantError: the session cannot be used. The session's flags have been printed, if the
            gateway sent them.
    """
    url = gateway
    try:
        with Client(gateway, verify=verify, timeout=timeout) as client:
            url = client.base_url
            if not as_json:
                print(url, flush=True)
            status = client.health()
    except BezantError as error:
        known = error.status if isinstance(error, SessionError) else None
        if as_json:
            said = {
                "type": type(error).__name__,
                "message": str(error),
                "needs_login": isinstance(error, SessionError) and error.needs_login,
            }
            print(json.dumps({"gateway": url, "ready": False, **_flags(known), "error": said}))
        else:
            if isinstance(error, SessionError):
                _print_login(lost=error.needs_login)
            if known is not None:
                _print(known)
        raise
    if as_json:
        print(json.dumps({"gateway": url, "ready": True, **_flags(status), "error": None}))
        return 0
    _print_login(lost=False)
    _print(status)
    print("The session is ready.")
    return 0


def _flags(status: AuthStatus | None) -> dict[str, bool | None]:
    values = {name: getattr(status, name, None) for name in _FLAGS}
    return {name: value if isinstance(value, bool) else None for name, value in values.items()}


def _print_login(*, lost: bool) -> None:
    print(f"{'login':<14} {'no' if lost else 'yes'}")


def _print(status: AuthStatus) -> None:
    for name, value in _flags(status).items():
        print(f"{name:<14} {({True: 'yes', False: 'no'}).get(value, 'not said')}")  # type: ignore[arg-type]
