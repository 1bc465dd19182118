"""`BodyReader`: collects and decompresses the body of a response within a size limit."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

from .messages import TransportError, Trouble

# Every request sends this header. A response in another encoding is an error.
ACCEPTED_ENCODING: Final = ("Accept-Encoding", "gzip")
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


class BodyReader:
    """Collects the chunks of one body and decompresses them within a size limit.

    The limit applies to the received bytes and, separately, to the decompressed bytes.
    Decompression stops at the limit, so a small body cannot fill the memory.

    Args:
        headers: the response's headers, as received.
        limit: maximum length of the body in bytes, both as received and decompressed.

    Raises:
        TransportError: the body has several encodings, or an encoding other than gzip.
    """

    def __init__(self, headers: Iterable[tuple[bytes, bytes]], limit: int) -> None:
        self._limit = limit
        self._chunks: list[bytes] = []
        self._came = 0
        self._length = 0
        encoding = _encoding(headers)
        self._gzip = zlib.decompressobj(_GZIP_WINDOW) if encoding else None

    def feed(self, chunk: bytes) -> None:
        """Take the next chunk of the body.

        Raises:
            TransportError: the body is too long, or is not the gzip data that the headers announce.
        """
        self._came += len(chunk)
        if self._came > self._limit:
            raise self._too_long()
        if self._gzip is not None and chunk:
            chunk = self._decompressed(self._gzip, chunk)
        self._length += len(chunk)
        if self._length > self._limit:
            raise self._too_long()
        self._chunks.append(chunk)

    def _decompressed(self, gzip: zlib._Decompress, chunk: bytes) -> bytes:
        try:
            data = gzip.decompress(chunk, self._limit - self._length + 1)
        except zlib.error as error:
            raise _lost(f"the response's body is not gzip ({error})") from error
        if gzip.unused_data:
            raise _lost("the response's body has bytes after the end of its gzip data")
        return data

    def finish(self) -> bytes:
        """Return the whole body, decompressed.

        Raises:
            TransportError: the body ends in the middle of its compressed data.
        """
        if self._gzip is not None and self._came and not self._gzip.eof:
            raise _lost("the response's body ends in the middle of its gzip data")
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    def _too_long(self) -> TransportError:
        detail = f"the response is longer than max_response_bytes ({self._limit:,})"
        return TransportError(Trouble.TOO_LARGE, detail, sent=True)


def _encoding(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the content encoding that the headers name; empty for none."""
    values = [value for name, value in headers if name.lower() == b"content-encoding"]
    if not values:
        return ""
    text = b",".join(values).decode("latin-1").lower()
    layers = [layer for each in text.split(",") if (layer := each.strip()) not in ("", "identity")]
    if not layers:
        return ""
    if len(layers) > 1 or layers[0] not in _GZIP:
        shown = ", ".join(layers)[:100]
        raise _lost(
            f"the response has the Content-Encoding {shown!r}, and only "
            f"{ACCEPTED_ENCODING[1]!r} was requested"
        )
    return layers[0]


def _lost(detail: str) -> TransportError:
    return TransportError(Trouble.LOST, detail, sent=True)
