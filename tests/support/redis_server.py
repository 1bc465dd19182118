"""Helper that runs a Redis server during a test."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Run Redis on a free local port and yield its URL; skip the test if Redis is not installed."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("a real Redis is needed for this: install the package redis-server")
    for _ in range(5):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [
            program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", str(folder), "--loglevel", "warning",
        ]  # fmt: skip
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as server:
            try:
                if _is_up(port, server):
                    yield f"redis://127.0.0.1:{port}/0"
                    return
            finally:
                server.terminate()
                server.wait(60)
    pytest.fail("the Redis server did not come up")


def _is_up(port: int, server: subprocess.Popen[bytes]) -> bool:
    """Wait until the server responds; return False if it ended because the port was taken."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 10) as sock:
                sock.sendall(b"PING\r\n")
                if sock.recv(16).startswith(b"+PONG"):
                    # The response may be from another server on this port; ours would have ended by
                    # then.
                    time.sleep(0.05)
                    return server.poll() is None
        except OSError:
            time.sleep(0.01)
    return False
