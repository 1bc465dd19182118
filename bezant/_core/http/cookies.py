"""The cookie jar.

Keyed by name alone: IBKR reads two cookies of one name, as browsers send them for two paths, as a
session mismatch and answers 401.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}")
_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{0,4096}")
_EXPIRED = re.compile(r"max-age\s*=\s*(?:0|-[0-9]+)\s*$|expires\s*=.*\b(?:19[0-9]{2}|200[0-9])\b")
_LIMIT = 50
# Browsers take 4 kB of name and value, and 1 kB of each attribute.
_LONGEST = 16 * 1024


class CookieJar:
    """The cookies of one gateway, one value for each name."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<CookieJar with {len(self._values)} cookies>"

    def store(self, set_cookie: str) -> None:
        """Take a Set-Cookie header; what is not a cookie is ignored."""
        pair, *attributes = set_cookie[:_LONGEST].split(";")
        name, equals, value = pair.partition("=")
        name, value = name.strip(), value.strip().strip('"')
        if not equals or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            return
        if any(_EXPIRED.match(attribute.strip().lower()) for attribute in attributes):
            self._values.pop(name, None)
        elif name in self._values or len(self._values) < _LIMIT:
            self._values[name] = value

    def header(self, session: str = "") -> str:
        """Return the Cookie header's value; empty if there are no cookies.

        Args:
            session: the session's token, for the WebSocket. The gateway does not need it as a
                cookie, but IBKR's own host does.
        """
        values = dict(self._values)  # a copy, because another thread may store one meanwhile
        if session and _VALUE.fullmatch(session):
            values["api"] = session
        return "; ".join(f"{name}={value}" for name, value in values.items())

    def clear(self) -> None:
        """Forget all."""
        self._values.clear()
