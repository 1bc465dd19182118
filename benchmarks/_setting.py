"""Environment of all benchmarks: the server, its addresses and the amount of work."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
API = "/v1/api"


class Wire:
    """HTTP client over a bare socket: no blocking client can be faster."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def answer(self) -> bytes:
        """Read one HTTP response and return its body."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._fill()
        head, rest = self._buffer[:end], self._buffer[end + 4 :]
        if head.startswith(b"HTTP/1.1 101"):
            self._buffer = rest
            return b""
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(rest) < length:
            self._buffer = b""
            self._fill()
            rest += self._buffer
        self._buffer = rest[length:]
        return rest[:length]

    def _fill(self) -> None:
        data = self._socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._buffer += data

    def get(self, target: str) -> bytes:
        self.send(f"GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        return self.answer()

    def skip(self, count: int) -> None:
        """Read and discard `count` bytes."""
        left = count - len(self._buffer)
        self._buffer = b""
        while left > 0:
            data = self._socket.recv(min(1 << 18, left))
            if not data:
                raise ConnectionError("the server closed the connection")
            left -= len(data)

    def close(self) -> None:
        self._socket.close()


@dataclass
class Setting:
    """Access to the running benchmark server, and the amount of work to measure.

    Attributes:
        port: the server's port for plain HTTP.
        tls_port: the server's port for HTTPS.
        quick: whether to do only a small amount of work, which shows that everything works.
        control: connection over which commands are sent to the server.
    """

    port: int
    tls_port: int
    quick: bool
    control: Wire

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base(self) -> str:
        return self.root + API

    @property
    def tls_base(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}{API}"

    def rounds(self, number: int) -> int:
        return 2 if self.quick else number

    def number(self, number: int) -> int:
        return max(number // 20, 1) if self.quick else number

    def start(self, order: str, to: str, **options: object) -> None:
        """Make the server send messages on a stream.

        Args:
            order: ``burst`` for all messages at once, ``pace`` for a steady rate.
            to: name of the stream.
            options: number and kind of the messages, and their rate.
        """
        query = "&".join(f"{name}={value}" for name, value in options.items())
        if self.control.get(f"/control/{order}?to={to}&{query}") != b"1":
            raise RuntimeError(f"no stream {to} is open")

    def requests(self) -> int:
        """Return how many requests the server has received since the last call of this method."""
        return int(self.control.get("/control/count"))


def clean_environment() -> None:
    """Remove environment variables that affect some clients: proxies, certificates, settings."""
    foreign = ("BEZANT_", "IBIND_", "IBKR_", "REQUESTS_", "CURL_", "SSL_")
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(foreign):
            del os.environ[name]
    # The other libraries would print warnings about unverified certificates.
    os.environ["PYTHONWARNINGS"] = "ignore"


@contextmanager
def served(*, quick: bool, tls: bool = True) -> Iterator[Setting]:
    """Run the benchmark server in another process, for the duration of a `with` block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks._server", *(["--tls"] if tls else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        port, tls_port = (int(each) for each in process.stdout.readline().split()[:2])
        control = Wire(port)
        try:
            yield Setting(port, tls_port, quick, control)
        finally:
            control.close()
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.terminate()
        process.wait(10)
