"""Whether the gateway's session can be used."""

from __future__ import annotations

import sys

from .._sync.client import Client
from ..errors import SessionError
from ..models import AuthStatus

_FLAGS = ("authenticated", "established", "connected", "competing")


def run(gateway: str | None, *, verify: str | bool) -> int:
    """Print the session's flags.

    Args:
        gateway: the base URL; None takes it from the environment.
        verify: how the certificate is checked, as for the client.

    Returns:
        The exit status, 0.

    Raises:
        BezantError: the session cannot be used; its flags were printed where they are known.
    """
    with Client(gateway, verify=verify) as client:
        print(client.base_url)
        sys.stdout.flush()
        try:
            _print(client.health())
        except SessionError as error:
            if error.status is not None:
                _print(error.status)
            raise
    print("The session is ready.")
    return 0


def _print(status: AuthStatus) -> None:
    for name in _FLAGS:
        value = getattr(status, name)
        print(f"{name:<14} {({True: 'yes', False: 'no'}).get(value, 'not said')}")
