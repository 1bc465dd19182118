"""Keeping secrets out of errors and logs."""

from __future__ import annotations

import re

# Compiled when first needed, as by `re` itself: that takes longer than most imports.
_SECRETS = r"""(?ix)
    (\\?["']?\b(?:session(?:id|token)?|token|access_token|oauth_token|password|secret|cookie|
        x-sess-uuid|jsessionid|xyzab|authorization|credential|mac|hardware_info)\\?["']?
     \s*[:=]\s*(?:\\?["'])?(?:(?:bearer|basic)\s+)?)
    ((?:[^"',;&\s}\\]|\\(?!["']))+)
    """


def redact(text: str) -> str:
    """Replace what looks like a token, cookie or password."""
    return re.sub(_SECRETS, r"\1***", text)


def excerpt(body: bytes, limit: int = 200) -> str:
    """Return the beginning of an answer as one line of text without secrets."""
    text = body[: limit * 4].decode("utf-8", "replace").replace("\x00", "\\0")
    text = redact(re.sub(r"\s+", " ", text).strip())
    return text if len(text) <= limit else text[: limit - 1] + "…"
