"""Checks the headers that the user adds to every request for a proxy in front of the gateway."""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from typing import Final, cast

from ..._wire.redaction import Secret, shown
from ...errors import BezantError, InvalidRequest
from .base_url import BaseUrl
from .connection import Credentials, SecretHeader

# Longest headers of the user, in bytes. The gateway accepts 8 kB of headers, and half of that is
# kept for its cookies and the client's own headers.
MAX_LENGTH: Final = 4096

_NAME: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_VISIBLE: Final = r"[\x21-\x7e\xa1-\xff]"
_VALUE: Final = rf"{_VISIBLE}(?:[\t\x20-\x7e\xa0-\xff]*{_VISIBLE})?"

_FRAMING: Final = "it says how a message is sent, which the client decides for each message"
_BODY: Final = "it describes the body, which the client writes and reads"
_ORIGIN: Final = "the gateway responds with 401 to any other than its own"
# Headers that the user must not set, because the client does. Value: the reason, or what the user
# should do instead.
_OURS: Final[Mapping[str, str]] = {
    "host": "it is the host of base_url",
    "user-agent": "pass user_agent=... instead",
    "cookie": (
        "the client sends the cookies that it has received, and IBKR ends a session that has two "
        "cookies of one name"
    ),
    "origin": _ORIGIN,
    "referer": _ORIGIN,
    "proxy-authorization": "put the user name and the password into the URL of proxy=... instead",
    **dict.fromkeys(
        (
            *("connection", "content-length", "expect", "keep-alive", "proxy-connection", "te"),
            *("trailer", "transfer-encoding", "upgrade"),
        ),
        _FRAMING,
    ),
    **dict.fromkeys(
        ("accept", "accept-encoding", "content-encoding", "content-type"),
        _BODY,
    ),
}
_OUR_PREFIX: Final = "sec-websocket-"

# Shorter secrets are not hidden in error texts, because they may occur in ordinary words.
_HIDDEN_LENGTH: Final = 6


def choose_credentials(base_url: BaseUrl, headers: object, auth: object) -> Credentials | None:
    """Return the headers to add to every request; None without one.

    Args:
        base_url: the gateway.
        headers: a mapping of names to values, or None.
        auth: a user name and a password, a function that returns headers, or None.

    Raises:
        InvalidRequest: the headers cannot be sent, would replace one of the client's own headers,
            or would be sent over a network unencrypted.
    """
    fixed = () if headers is None else _checked(headers, "headers")
    source: Callable[[], object] | None = None
    if isinstance(auth, tuple):
        fixed = _merged(fixed, (("Authorization", _basic(cast("tuple[object, ...]", auth))),))
    elif callable(auth):
        source = cast("Callable[[], object]", auth)
    elif auth is not None:
        raise InvalidRequest(
            "auth must be a tuple of user name and password or a function that returns headers, "
            f"not {type(auth).__name__}"
        )
    if not fixed and source is None:
        return None
    if base_url.scheme == "http" and not base_url.is_loopback:
        raise InvalidRequest(
            f"headers and auth would be sent to {base_url.root} unencrypted; use a base_url that "
            "begins with https://"
        )
    return Credentials(fixed, source)


def all_headers(credentials: Credentials, given: object) -> tuple[SecretHeader, ...]:
    """Return all headers of one request.

    Args:
        credentials: the credentials of the client.
        given: the headers that the user's function ``auth`` returned.

    Raises:
        InvalidRequest: the headers cannot be sent.
    """
    close = getattr(given, "close", None)
    if hasattr(given, "__await__") and callable(close):
        close()  # or Python would warn about a coroutine never awaited
        raise InvalidRequest(
            "auth is an asynchronous function, which only AsyncClient can call; nothing was sent; "
            "pass a function that returns the headers"
        )
    return _merged(credentials.headers, _checked(given, "the headers that auth returned"))


def _basic(pair: tuple[object, ...]) -> Secret:
    user, password = pair if len(pair) == 2 else (None, None)
    if (
        not isinstance(user, str)
        or not isinstance(password, str)
        or ":" in user
        or not (user + password).isprintable()
    ):
        raise InvalidRequest(
            "auth must be a tuple of two texts, user name and password, without control "
            "characters; the user name must not contain a colon"
        )
    return Secret("Basic " + b2a_base64(f"{user}:{password}".encode(), newline=False).decode())


def _checked(given: object, what: str) -> tuple[SecretHeader, ...]:
    """Check the user's headers, and return them. Errors do not show values or invalid names."""
    if not isinstance(given, Mapping):
        raise InvalidRequest(
            f"{what} must be a mapping of names to values such as "
            f"{{'Authorization': 'Bearer ...'}}, not {type(given).__name__}"
        )
    found: tuple[SecretHeader, ...] = ()
    for number, (name, value) in enumerate(cast("Mapping[object, object]", given).items(), 1):
        if not isinstance(name, str) or not re.fullmatch(_NAME, name):
            raise InvalidRequest(
                f"{what}: name {number} must be text of letters, digits and hyphens, such as "
                "'CF-Access-Client-Id'"
            )
        lower = name.lower()
        reason = _FRAMING if lower.startswith(_OUR_PREFIX) else _OURS.get(lower)
        if reason is not None:
            raise InvalidRequest(f"{what} must not contain {shown(name)}: {reason}")
        if not isinstance(value, str):
            raise InvalidRequest(f"{what}: {name} must be text, not {type(value).__name__}")
        if not re.fullmatch(_VALUE, value):
            raise InvalidRequest(
                f"{what}: the value of {name} is empty, begins or ends with a blank or a line "
                "break, or contains control characters or characters outside of Latin-1; if it "
                "was read from a file, use .strip()"
            )
        found = _merged(found, ((name, Secret(value)),))
    if sum(len(name) + len(value.value) + 4 for name, value in found) > MAX_LENGTH:
        raise InvalidRequest(f"{what} are longer than {MAX_LENGTH:,} bytes; send fewer or shorter")
    return found


def _merged(
    first: tuple[SecretHeader, ...], second: tuple[SecretHeader, ...]
) -> tuple[SecretHeader, ...]:
    names = {name.lower() for name, _ in first}
    for name, _ in second:
        if name.lower() in names:
            raise InvalidRequest(
                f"headers and auth set {shown(name)} twice; leave one of the two out"
            )
    return (*first, *second)


def hide(error: BezantError, secrets: tuple[SecretHeader, ...]) -> None:
    """Replace secrets by ``***`` in an error's texts, which may quote a response that has them.

    The function also changes the errors that caused this error.
    """
    each: BaseException | None = error
    while each is not None:
        if isinstance(each, BezantError):
            _hide_in(each, secrets)
        each = each.__cause__ or each.__context__


def _hide_in(error: BezantError, secrets: tuple[SecretHeader, ...]) -> None:
    for _, secret in secrets:
        # A text may contain the value without its scheme, such as "Basic".
        for value in (secret.value, secret.value.rpartition(" ")[2]):
            if len(value) >= _HIDDEN_LENGTH:
                error.message = _without(error.message, value)
                body: object = getattr(error, "body", None)
                if isinstance(body, str):
                    vars(error)["body"] = _without(body, value)
    error.args = (error.message, *error.args[1:])


def _without(text: str, value: str) -> str:
    text = text.replace(value, "***")
    # An excerpt may have cut the value off, so its first characters before "…" are hidden, too.
    for length in range(len(value) - 1, _HIDDEN_LENGTH - 1, -1):
        text = text.replace(value[:length] + "…", "***…")
    return text
