"""Fast reader of plain WebSocket frames (whole, short, unmasked), which nearly all frames are.

A WebSocket library needs several times as long for a frame as decoding its message takes. The
library still gets all other frames: control frames, fragments, long frames and invalid ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

# A message may have this many bytes. Quotes come in small frames, and the gateway forwards nothing
# longer than 64 KiB.
MAX_MESSAGE: Final = 16 * 1024 * 1024

# Whole text and binary frames without extensions begin with one of these bytes.
_PLAIN: Final = (0x81, 0x82)
_TWO_BYTES, _EIGHT_BYTES = 126, 127


def plain_messages(data: bytes, start: int, put: Callable[[bytes], object]) -> int:
    """Read consecutive plain frames and pass on their messages.

    Args:
        data: bytes from the server.
        start: position in them where a frame begins.
        put: function called with each message.

    Returns:
        The position of the first frame that is not plain or not complete.
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
        elif length > _TWO_BYTES:  # this is a long or a masked frame
            break
        stop = begin + length
        if stop > end:
            break
        put(data[begin:stop])
        start = stop
    return start


def frame_end(data: bytes, start: int, longest: int) -> int:
    """Return the end of the frame that begins at `start`, even if the frame is incomplete.

    If the frame's header is incomplete, return the end of the header as far as it is known. A frame
    that a server must not send, or that is too long, extends to the end of the bytes.
    """
    end = len(data)
    if end - start < 2:
        return start + 2
    length = data[start + 1]
    begin = start + 2
    if length >= _TWO_BYTES:
        if length > _EIGHT_BYTES:  # the frame is masked
            return end
        begin += 2 if length == _TWO_BYTES else 8
        if begin > end:
            return begin
        length = int.from_bytes(data[start + 2 : begin], "big")
    return end if length > longest else begin + length
