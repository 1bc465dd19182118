"""Server with hostile responses: broken headers, hostile JSON, stray responses, silence.

This module uses no HTTP library and writes every byte itself, so it does not repeat an assumption
that the client or the simulated gateway makes. A seeded random generator decides what the server
does, so that a run can be repeated.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
import random
import re
import socket
import ssl
import struct
import threading
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

ACCOUNTS_FIRST = "Please query /accounts first"
_TEXTS = [
    "", "0", "-1", "1e5", "1E+999999999", "-1e-999999999", "9" * 5000, "1" + " " * 5000 + "x",
    "NaN", "Infinity", "nan", "C1.5", "H2", "1,234.5", "1.5K", "12%", "true", "T", "no",
    "2026-11-26", "20261126-10:00:00", "20261332-99:99:99", "Thu Nov 26 10:00:00 EST 2026",
    "\x00", "\u202e", "\ud800", "é" * 100, "<html>", "x" * 3000, "DU1", "AAPL", "Submitted", "BUY",
]  # fmt: skip
_ERRORS = [
    "no bridge", "not authenticated", "Init session first", "Order not confirmed", "unknown",
    "Service Unavailable", "Bad Request: no contracts", "timeout", '{"error":"nested"}', "{}", "",
    "please query /accounts first!", "Please query /accounts", "\u0000",
]  # fmt: skip
_KEYS = [
    "error", "success", "message", "id", "order_id", "order_status", "accounts", "accountId",
    "orders", "snapshot", "conid", "topic", "args", "session", "authenticated", "connected",
    "iserver", "authStatus", "data", "t", "o", "c", "31", "84", "_updated", "position", "quantity",
    "price", "lastExecutionTime", "statusCode", "fail", "hmds",
]  # fmt: skip
_STATUSES = [
    "200 OK", "200 OK", "200 OK", "201 Created", "204 No Content", "302 Found", "304 Not Modified",
    "400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found", "410 Gone",
    "500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable", "599 What",
]  # fmt: skip


def value(chance: random.Random, depth: int = 0) -> Any:
    """Return a random JSON value, nested to a random depth."""
    kind = chance.randrange(12 if depth < 5 else 9)
    if kind < 4:
        return chance.choice(_TEXTS)
    if kind < 6:
        return chance.choice([0, 1, -1, 2**31 - 1, 2**63, 10**400, 0.1, -0.0, 1e308, 265598])
    if kind < 9:
        return chance.choice([None, True, False])
    if kind < 11:
        return {chance.choice(_KEYS): value(chance, depth + 1) for _ in range(chance.randrange(8))}
    return [value(chance, depth + 1) for _ in range(chance.randrange(5))]


def text(chance: random.Random, found: Any = None) -> bytes:
    """Return a random response body: JSON or broken JSON."""
    body = json.dumps(value(chance) if found is None else found).encode()
    kind = chance.randrange(16)
    if kind == 0:
        return body[: chance.randrange(len(body) + 1)]
    if kind == 1:
        at = chance.randrange(len(body) + 1)
        return body[:at] + bytes([chance.randrange(256)]) + body[at:]
    if kind == 2:
        return b"[" * chance.choice([10, 2000, 200_000])
    if kind == 3:
        return b'{"x":"M\xfcller","order_id":1}'
    if kind == 4:
        return b'{"n":' + b"9" * chance.choice([30, 5000, 100_000]) + b"}"
    if kind == 5:
        return b"\xef\xbb\xbf" + body
    if kind == 6:
        return b"<html><title>oops</title></html>"
    if kind == 7:
        return body.decode().encode("utf-16")
    return body


def changed(chance: random.Random, found: Any) -> Any:
    """Return a copy of a good JSON value in which a hostile value replaces one part."""
    if isinstance(found, dict) and found and chance.random() < 0.9:
        name = chance.choice(list(found))
        return {**found, name: changed(chance, found[name])}
    if isinstance(found, list) and found and chance.random() < 0.9:
        at = chance.randrange(len(found))
        return [*found[:at], changed(chance, found[at]), *found[at + 1 :]]
    return value(chance, 3)


# Order id that appears only in stray responses, which belong to no request.
STRAY_ID = "6600000001"


def order_id(client_order_id: str) -> str:
    """Return the order id that this server gives to an order; it is unique."""
    return f"77{zlib.crc32(client_order_id.encode()):010d}"


def response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """Return a well-formed response."""
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class HostileServer:
    """HTTP and WebSocket server with good and hostile responses. Each connection has a thread.

    Args:
        seed: seed of all random decisions; the same requests in the same order get the same
            decisions.
        hostile: share of hostile responses, 0 to 1.
        tls: server side of TLS; None for plain HTTP.

    Attributes:
        sent: how often each order has reached the server, by client order id.
        owners: for each order id that this server has given, the client order id of the order.
        excused: how often the server has refused each order with "Please query /accounts first", by
            client order id. After such a refusal, the client may send the order again.
        open: number of open connections.
        hostile: share of hostile responses; you can change it at any time.
    """

    def __init__(self, seed: int, hostile: float, tls: ssl.SSLContext | None = None) -> None:
        self.hostile = hostile
        self.sent: Counter[str] = Counter()
        self.owners: dict[str, str] = {}
        self.excused: Counter[str] = Counter()
        self.requests = 0
        self.open = 0
        self._chance = random.Random(seed)
        self._tls = tls
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    @property
    def base_url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/v1/api"

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            left = list(self._sockets)
        for each in left:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(5)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(10)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with self._lock:
            self.open += 1
            chance = random.Random(self._chance.random())
        try:
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            with self._lock:
                self._sockets.add(sock)
            buffer = b""
            while not self._stopping.is_set():
                while b"\r\n\r\n" not in buffer:
                    data = sock.recv(1 << 16)
                    if not data:
                        return
                    buffer += data
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
                while length and len(buffer) < int(length[1]):
                    data = sock.recv(1 << 16)
                    if not data:
                        return
                    buffer += data
                size = int(length[1]) if length else 0
                body, buffer = buffer[:size], buffer[size:]
                if b"upgrade: websocket" in head.lower():
                    self._stream(sock, head, chance)
                    return
                if not self._respond(sock, head, body, chance):
                    return
        except (OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._sockets.discard(sock)
                self.open -= 1
            with contextlib.suppress(OSError):
                sock.close()

    # Responses to calls.

    def _good(self, target: str, body: bytes) -> tuple[Any, str]:
        """Return a good response to a request, and the client order id if it is an order."""
        path = target.partition("?")[0].removeprefix("/v1/api")
        if path.endswith("/orders") and body:
            name = json.loads(body)["orders"][0]["cOID"]
            self.owners[order_id(name)] = name
            return [{"order_id": order_id(name), "order_status": "Submitted"}], name
        if path == "/portfolio/accounts":
            return [{"id": "DU1", "accountId": "DU1", "currency": "USD"}], ""
        if path == "/iserver/accounts":
            return {"accounts": ["DU1"], "selectedAccount": "DU1"}, ""
        if path == "/tickle":
            status = {"authenticated": True, "connected": True, "competing": False}
            return {"session": "0" * 32, "iserver": {"authStatus": status}}, ""
        if "/positions/" in path:
            return [{"acctId": "DU1", "conid": 265598, "position": 1.0, "mktPrice": 2.5}], ""
        if path.endswith("/account/orders"):
            return {"orders": [{"orderId": 1, "status": "Filled", "acct": "DU1"}]}, ""
        if path.endswith("/snapshot"):
            return [{"conid": 265598, "31": "1.5", "84": "1.4", "_updated": 1700000000000}], ""
        if path.endswith("/history"):
            return {"data": [{"t": 1700000000000, "o": 1, "h": 2, "l": 1, "c": 2, "v": 10}]}, ""
        return {"x": 1}, ""

    def _respond(
        self, sock: socket.socket, head: bytes, body: bytes, chance: random.Random
    ) -> bool:
        """Respond to one request; return whether to keep the connection."""
        target = head.split(b" ", 2)[1].decode()
        good, name = self._good(target, body)
        with self._lock:
            self.requests += 1
            if name:
                self.sent[name] += 1
        if chance.random() >= self.hostile:
            sock.sendall(response(json.dumps(good).encode()))
            return True
        if name and chance.random() < 0.15:
            with self._lock:
                self.excused[name] += 1
            sock.sendall(
                response(json.dumps({"error": ACCOUNTS_FIRST}).encode(), "400 Bad Request")
            )
            return True
        return chance.choice(_FAULTS)(sock, good, chance)

    # WebSocket streams.

    def _stream(self, sock: socket.socket, head: bytes, chance: random.Random) -> None:
        found = re.search(rb"(?i)sec-websocket-key: *([^\r]+)", head)
        key = (found[1] if found else b"") + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key, usedforsecurity=False).digest()).decode()
        sock.sendall(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        sock.sendall(frame(b'{"topic":"system","success":"someone"}'))
        for number in range(chance.randrange(20, 5000)):
            if number % 50 == 0:  # read the messages; else the client could not keep sending
                sock.settimeout(0.001)
                with contextlib.suppress(TimeoutError):
                    if not sock.recv(1 << 16):
                        return
                sock.settimeout(10)
            if chance.random() < self.hostile:
                data = hostile_frame(chance)
                cut = chance.randrange(len(data) + 1) if chance.random() < 0.3 else len(data)
                sock.sendall(data[:cut])
                sock.sendall(data[cut:])
            else:
                sock.sendall(
                    frame(b'{"topic":"smd+265598","conid":265598,"31":"1.5","_updated":1}')
                )
            if self._stopping.is_set():
                return


def frame(data: bytes, opcode: int = 1, *, final: bool = True, reserved: int = 0) -> bytes:
    """Return one WebSocket frame, which may violate the protocol."""
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    if len(data) < 126:
        return head + bytes([len(data)]) + data
    if len(data) < 1 << 16:
        return head + b"\x7e" + struct.pack("!H", len(data)) + data
    return head + b"\x7f" + struct.pack("!Q", len(data)) + data


_TOPICS = [
    "smd+265598", "smh+265598", "sbd+DU1+265598", "sor", "str", "spl", "sts", "system", "act",
    "blt", "ntf", "ssd+DU1", "sld+DU1", "tic", "error", "", "x", "umh", "smd+", "sor+{}",
]  # fmt: skip


def hostile_frame(chance: random.Random) -> bytes:
    """Return a random WebSocket frame that no gateway should send."""
    message = {"topic": chance.choice(_TOPICS)}
    for _ in range(chance.randrange(6)):
        message[chance.choice(_KEYS)] = value(chance)
    body = text(chance, message)
    kind = chance.randrange(400)
    if kind == 0:
        return frame(body, chance.randrange(16))
    if kind == 1:
        return frame(body, 1, reserved=chance.randrange(8))
    if kind == 2:
        return frame(body, 1, final=False)
    if kind == 3:
        return b"\x81\x7f" + struct.pack("!Q", chance.choice([1 << 24, 1 << 31, 1 << 62]))
    if kind == 4:
        return frame(bytes(random.Random(chance.random()).randbytes(50)), 1)
    if kind == 5:
        parts = [body[at : at + 3] for at in range(0, len(body), 3)] or [b""]
        frames = [frame(parts[0], 1, final=len(parts) == 1)]
        frames += [frame(each, 0, final=False) for each in parts[1:-1]]
        frames += [frame(parts[-1], 0)] if len(parts) > 1 else []
        return b"".join(frames)
    if kind == 6:
        return frame(struct.pack("!H", chance.choice([0, 999, 1000, 1011, 65535])) + b"bye", 8)
    return frame(body, chance.choice([1, 1, 1, 2]))


# Each function below sends one kind of hostile response. It returns whether the connection stays
# open.

Fault = Callable[[socket.socket, Any, random.Random], bool]


def _body(sock: socket.socket, _: Any, chance: random.Random) -> bool:
    sock.sendall(response(text(chance), chance.choice(_STATUSES[:4])))
    return True


def _field(sock: socket.socket, good: Any, chance: random.Random) -> bool:
    sock.sendall(response(text(chance, changed(chance, good))))
    return True


def _error(sock: socket.socket, _: Any, chance: random.Random) -> bool:
    body = json.dumps({chance.choice(["error", "message"]): chance.choice(_ERRORS)}).encode()
    status = chance.choice(_STATUSES)
    if status.startswith(("204", "304")):
        body = b""
    sock.sendall(response(body, status, "Location: /sso/Login"))
    return True


def _cut(sock: socket.socket, good: Any, chance: random.Random) -> bool:
    data = response(json.dumps(good).encode())
    sock.sendall(data[: chance.randrange(len(data))])
    if chance.random() < 0.5:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def _stray(sock: socket.socket, good: Any, chance: random.Random) -> bool:
    """Send a good response and, in the same write, a stray response that belongs to no request.

    The stray response may be incomplete. It must not arrive later: after the client's next request,
    no client could tell it from the response to that request. Return True.
    """
    body = json.dumps([{"order_id": STRAY_ID, "order_status": "Submitted"}])
    stray = response(body.encode())
    data = response(json.dumps(good).encode())
    sock.sendall(data + stray[: chance.randrange(1, len(stray) + 1)])
    return True


def _head(sock: socket.socket, good: Any, chance: random.Random) -> bool:
    data = bytearray(response(json.dumps(good).encode()))
    end = data.index(b"\r\n\r\n")
    for _ in range(chance.randrange(1, 4)):
        data[chance.randrange(end)] = chance.randrange(256)
    sock.sendall(data)
    return chance.random() < 0.5


def _framing(sock: socket.socket, good: Any, chance: random.Random) -> bool:
    body = json.dumps(good).encode()
    kind = chance.randrange(9)
    if kind == 0:
        head = f"Content-Length: {len(body)}\r\nContent-Length: {len(body) + 5}"
    elif kind == 1:
        head = "Content-Length: -1"
    elif kind == 2:
        head = f"Content-Length: {10**30}"
    elif kind == 3:
        head = f"Transfer-Encoding: chunked\r\nContent-Length: {len(body)}"
    elif kind == 4:
        head = "Transfer-Encoding: chunked"
        body = chance.choice([b"zz\r\n", b"-5\r\nxxx\r\n0\r\n\r\n", b"5;" + b"x" * 100_000])
    elif kind == 5:
        head = (
            "X: "
            + "y" * chance.choice([1000, 70_000, 200_000])
            + f"\r\nContent-Length: {len(body)}"
        )
    elif kind == 6:
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * chance.randrange(1, 50))
        head = f"Content-Length: {len(body)}"
    elif kind == 7:
        head = "Content-Length: 0"
    else:
        head = "Connection: close"
    sock.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + body)
    return kind in (5, 6, 7)


def _encoded(sock: socket.socket, good: Any, chance: random.Random) -> bool:
    body = json.dumps(good).encode()
    kind = chance.randrange(6)
    if kind == 0:
        data, name = gzip.compress(body), "gzip"
    elif kind == 1:
        data, name = gzip.compress(gzip.compress(b" " * 50_000_000)), "gzip, gzip"
    elif kind == 2:
        data, name = gzip.compress(b" " * 100_000_000, 1), "gzip"
    elif kind == 3:
        data, name = gzip.compress(body)[: chance.randrange(30)], "gzip"
    elif kind == 4:
        data, name = zlib.compress(body), "deflate"
    else:
        data, name = body, chance.choice(["br", "zstd", "identity", "x", ", ,", "\xff"])
    lines = f"HTTP/1.1 200 OK\r\nContent-Encoding: {name}\r\nContent-Length: {len(data)}\r\n\r\n"
    sock.sendall(lines.encode("latin-1") + data)
    return True


def _silence(sock: socket.socket, good: Any, chance: random.Random) -> bool:
    """Send a part of the response, or nothing; wait up to 2 s for the client to disconnect."""
    data = response(json.dumps(good).encode())
    sock.sendall(data[: chance.randrange(len(data)) if chance.random() < 0.5 else 0])
    sock.settimeout(2)
    with contextlib.suppress(TimeoutError):
        sock.recv(1)
    return False


_FAULTS: list[Fault] = [
    _body, _body, _field, _field, _field, _error, _error, _cut, _stray, _stray, _head, _framing,
    _encoded, _silence,
]  # fmt: skip
