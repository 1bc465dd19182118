"""HTTP and WebSocket server for the benchmarks. It only sends prebuilt bytes.

The server must be faster than every client. Otherwise the benchmarks would measure the server and
not the clients. ``benchmarks.server`` measures the server itself, with bare sockets.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import struct
import sys
import time
from urllib.parse import parse_qs, urlsplit

from benchmarks import _payloads as payloads

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_BEAT = 10.0
# The server writes this many messages of a burst at once.
_BLOCK = 500


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    return (
        b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json;charset=utf-8\r\n"
        b"Cache-Control: no-cache, no-store\r\nVary: Accept-Encoding\r\n"
        b"Set-Cookie: x-sess-uuid=0.1; secure; HttpOnly\r\n"
        b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )


def frame(data: bytes, opcode: int) -> bytes:
    length = len(data)
    head = (
        struct.pack("!BB", 0x80 | opcode, length)
        if length < 126
        else struct.pack("!BBH", 0x80 | opcode, 126, length)
    )
    return head + data


class Content:
    """All responses and messages of the server, built once at its start."""

    def __init__(self) -> None:
        base = "/v1/api"
        portfolio = f"{base}/portfolio/{payloads.ACCOUNT}/positions"
        self.answers = {
            f"{base}/portfolio/accounts": answer(payloads.accounts()),
            f"{base}/iserver/accounts": answer(payloads.encode({"accounts": [payloads.ACCOUNT]})),
            f"{base}/iserver/auth/status": answer(payloads.encode(payloads.STATUS)),
            f"{base}/tickle": answer(payloads.encode(payloads.TICKLE)),
            f"{base}/bench/page": answer(payloads.positions(0, 100)),
            f"{base}/iserver/secdef/search": answer(payloads.search()),
            f"{base}/iserver/secdef/strikes": answer(payloads.strikes()),
        }
        for page in range(100):
            self.answers[f"{portfolio}/{page}"] = answer(payloads.positions(page * 100, 100))
        self.built = {
            f"{base}/trsrv/stocks": ("symbols", payloads.stocks),
            f"{base}/trsrv/secdef": ("conids", payloads.definitions),
            f"{base}/iserver/secdef/info": ("strike", payloads.options),
        }
        self.empty = answer(b"[]")
        self.missing = answer(b'{"error":"no such path"}', b"404 Not Found")
        self.requests = 0
        self.sockets: dict[str, Connection] = {}
        quotes = [payloads.quote(each) for each in range(_BLOCK)]
        self.blocks = {
            kind: b"".join(frame(each, opcode) for each in quotes)
            for kind, opcode in (("text", _TEXT), ("binary", _BINARY))
        }

    def find(self, target: str) -> bytes:
        self.requests += 1
        found = self.answers.get(target)
        if found is None:
            parts = urlsplit(target)
            found = self.answers.get(parts.path)
            built = self.built.get(parts.path)
            if found is None and built is not None:
                # The response is kept, so that only the first call waits until it is built.
                name, build = built
                found = self.answers[target] = answer(build(parse_qs(parts.query)[name][0]))
            elif found is None and "/positions/" in parts.path:
                found = self.empty
        return self.missing if found is None else found


class Connection(asyncio.Protocol):
    def __init__(self, content: Content) -> None:
        self._content = content
        self._buffer = b""
        self._prefix = ""
        self._streaming = False
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(256 * 1024)

    def connection_lost(self, _: Exception | None) -> None:
        if self._content.sockets.get(self._prefix) is self:
            del self._content.sockets[self._prefix]
        for task in self._tasks:
            task.cancel()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if self._streaming:
            self._read_frames()
            return
        while self._buffer and not self._streaming:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._buffer[:end]
            length = 0
            if not head.startswith(b"GET"):
                at = head.lower().find(b"content-length:")
                length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self._respond(head)

    def _respond(self, head: bytes) -> None:
        target = head.split(b" ", 2)[1].decode()
        if target.startswith("/control/"):
            self._control(target)
        elif target.endswith(("/ws", "/ws?quiet")):
            self._upgrade(target, head)
        else:
            if not target.startswith("/v1"):  # the client's base URL has a prefix, its name
                target = target[target.find("/v1") :]
            self._transport.write(self._content.find(target))

    # Commands that the benchmarks send to this server.

    def _control(self, target: str) -> None:
        parts = urlsplit(target)
        options = {name: values[0] for name, values in parse_qs(parts.query).items()}
        what = parts.path.rpartition("/")[2]
        if what == "count":
            self._transport.write(answer(str(self._content.requests).encode()))
            self._content.requests = 0
            return
        stream = self._content.sockets.get(options["to"])
        if stream is None:
            self._transport.write(answer(b"0"))
            return
        if what == "burst":
            work = stream.burst(options["kind"], int(options["count"]))
        else:
            work = stream.pace(int(options["count"]), int(options["rate"]))
        task = asyncio.get_running_loop().create_task(work)
        stream._tasks.add(task)
        task.add_done_callback(stream._tasks.discard)
        self._transport.write(answer(b"1"))

    # WebSocket streams.

    def _upgrade(self, target: str, head: bytes) -> None:
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
        }
        key = hashlib.sha1(headers[b"sec-websocket-key"] + _GUID, usedforsecurity=False).digest()
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(key) + b"\r\n\r\n"
        )
        self._streaming = True
        self._prefix = target.split("/")[1]
        self._content.sockets[self._prefix] = self
        for message in (
            {"topic": "system", "success": "someone", "isFT": False, "isPaper": True},
            {"topic": "sts", "args": {"authenticated": True, "competing": False}},
        ):
            self._transport.write(frame(payloads.encode(message), _TEXT))
        if not target.endswith("?quiet"):
            self._beat()

    def _beat(self) -> None:
        """Send a heartbeat, which clients expect regularly, and schedule the next one."""
        if not self._transport.is_closing():
            message = {"topic": "system", "hb": int(time.time() * 1000)}
            self._transport.write(frame(payloads.encode(message), _TEXT))
            asyncio.get_running_loop().call_later(_BEAT, self._beat)

    def _read_frames(self) -> None:
        while len(self._buffer) >= 6:
            buffer = self._buffer
            length = buffer[1] & 0x7F
            start = 2
            if length == 126:
                length = int.from_bytes(buffer[2:4], "big")
                start = 4
            mask = buffer[start : start + 4]
            start += 4
            if len(buffer) < start + length:
                return
            data = bytes(
                each ^ mask[at % 4] for at, each in enumerate(buffer[start : start + length])
            )
            self._buffer = buffer[start + length :]
            opcode = buffer[0] & 0x0F
            if opcode == _PING:
                self._transport.write(frame(data, _PONG))
            elif opcode == _CLOSE:
                self._transport.write(frame(data, _CLOSE))
                self._transport.close()

    async def burst(self, kind: str, count: int) -> None:
        """Send `count` messages as fast as the client reads them."""
        block = self._content.blocks[kind]
        for _ in range(count // _BLOCK):
            await self._may_write.wait()
            self._transport.write(block)

    async def pace(self, count: int, rate: int) -> None:
        """Send `count` messages, `rate` of them per second.

        In each message, the field for the last price contains the time when the message was
        sent, in ns of the monotonic clock.
        """
        begin = time.monotonic()
        sent = 0
        while sent < count:
            due = min(int((time.monotonic() - begin) * rate) + 1, count)
            for number in range(sent, due):
                stamp = str(time.monotonic_ns())
                self._transport.write(frame(payloads.quote(number, stamp), _TEXT))
            sent = due
            await asyncio.sleep(0.0005)


async def serve() -> None:
    content = Content()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(content), "127.0.0.1", 0)
    ports = [server.sockets[0].getsockname()[1], 0]
    if "--tls" in sys.argv:
        import ssl

        import trustme

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("localhost", "127.0.0.1").configure_cert(context)
        secure = await loop.create_server(lambda: Connection(content), "127.0.0.1", 0, ssl=context)
        ports[1] = secure.sockets[0].getsockname()[1]
    print(*ports, flush=True)
    # The server ends when its parent process does, which closes stdin, or after half an hour.
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1800):
            await ended.wait()


if __name__ == "__main__":
    asyncio.run(serve())
