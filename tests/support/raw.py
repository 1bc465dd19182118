"""Gateway on a plain socket that sends scripted bytes and can misbehave on purpose."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self


@dataclass
class RawRequest:
    """A request as received from the socket."""

    line: str
    headers: dict[str, str]
    raw_headers: list[tuple[str, str]]
    body: bytes
    connection: int

    @property
    def method(self) -> str:
        return self.line.split(" ")[0]

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]


class Peer:
    """The server's end of one connection, with methods that send responses."""

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        self.sock = sock
        self.stopping = stopping

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def answer(self, status: str, body: bytes = b"", *headers: str) -> None:
        """Send a complete response."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def json(self, body: bytes, status: str = "200 OK") -> None:
        self.answer(status, body, "Content-Type: application/json")

    def silence(self) -> None:
        """Send nothing until the client closes the connection or the test ends."""
        self.sock.settimeout(0.05)
        while not self.stopping.is_set():
            try:
                if not self.sock.recv(4096):
                    return
            except TimeoutError:
                continue
            except OSError:
                return

    def trickle(self, data: bytes, pause: float = 0.05) -> None:
        """Repeat the first byte of `data` until the connection closes or the test ends."""
        while not self.stopping.wait(pause):
            try:
                self.send(data[:1])
            except OSError:
                return

    def upgrade(self, request: RawRequest) -> None:
        """Complete a WebSocket handshake."""
        key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            f"sec-websocket-accept: {accept}\r\n\r\n".encode()
        )

    def frame(self, data: bytes | str, opcode: int | None = None) -> None:
        """Send one complete frame: text for str, binary for bytes, unless ``opcode`` is given."""
        if isinstance(data, str):
            data, kind = data.encode(), 1
        else:
            kind = 2
        head = bytes([0x80 | (kind if opcode is None else opcode)])
        if len(data) < 126:
            head += bytes([len(data)])
        elif len(data) < 65536:
            head += b"\x7e" + struct.pack("!H", len(data))
        else:
            head += b"\x7f" + struct.pack("!Q", len(data))
        self.send(head + data)

    def frames(self, *data: bytes | str) -> None:
        for each in data:
            self.frame(each)

    def receive(self) -> str:
        """Return the text of the client's next frame, which must be short."""

        def exactly(count: int) -> bytes:
            data = b""
            while len(data) < count:
                if self.stopping.is_set():
                    raise ConnectionAbortedError
                with contextlib.suppress(TimeoutError):
                    more = self.sock.recv(count - len(data))
                    if not more:
                        raise ConnectionResetError
                    data += more
            return data

        self.sock.settimeout(0.05)
        first, second = exactly(2)
        if first & 0x0F == 8:
            raise ConnectionResetError
        length = second & 0x7F
        if length == 126:
            length = int.from_bytes(exactly(2), "big")
        mask = exactly(4)
        text = bytes(byte ^ mask[at % 4] for at, byte in enumerate(exactly(length)))
        self.sock.settimeout(20)
        return text.decode()

    def reset(self) -> None:
        """Break the connection with a TCP reset (RST)."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


Script = Callable[[RawRequest, Peer], object]


class RawGateway:
    """Gateway that handles the n-th request with the n-th script.

    The last script also handles all requests after it.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._stopping = threading.Event()
        self._scripts: deque[Script] = deque()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self.requests: list[RawRequest] = []
        self.connections = 0

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def base_url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/v1/api"

    def script(self, *scripts: Script) -> None:
        self._scripts.extend(scripts)

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._accept, name="raw-gateway", daemon=True)
        self._threads.append(thread)
        thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(20)
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.connections += 1
            thread = threading.Thread(
                target=self._serve, args=(sock, self.connections), name="raw-peer", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), sock:
            if self._tls is None:
                self._serve_requests(sock, number)
                return
            sock.settimeout(10)
            with self._tls.wrap_socket(sock, server_side=True) as encrypted:
                self._serve_requests(encrypted, number)

    def _serve_requests(self, sock: socket.socket, number: int) -> None:
        sock.settimeout(0.05)
        buffer = b""
        while not self._stopping.is_set():
            request, buffer = self._read(sock, buffer, number)
            if request is None:
                return
            with self._lock:
                self.requests.append(request)
                script = self._scripts[0]
                if len(self._scripts) > 1:
                    self._scripts.popleft()
            sock.settimeout(20)
            script(request, Peer(sock, self._stopping))
            sock.settimeout(0.05)

    def _read(
        self, sock: socket.socket, buffer: bytes, number: int
    ) -> tuple[RawRequest | None, bytes]:
        def more() -> bool:
            nonlocal buffer
            while not self._stopping.is_set():
                try:
                    data = sock.recv(65536)
                except TimeoutError:
                    continue
                buffer += data
                return bool(data)
            return False

        while b"\r\n\r\n" not in buffer:
            if not more():
                return None, b""
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        line, *rest = head.decode("latin-1").split("\r\n")
        pairs = [
            (name.lower(), value.strip()) for name, _, value in (x.partition(":") for x in rest)
        ]
        headers = dict(pairs)
        length = int(headers.get("content-length", "0"))
        while len(buffer) < length:
            if not more():
                return None, b""
        body, buffer = buffer[:length], buffer[length:]
        return RawRequest(line, headers, pairs, body, number), buffer
