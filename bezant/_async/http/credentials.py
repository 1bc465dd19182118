"""Returns the headers for a proxy in front of the gateway; may call a function of the user."""

from __future__ import annotations

from ..._core.settings.connection import Credentials, SecretHeader
from ..._core.settings.credentials import all_headers
from ..._runtime import _async as rt
from ...errors import CredentialsUnavailable, HttpTimeout


async def headers_for(
    credentials: Credentials, seconds: float, operation: str | None = None
) -> tuple[SecretHeader, ...]:
    """Return the headers to add to one request.

    Args:
        credentials: the client's setting: headers, or a function that returns headers.
        seconds: the longest time that the user's function may take.
        operation: name of the call that errors mention; None for none.

    Raises:
        CredentialsUnavailable: the function raised an error.
        HttpTimeout: the function took too long.
        InvalidRequest: the function returned headers that cannot be sent.
    """
    if credentials.source is None:
        return credentials.headers
    deadline = rt.monotonic() + seconds
    try:
        given = await rt.call_within(seconds, credentials.source)
    except Exception as error:
        if rt.monotonic() >= deadline:
            raise HttpTimeout(
                f"the function passed as auth took longer than {seconds:g} s; nothing was sent",
                operation=operation,
            ) from error
        raise CredentialsUnavailable(
            f"the function passed as auth raised {type(error).__name__}, see __cause__; nothing "
            "was sent",
            operation=operation,
        ) from error
    return all_headers(credentials, given)
