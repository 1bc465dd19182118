"""Reader of WebSocket frames: turns received bytes into messages.

The core reads plain frames, which nearly all messages use. The protocol of the websockets package
reads all other frames. The protocol gets whole frames only, so it is never in the middle of a
frame.
"""

from __future__ import annotations

from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from ..._core.stream.framing import MAX_MESSAGE, frame_end, plain_messages
from ...errors import WsClosed, WsError, WsProtocolError
from .debug_logs import websocket_logger

# websockets ends a connection with one of these codes: invalid frame, invalid UTF-8, message too
# long.
_BROKEN = (1002, 1007, 1009)


class FrameReader:
    """Reads the frames of one connection; no I/O and no locks.

    Attributes:
        messages: received messages that were not taken yet.
        error: error that ended the connection; None while it is open.
    """

    def __init__(self, url: str) -> None:
        self.messages: list[bytes] = []
        self.error: WsError | None = None
        self._protocol = ClientProtocol(
            parse_uri(url), state=OPEN, max_size=MAX_MESSAGE, logger=websocket_logger()
        )
        # The fragments of an incomplete message, joined as they arrive, because a message may have
        # very many short fragments.
        self._fragments: bytearray | None = None
        # `_rest` is the beginning of an incomplete frame. `_needed` is the length that `_rest` must
        # reach before reading can continue.
        self._rest = bytearray()
        self._needed = 0

    def take(self) -> list[bytes]:
        """Return the received messages and remove them."""
        messages, self.messages = self.messages, []
        return messages

    def feed(self, data: bytes) -> None:
        """Process received bytes; empty bytes mean the end of the connection."""
        if self.error is not None:
            return
        if not data:
            self._end()
            return
        if self._rest:
            # The bytes are appended in place, because copying the rest for every few bytes of a
            # long frame is slow.
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest = bytearray()
        start = 0
        while self.error is None:
            if self._fragments is None:
                start = plain_messages(data, start, self.messages.append)
            stop = frame_end(data, start, MAX_MESSAGE)
            if stop > len(data):
                self._rest += data[start:]
                self._needed = stop - start
                return
            self._to_protocol(data[start:stop])
            start = stop

    def _to_protocol(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
                continue
            if event.fin and self._fragments is None:
                self.messages.append(bytes(event.data))
                continue
            if self._fragments is None:
                self._fragments = bytearray()
            self._fragments += event.data
            if event.fin:
                self.messages.append(bytes(self._fragments))
                self._fragments = None
        if self._protocol.close_expected():
            # The reader does not wait for the peer to close the connection, because the peer may
            # hang.
            self._end()

    def _end(self) -> None:
        self._protocol.receive_eof()
        self.error = _closed(self._protocol.close_exc)

    def to_send(self) -> bytes:
        """Return the bytes to send: responses to pings and to a Close frame."""
        return b"".join(self._protocol.data_to_send())

    def text(self, text: str) -> bytes:
        """Return the frame of a text message."""
        self._protocol.send_text(text.encode())
        return self.to_send()

    def close(self) -> bytes:
        """Return a Close frame."""
        self._protocol.send_close(1000)
        return self.to_send()


def _closed(error: ConnectionClosed) -> WsError:
    frame = error.rcvd
    if frame is None and error.sent is not None and error.sent.code in _BROKEN:
        return WsProtocolError(f"the gateway broke the WebSocket protocol: {error.sent.reason}")
    code = frame.code if frame is not None else 1006
    reason = frame.reason if frame is not None else ""
    return WsClosed(f"the WebSocket is closed (code {code})", code=code, reason=reason)
