"""Stores the cookies that a gateway sets.

Cookies are stored by their name alone, unlike in a browser, which stores them by name and path. If
two cookies of the same name are set for different paths, a browser sends both; IBKR treats that as
a session mismatch and responds with 401.
"""

from __future__ import annotations

import re

_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}"
_VALUE = r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{0,4096}"
_EXPIRED = r"max-age\s*=\s*(?:0|-[0-9]+)\s*$|expires\s*=.*\b(?:19[0-9]{2}|200[0-9])\b"
_LIMIT = 50
# Longest Set-Cookie header, in bytes. Browsers accept 4 kB of name and value and 1 kB of each
# attribute, so no valid header is longer.
_LONGEST = 16 * 1024


class CookieJar:
    """Cookies of one gateway, with one value for each name."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<CookieJar with {len(self._values)} cookies>"

    def store(self, set_cookie: str) -> None:
        """Store the cookie of a Set-Cookie header.

        If the header says that the cookie has expired, the stored cookie is removed. A header that
        is not valid is ignored.
        """
        pair, *attributes = set_cookie[:_LONGEST].split(";")
        name, equals, value = pair.partition("=")
        name, value = name.strip(), value.strip().strip('"')
        if not equals or not re.fullmatch(_NAME, name) or not re.fullmatch(_VALUE, value):
            return
        if any(re.match(_EXPIRED, attribute.strip().lower()) for attribute in attributes):
            self._values.pop(name, None)
        elif name in self._values or len(self._values) < _LIMIT:
            self._values[name] = value

    def header(self, session: str = "") -> str:
        """Return the Cookie header's value; empty if there are no cookies.

        Args:
            session: the session's token, to be sent as the cookie ``api`` when a WebSocket is
                opened; empty for none. The gateway does not need this cookie, but IBKR's own host
                does.
        """
        values = dict(self._values)  # a copy, because another thread may store a cookie meanwhile
        if session and re.fullmatch(_VALUE, session):
            values["api"] = session
        return "; ".join(f"{name}={value}" for name, value in values.items())

    def clear(self) -> None:
        """Remove all cookies."""
        self._values.clear()
