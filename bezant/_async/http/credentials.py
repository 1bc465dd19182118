"""Secret headers for a proxy in front of the gateway, from the user's setting or function."""

from __future__ import annotations

from ..._core.settings.connection import Credentials, SecretHeader
from ..._core.settings.credentials import all_headers
from ..._runtime import _async as rt
from ...errors import CredentialsUnavailable, HttpTimeout


async def headers_for(
    credentials: Credentials, seconds: float, operation: str | None = None
) -> tuple[SecretHeader, ...]:
    """Return the secret headers to add to one request.

    Args:
        credentials: the client's setting: headers, or a function that returns headers.
        seconds: maximum seconds that the user's function may take.
        operation: name of the call, for error messages; None if there is no call to name.

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
