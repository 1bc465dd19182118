"""The frames that nearly every message comes in, cut out of the bytes at once.

The WebSocket libraries take several times as long for a frame as its message takes to be decoded.
They still get every other frame: control frames, fragments, long ones, and what is not allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

# Quotes come in small frames; nothing that the gateway forwards is longer than 64 KiB.
MAX_MESSAGE: Final = 16 * 1024 * 1024

# Whole, unmasked, without extensions: text and binary.
_PLAIN: Final = (0x81, 0x82)
_TWO_BYTES, _EIGHT_BYTES = 126, 127


def plain_messages(data: bytes, start: int, put: Callable[[bytes], object]) -> int:
    """Hand over the messages of the plain frames that stand in a row.

    Args:
        data: what a server sent, from the beginning of a frame on.
        start: where a frame begins.
        put: is given each message.

    Returns:
        Where the first frame begins that is not plain, or not there to its end.
    """
    end = len(data)
    while end - start > 1 and data[start] in _PLAIN:
        length = data[start + 1]
        begin = start + 2
        if length == _TWO_BYTES:
            begin += 2
            if begin > end:
                break
            length = data[start + 2] << 8 | data[start + 3]
        elif length > _TWO_BYTES:  # a long one, or masked
            break
        stop = begin + length
        if stop > end:
            break
        put(data[begin:stop])
        start = stop
    return start


def frame_end(data: bytes, start: int, longest: int) -> int:
    """Return where the frame that begins at `start` ends, even if not all of it has come.

    If its header is incomplete, return where the header ends as far as that is known. A frame that
    no server may send, or that is too long, has no end: it is the rest of the bytes.
    """
    end = len(data)
    if end - start < 2:
        return start + 2
    length = data[start + 1]
    begin = start + 2
    if length >= _TWO_BYTES:
        if length > _EIGHT_BYTES:  # masked
            return end
        begin += 2 if length == _TWO_BYTES else 8
        if begin > end:
            return begin
        length = int.from_bytes(data[start + 2 : begin], "big")
    return end if length > longest else begin + length
