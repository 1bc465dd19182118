"""Measures the benchmark server's speed with bare sockets. It must be faster than every client."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks import _payloads as payloads
from benchmarks._server import frame
from benchmarks._setting import API, Setting, Wire
from benchmarks._table import Row
from benchmarks._timing import repeated, spread

_HANDSHAKE = (
    "GET /bare{api}/ws?quiet HTTP/1.1\r\nHost: bench\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class BareStream:
    """Stream that counts bytes without parsing them."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._wire = Wire(setting.port)
        self._wire.send(_HANDSHAKE.format(api=API).encode())
        self._wire.answer()
        # Average size of a frame in the burst, in bytes.
        block = [frame(payloads.quote(each), 1) for each in range(500)]
        self._size = sum(map(len, block)) // len(block)
        hello = [
            {"topic": "system", "success": "someone", "isFT": False, "isPaper": True},
            {"topic": "sts", "args": {"authenticated": True, "competing": False}},
        ]
        self._wire.skip(sum(len(frame(payloads.encode(each), 1)) for each in hello))
        self._block = sum(map(len, block))

    def receive(self, count: int) -> float:
        begin = time.perf_counter()
        self._setting.start("burst", "bare", kind="text", count=count)
        self._wire.skip(self._block * (count // 500))
        return (time.perf_counter() - begin) / count

    def close(self) -> None:
        self._wire.close()


def rows(setting: Setting) -> Iterator[Row]:
    wire = Wire(setting.port)
    asked = repeated(lambda: wire.get(f"{API}/portfolio/accounts"), setting.number(200))
    costs = [asked() for _ in range(setting.rounds(15))]
    wire.close()
    value = spread([1 / each for each in costs])
    yield Row("server", "responses to a bare socket", "", value, unit="per second")
    stream = BareStream(setting)
    costs = [stream.receive(setting.number(200_000)) for _ in range(setting.rounds(7))]
    stream.close()
    value = spread([1 / each for each in costs])
    yield Row("server", "messages to a bare socket", "", value, unit="per second")
