"""Tests of `bezant gateway run` with the real gateway: a verified certificate, and a clean end."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bezant
from bezant.sim._upstream import SimulatedUpstream
from tests.gateway.real import Unavailable, free_port, gateway_home

RUN = """
import sys
from bezant.cli import _gateway
home, port, data, upstream, hosts = sys.argv[1:]
options = ("-XX:TieredStopAtLevel=1", "-Xmx64m", f"-Djdk.net.hosts.file={hosts}")
remote = f"http://api.test:{upstream}"
sys.exit(_gateway.run(home, port=int(port), data=data, remote=remote, java_options=options))
"""


@pytest.fixture(scope="module")
def home() -> Path:
    """The folder of the downloaded gateway."""
    try:
        return gateway_home()
    except Unavailable as reason:
        pytest.skip(f"no real gateway: {reason}")


def test_it_runs_the_gateway(tmp_path: Path, home: Path) -> None:
    hosts = tmp_path / "hosts"
    names = ("localhost", "api.test", socket.gethostname())
    hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in names))
    port = free_port()
    with SimulatedUpstream() as upstream:
        arguments = [str(home), str(port), str(tmp_path / "data"), str(upstream.port), str(hosts)]
        with subprocess.Popen(
            [sys.executable, "-c", RUN, *arguments], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            try:
                lines: list[str] = []
                while "Stop it with Ctrl-C" not in (line := process.stdout.readline()):
                    assert line, lines
                    lines.append(line)
                certificate = tmp_path / "data" / "localhost.pem"
                text = "".join(lines)
                assert f"https://localhost:{port}/v1/api" in text
                assert str(certificate) in text
                log_in(port, certificate)
                url = f"https://localhost:{port}/v1/api"
                with bezant.Client(url, verify=str(certificate), pacing=False) as client:
                    assert client.session.wait_ready(timeout=10).ready
                    with bezant.WsClient.connect(client) as ws:
                        assert ws.next_message(timeout=5) is not None
            finally:
                process.terminate()
            rest = process.stdout.read()
            assert process.wait(15) == 0
    assert "was stopped" in rest
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("", port))


def log_in(port: int, certificate: Path) -> None:
    context = ssl.create_default_context(cafile=str(certificate))
    connection = http.client.HTTPSConnection("localhost", port, timeout=5, context=context)
    connection.request("POST", "/sso/Dispatcher", headers={"User-Agent": "bezant-tests"})
    assert connection.getresponse().read().strip() == b"Client login succeeds"
    connection.close()


def test_the_containers_script_by_hand(tmp_path: Path, home: Path) -> None:
    # The test runs the same commands as the container image, but without a container.
    data = tmp_path / "data"
    data.mkdir()
    hosts = tmp_path / "hosts"
    names = ("localhost", "api.test", socket.gethostname())
    hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in names))
    port = free_port()
    script = Path(__file__).parents[2] / "docker" / "start.sh"
    with SimulatedUpstream() as upstream:
        environment = os.environ | {
            "GATEWAY_HOME": str(home),
            "GATEWAY_DATA": str(data),
            "GATEWAY_PORT": str(port),
            "GATEWAY_REMOTE": f"http://api.test:{upstream.port}",
            "GATEWAY_REMOTE_TLS": "false",
            "GATEWAY_JAVA_OPTIONS": f"-Xmx64m -Djdk.net.hosts.file={hosts}",
        }
        with subprocess.Popen(
            ["sh", str(script)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            try:
                certificate = data / "localhost.pem"
                assert get(port, certificate, "/v1/tws/health") == b"Unknown service tws"
                assert {each.stat().st_mode & 0o777 for each in data.glob("[a-z]*.*")} == {
                    0o600,
                    0o644,
                }
                log_in(port, certificate)
                url = f"https://localhost:{port}/v1/api"
                with bezant.Client(url, verify=str(certificate), pacing=False) as client:
                    assert client.session.wait_ready(timeout=10).ready
            finally:
                process.terminate()
            assert process.wait(15) == 143
            assert process.stdout is not None
            process.stdout.read()


def get(port: int, certificate: Path, path: str) -> bytes:
    deadline = time.monotonic() + 30
    while True:
        try:
            context = ssl.create_default_context(cafile=str(certificate))
            connection = http.client.HTTPSConnection("localhost", port, timeout=5, context=context)
            with contextlib.closing(connection):
                connection.request("GET", path)
                return connection.getresponse().read()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
