"""Resolves HTML escapes: the gateway sends names as ``Oil&amp;Gas`` and ``&#x516C;&#x53F8;``."""

from __future__ import annotations

import html
import re
from functools import cache
from typing import Final

import msgspec

_REMEMBERED: Final = 4096
_LONGEST: Final = 100


class _Texts(dict[bytes, bytes]):
    """Cache of JSON texts with resolved escapes, because portfolio pages repeat most texts."""

    def __missing__(self, text: bytes) -> bytes:
        resolved = _escapes().sub(_resolved, text)
        if len(text) <= _LONGEST:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[text] = resolved
        return resolved


_texts: Final = _Texts()


@cache
def _escapes() -> re.Pattern[bytes]:
    return re.compile(rb"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,7});")


def _resolved(match: re.Match[bytes]) -> bytes:
    # The slice removes the quotes around the JSON text. `html.unescape` returns what only looks
    # like an escape unchanged.
    return msgspec.json.encode(html.unescape(match[0].decode()))[1:-1]


def unescaped(body: bytes) -> bytes:
    """Return JSON text with its HTML escapes resolved."""
    find, parts, start = body.find, list[bytes](), 0
    while (first := find(b"&", start)) >= 0 and (end := find(b'"', first)) >= 0:
        parts += (body[start:first], _texts[body[first:end]])
        start = end
    return b"".join((*parts, body[start:]))
