"""Redaction: keeps secrets out of errors, logs and reprs."""

from __future__ import annotations

import re
from typing import Final, cast

# The patterns are strings, because compiling them takes longer than most imports; `re` compiles and
# caches them on first use.
_SECRETS = r"""(?ix)
    (\\?["']?\b(?:session(?:id|token)?|token|access_token|oauth_token|password|secret|cookie|
        x-sess-uuid|jsessionid|xyzab|authorization|credential|mac|hardware_info)\\?["']?
     \s*[:=]\s*(?:\\?["'])?(?:(?:bearer|basic)\s+)?)
    ((?:[^"',;&\s}\\]|\\(?!["']))+)
    """
# This pattern finds IBKR's session tokens (32 hex digits) anywhere in a text.
_BARE = r"(?<![0-9A-Za-z])(?:[0-9a-f]{32,}|[0-9A-F]{32,})(?![0-9A-Za-z])"
# This pattern finds a run of characters that may contain a JSON web token. A pattern for the token
# itself would be slow: it would scan the rest of the text at each possible beginning.
_RUN = r"[\w.-]{13,}"
_SIGNED_HEAD = "eyJ"
_SIGNED_MIN = 11
# These characters can control a terminal or forge a log line.
_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
_SHOWN = 80
# `beginning` redacts this many times the length that it shows, because redaction shortens text.
_MARGIN = 8
_WORD = "".join(chr(each) for each in range(128) if chr(each).isalnum()) + "-_."
# Fields with these names have secret values. The names are in lower case and without punctuation.
_SECRET_NAMES: Final = frozenset(
    {
        "auth", "authorization", "cookies", "credentials", "hardwareinfo", "jsessionid", "lst",
        "mac", "passwd", "pwd", "session", "setcookie", "userid", "xsessuuid", "xyzab", "xyzabam",
    }
)  # fmt: skip
_SECRET_ENDINGS: Final = ("cookie", "credential", "password", "secret", "sessionid", "token")
# Fields with these names have the user's own ids, which may look like tokens.
_ID_NAMES: Final = frozenset({"coid", "executionid", "localorderid", "orderref"})
_DEEPEST: Final = 30


def redact(text: str) -> str:
    """Replace anything that looks like a token, cookie or password; escape control characters."""
    return re.sub(_CONTROL, lambda match: repr(match[0])[1:-1], _without_secrets(text))


def _without_secrets(text: str) -> str:
    text = re.sub(_BARE, "***", re.sub(_SECRETS, r"\1***", text))
    return re.sub(_RUN, _without_web_token, text)


def without_secrets(value: object, name: str = "", depth: int = 0) -> object:
    """Return a copy of a value for a repr, with the secrets in it replaced.

    Args:
        value: JSON values; any other value is returned as it is.
        name: name of the value's field, which may mark it as a secret.
        depth: nesting depth of the value.
    """
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    if plain in _SECRET_NAMES or plain.endswith(_SECRET_ENDINGS):
        return value if value is None or isinstance(value, bool) or value == "" else "***"
    if isinstance(value, str):
        return value if plain in _ID_NAMES else _without_secrets(value)
    if isinstance(value, bytes):
        return _without_secrets(value.decode("latin-1")).encode("latin-1")
    if not isinstance(value, dict | list):
        return value
    if depth >= _DEEPEST:
        return "..."
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [without_secrets(each, "", depth + 1) for each in items]
    fields = cast("dict[object, object]", value)
    return {
        _without_secrets(key) if isinstance(key, str) else key: without_secrets(
            each, str(key), depth + 1
        )
        for key, each in fields.items()
    }


def _without_web_token(match: re.Match[str]) -> str:
    """Return the matched text with ``***`` from the beginning of a JSON web token on.

    A match without such a token is returned unchanged.
    """
    run = match[0]
    start = run.find(_SIGNED_HEAD)
    while start >= 0:
        dot = run.find(".", start)
        if dot < 0:
            break
        if dot - start >= _SIGNED_MIN and not run[start - 1 : start].isalnum():
            return run[:start] + "***"
        start = run.find(_SIGNED_HEAD, start + 1)
    return run


def beginning(text: str, limit: int) -> str:
    """Return the beginning of a text, up to ``limit`` characters, without secrets."""
    head = redact(text[: limit * _MARGIN])
    if len(head) > limit:
        return head[: limit - 1] + "…"
    # The last word is dropped, because the cut may have split a token, and `redact` does not
    # recognize a part of a token.
    return head if len(text) <= limit * _MARGIN else head.rstrip(_WORD) + "…"


def shown(value: object) -> str:
    """Return a short repr of a value for an error message; never raises."""
    try:
        text = repr(value[:_SHOWN] if isinstance(value, str | bytes) else value)
    except Exception:  # noqa: BLE001 - a number of 5000 digits, a deep list, a repr that fails
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def excerpt(body: bytes, limit: int = 200) -> str:
    """Return the beginning of a response body as one line of text without secrets."""
    text = body[: limit * _MARGIN * 2].decode("utf-8", "replace").replace("\x00", "\\0")
    return beginning(re.sub(r"\s+", " ", text).strip(), limit)


class Secret:
    """Secret text that no repr shows.

    Some tools print the local variables of a traceback. A `Secret` is not a str, because such tools
    print the text of a str without calling its repr.

    Attributes:
        value: the secret, for the code that sends it.
    """

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value: str = value

    def __repr__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self.value)
