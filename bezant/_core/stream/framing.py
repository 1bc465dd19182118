"""Fast reader for plain WebSocket frames: unmasked, below 64 KiB, each with a whole message.

Nearly all frames are plain. For these, a WebSocket library takes several times as long as the
decoding of the message. The library still gets all other frames: control frames, fragments, long
frames and invalid ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

# Longest message, in bytes. Real messages are much shorter: quotes come in small frames, and the
# gateway forwards nothing longer than 64 KiB.
MAX_MESSAGE: Final = 16 * 1024 * 1024

# First byte of a text or binary frame that holds a whole message and uses no extension.
_PLAIN: Final = (0x81, 0x82)
_TWO_BYTES, _EIGHT_BYTES = 126, 127


def plain_messages(data: bytes, start: int, put: Callable[[bytes], object]) -> int:
    """Read consecutive plain frames and pass their messages to `put`.

    Args:
        data: bytes received from the server.
        start: position in the bytes where a frame begins.
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
        elif length > _TWO_BYTES:  # a long or a masked frame
            break
        stop = begin + length
        if stop > end:
            break
        put(data[begin:stop])
        start = stop
    return start


def frame_end(data: bytes, start: int, longest: int) -> int:
    """Return the position where the frame that begins at `start` ends.

    The frame may be incomplete; the result is then beyond the end of `data`.

    If the header of the frame is incomplete, the result is the position where the header ends,
    as far as that is known. For a frame that a server must not send, or that is longer than
    `longest` bytes, the result is the end of `data`.
    """
    end = len(data)
    if end - start < 2:
        return start + 2
    length = data[start + 1]
    begin = start + 2
    if length >= _TWO_BYTES:
        if length > _EIGHT_BYTES:  # masked, which a server must not send
            return end
        begin += 2 if length == _TWO_BYTES else 8
        if begin > end:
            return begin
        length = int.from_bytes(data[start + 2 : begin], "big")
    return end if length > longest else begin + length
