"""Finds where an HTTP/1.1 response ends in the bytes of its connection.

The HTTP library does not tell whether more bytes arrived after the response that it has read. If
so, these bytes would be taken for the response to the next request.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

_HEAD_END: Final = b"\r\n\r\n"
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.1 ([1-9][0-9]{2})[ \r]")
_FRAMING: Final = re.compile(
    rb"\r\n(content-length|transfer-encoding):[ \t]*([^\r\n]*)", re.IGNORECASE
)
# In bytes. The HTTP library refuses a response with a longer head (status line and headers).
_LONGEST_HEAD: Final = 100 * 1024
_LONGEST_LINE: Final = 4 * 1024
# After a response with one of these statuses, the gateway sends a chunk that does not belong there,
# perhaps a moment later. The end of such a response is therefore never known.
_STATUS_WITHOUT_BODY: Final = (204, 304)

_HEAD, _LENGTH, _SIZE, _CHUNK, _TRAILER, _DONE, _UNKNOWN = range(7)


@cache
def _chunk_size() -> re.Pattern[bytes]:
    return re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")


class ResponseEnd:
    """Finds the end of one response in the bytes of its connection, which you pass to `feed`."""

    __slots__ = ("_left", "_rest", "_state")

    def __init__(self) -> None:
        self._state = _HEAD
        self._rest = b""
        # Number of bytes of the body or of the current chunk that are still to come, including the
        # line break after a chunk.
        self._left = 0

    @property
    def complete(self) -> bool:
        """Whether the end of the response was found, and no bytes have arrived after it."""
        return self._state == _DONE

    def feed(self, data: bytes) -> None:
        """Process the next bytes that the connection has received."""
        # Shortcut for the most frequent case: bytes in the middle of a long body.
        if self._state == _LENGTH and len(data) < self._left:
            self._left -= len(data)
            return
        if self._rest:
            data, self._rest = self._rest + data, b""
        position = 0
        while position < len(data) and self._state != _UNKNOWN:
            if self._state == _HEAD:
                position = self._head(data, position)
            elif self._state in (_LENGTH, _CHUNK):
                position = self._body(data, position)
            elif self._state == _SIZE:
                position = self._size(data, position)
            elif self._state == _TRAILER:
                position = self._trailer(data, position)
            else:  # bytes follow the end of the response
                self._state = _UNKNOWN

    def _wait(self, data: bytes, position: int, longest: int) -> int:
        """Keep the incomplete line at `position` until more bytes arrive.

        If the line is already longer than `longest` bytes, the end of the response counts as
        unknown. The result is the end of `data`.
        """
        self._rest = data[position:]
        if len(self._rest) > longest:
            self._state = _UNKNOWN
        return len(data)

    def _head(self, data: bytes, position: int) -> int:
        end = data.find(_HEAD_END, position)
        if end < 0:
            return self._wait(data, position, _LONGEST_HEAD)
        status = _STATUS_LINE.match(data, position)
        if status is None:
            self._state = _UNKNOWN
            return end
        code = int(status[1])
        if code >= 200:
            bodiless = code in _STATUS_WITHOUT_BODY
            self._state = _UNKNOWN if bodiless else self._framing(data[position:end])
        elif code == 101:
            self._state = _UNKNOWN
        return end + len(_HEAD_END)

    def _framing(self, head: bytes) -> int:
        found = _FRAMING.findall(head)
        # Without such a header, the body ends when the connection is closed. Several headers
        # contradict each other.
        if len(found) != 1:
            return _UNKNOWN
        name, value = found[0][0].lower(), found[0][1].strip(b" \t")
        if name == b"transfer-encoding":
            return _SIZE if value.lower() == b"chunked" else _UNKNOWN
        if not value.isdigit() or len(value) > 15:
            return _UNKNOWN
        self._left = int(value)
        return _LENGTH if self._left else _DONE

    def _body(self, data: bytes, position: int) -> int:
        taken = min(self._left, len(data) - position)
        self._left -= taken
        if not self._left:
            self._state = _DONE if self._state == _LENGTH else _SIZE
        return position + taken

    def _size(self, data: bytes, position: int) -> int:
        size = _chunk_size().match(data, position)
        if size is None:
            if data.find(b"\n", position) >= 0:
                self._state = _UNKNOWN
            return self._wait(data, position, _LONGEST_LINE)
        length = int(size[1], 16)
        self._left = length + 2
        self._state = _CHUNK if length else _TRAILER
        return size.end()

    def _trailer(self, data: bytes, position: int) -> int:
        end = data.find(b"\r\n", position)
        if end < 0:
            return self._wait(data, position, _LONGEST_LINE)
        if end == position:
            self._state = _DONE
        return end + 2
