"""Raw requests to a gateway, without bezant, to compare the responses of two gateways."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import ssl
import struct
import time


def connect(port: int, *, tls: bool = True) -> socket.socket:
    """Open a connection without certificate checks."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=3)
    if not tls:
        return plain
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context.wrap_socket(plain)


def _read(sock: socket.socket, seconds: float) -> tuple[bytes, bool]:
    """Return the bytes that arrive within `seconds`, and whether the connection was closed."""
    data = b""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            piece = sock.recv(65536)
        except TimeoutError:
            break
        except OSError:
            return data, True
        if not piece:
            return data, True
        data += piece
    return data, False


def request(
    method: str, target: str, *headers: str, body: bytes = b"", version: str = "1.1"
) -> bytes:
    """Return a request's bytes; ``only`` as the first header omits Host and User-Agent."""
    lines = [f"{method} {target} HTTP/{version}"]
    if headers[:1] == ("only",):
        lines += headers[1:]
    else:
        lines += ["Host: localhost", "User-Agent: bezant-tests", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def asked(port: int, data: bytes, *, tls: bool = True, seconds: float = 0.4) -> str:
    """Send bytes, and return a summary of the response: status, form and whether it closed."""
    with contextlib.closing(connect(port, tls=tls)) as sock:
        sock.sendall(data)
        answer, closed = _read(sock, seconds)
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    said = [lines[0].partition(" ")[2] if answer else "nothing"]
    names = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines[1:]}
    if "location" in names:
        said.append("to " + names["location"].partition("://")[2].partition("/")[2])
    if "chunked" in names.get("transfer-encoding", ""):
        said.append("chunked")
        body = _joined(body)
    if "content-length" in names:
        said.append("with a length")
    if answer.startswith(b"HTTP/1.1 101"):
        return said[0]
    if body and not body.startswith((b"<", b"{", b"[")):
        said.append(repr(body[:40].decode("latin-1")))
    if closed:
        said.append("closed")
    return ", ".join(each for each in said if each)


def _joined(chunks: bytes) -> bytes:
    found = b""
    while (size := int(chunks.partition(b"\r\n")[0] or b"0", 16)) > 0:
        start = chunks.index(b"\r\n") + 2
        found += chunks[start : start + size]
        chunks = chunks[start + size + 2 :]
    return found


def tls_facts(port: int) -> str:
    """Return the negotiated TLS version and the protocol negotiated by ALPN."""
    with contextlib.closing(connect(port)) as sock:
        assert isinstance(sock, ssl.SSLSocket)
        return f"{sock.version()}, ALPN {sock.selected_alpn_protocol()}"


def opened(
    port: int,
    *frames: bytes,
    path: str = "/v1/api/ws",
    version: str = "13",
    wait: float = 0.3,
    seconds: float = 0.5,
) -> str:
    """Open a WebSocket, wait, send frames, and return what came back as text."""
    key = base64.b64encode(os.urandom(16)).decode()
    shake = request(
        "GET",
        path,
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        f"Sec-WebSocket-Version: {version}",
        "Sec-WebSocket-Extensions: permessage-deflate",
        "Sec-WebSocket-Protocol: chat",
    )
    with contextlib.closing(connect(port)) as sock:
        sock.sendall(shake)
        first, closed = _read(sock, wait)
        head, _, rest = first.partition(b"\r\n\r\n")
        status = head.split(b"\r\n")[0].decode().partition(" ")[2]
        extra = sorted(
            line.partition(b":")[0].lower().decode()
            for line in head.split(b"\r\n")[1:]
            if line.lower().startswith((b"sec-websocket-ext", b"sec-websocket-pro"))
        )
        if not status.startswith("101"):
            return status
        if not frames:
            kinds = sorted({opcode for opcode, _ in parsed(rest)})
            return ", ".join([status.partition(" ")[0], *extra, f"opcodes {kinds}"])
        said: list[str] = []
        for each in frames:
            with contextlib.suppress(OSError):
                sock.sendall(each)
        answer, closed = _read(sock, seconds)
    for opcode, data in parsed(answer):
        if opcode == 8:
            said.append(f"close {struct.unpack('!H', data[:2])[0] if data else None}")
        elif opcode == 10:
            said.append(f"pong {data.decode()}")
        elif data.startswith((b"ech", b"smd", b"x")):
            said.append(data[:20].decode())
    return ", ".join(said + ["TCP closed"] * closed) or "nothing"


def frame(data: bytes, opcode: int = 1, *, final: bool = True) -> bytes:
    """Return the bytes of a client's WebSocket frame, with a mask of zero."""
    head = bytes([(0x80 if final else 0) | opcode])
    if len(data) < 126:
        head += bytes([0x80 | len(data)])
    elif len(data) < 65536:
        head += b"\xfe" + struct.pack("!H", len(data))
    else:
        head += b"\xff" + struct.pack("!Q", len(data))
    return head + bytes(4) + data


def parsed(data: bytes) -> list[tuple[int, bytes]]:
    """Return the opcode and the payload of each complete WebSocket frame."""
    found: list[tuple[int, bytes]] = []
    while len(data) >= 2:
        opcode, size, at = data[0] & 15, data[1] & 127, 2
        if size == 126:
            size, at = struct.unpack("!H", data[2:4])[0], 4
        elif size == 127:
            size, at = struct.unpack("!Q", data[2:10])[0], 10
        if len(data) < at + size:
            break
        found.append((opcode, data[at : at + size]))
        data = data[at + size :]
    return found
