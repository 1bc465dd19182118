"""Keeping secrets out of errors and logs."""

from __future__ import annotations

import re

_SECRETS = re.compile(
    r"""(?ix)
    (\\?["']?\b(?:session(?:id|token)?|token|access_token|oauth_token|password|secret|cookie|
        x-sess-uuid|jsessionid|xyzab|authorization|credential|mac|hardware_info)\\?["']?
     \s*[:=]\s*(?:\\?["'])?(?:(?:bearer|basic)\s+)?)
    ((?:[^"',;&\s}\\]|\\(?!["']))+)
    """,
)
_BLANK = re.compile(r"\s+")


def redact(text: str) -> str:
    """Replace what looks like a token, cookie or password."""
    return _SECRETS.sub(r"\1***", text)


def excerpt(body: bytes, limit: int = 200) -> str:
    """Return the beginning of an answer as one line of text without secrets."""
    text = body[: limit * 4].decode("utf-8", "replace").replace("\x00", "\\0")
    text = redact(_BLANK.sub(" ", text).strip())
    return text if len(text) <= limit else text[: limit - 1] + "…"
