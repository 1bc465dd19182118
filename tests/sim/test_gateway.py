from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from bezant.sim import SimulatedGateway, _command
from bezant.sim._transport import certificate, uvicorn
from tests.support.processes import hearing_ctrl_c


def connected(gateway: SimulatedGateway, context: ssl.SSLContext) -> str | None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            return secure.version()


def test_urls_name_the_port(gateway: SimulatedGateway) -> None:
    port = gateway.port
    assert gateway.root_url == f"https://127.0.0.1:{port}"
    assert gateway.base_url == f"https://127.0.0.1:{port}/v1/api"
    assert gateway.ws_url == f"wss://127.0.0.1:{port}/v1/api/ws"
    assert gateway.account_id == "DU1234567"
    assert repr(gateway) == f"<SimulatedGateway https://127.0.0.1:{port} account DU1234567>"


def test_before_the_start_there_is_no_port() -> None:
    gateway = SimulatedGateway(positions=0)
    assert "not started" in repr(gateway)
    with pytest.raises(RuntimeError, match="not started"):
        _ = gateway.base_url


def test_nothing_is_left_after_with() -> None:
    before = threading.enumerate()
    with SimulatedGateway() as gateway:
        assert len(threading.enumerate()) == len(before) + 1
        port = gateway.port
    assert threading.enumerate() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_start_after_the_first_is_quick() -> None:
    with SimulatedGateway(positions=0):
        pass
    # The slow part of the first start is the creation of the keys.
    made = certificate._mint.cache_info().misses
    for _ in range(5):
        with SimulatedGateway(positions=250):
            pass
    assert certificate._mint.cache_info().misses == made


def test_stop_drops_open_connections_at_once(
    gateway: SimulatedGateway, api: httpx.Client, open_ws: Callable[..., Any]
) -> None:
    assert api.get("/iserver/auth/status", timeout=60).status_code == 200
    ws = open_ws()
    half_open = socket.create_connection(("127.0.0.1", gateway.port))
    begin = time.perf_counter()
    gateway.stop()
    assert time.perf_counter() - begin < 20
    gateway.stop()
    assert "bezant-sim" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(Exception, match="no close frame"):
        ws.collect(30)
    half_open.close()
    with pytest.raises(httpx.TransportError):
        api.get("/iserver/auth/status")


@pytest.mark.parametrize("pause", [0, 0.001, 0.02])
def test_stop_closes_a_connection_that_has_just_begun(pause: float) -> None:
    for _ in range(5):
        gateway = SimulatedGateway(positions=0).start()
        with socket.create_connection(("127.0.0.1", gateway.port)) as client:
            # Even `time.sleep(0)` would let the server get further than this case tests.
            if pause:
                time.sleep(pause)
            gateway.stop()
            client.settimeout(30)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
        del gateway
        # If a connection was not closed, its collection makes asyncio issue a ResourceWarning.
        gc.collect()


def test_stop_does_not_wait_for_a_request_in_flight(gateway: SimulatedGateway) -> None:
    context = ssl.create_default_context(cadata=gateway.certificate_pem.decode())
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(b"POST /v1/api/tickle HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
            time.sleep(0.05)
            begin = time.perf_counter()
            gateway.stop()
            assert time.perf_counter() - begin < 20
    assert gateway.requests == []


def test_it_can_start_again(gateway: SimulatedGateway) -> None:
    with pytest.raises(RuntimeError, match="running already"):
        gateway.start()
    gateway.stop()
    gateway.start()
    assert (
        httpx.get(f"{gateway.base_url}/iserver/auth/status", verify=False, timeout=60).status_code
        == 200
    )


def test_methods_of_a_connection_after_the_end_do_nothing(
    gateway: SimulatedGateway, open_ws: Callable[..., Any]
) -> None:
    open_ws()
    [connection] = gateway.ws_connections
    gateway.stop()
    sent = connection.sent
    connection.send(b"late")
    connection.close()
    gateway.logout()
    assert connection.closed
    assert connection.sent == sent


def test_port_in_use(gateway: SimulatedGateway) -> None:
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1 port {gateway.port}") as caught:
        SimulatedGateway(port=gateway.port).start()
    assert caught.value.errno == errno.EADDRINUSE


def test_a_server_that_does_not_come_up_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_self: object, sockets: object = None) -> None:
        raise ValueError("no loop today")

    monkeypatch.setattr(uvicorn.Server, "startup", fail)
    gateway = SimulatedGateway(positions=0)
    with pytest.raises(OSError, match="did not start") as caught:
        gateway.start()
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize(
    "wrong",
    [
        {"positions": -1},
        {"quote_interval": 0},
        {"heartbeat_interval": 0},
        {"ready_delay": -1},
    ],
)
def test_numbers_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        SimulatedGateway(**wrong)


def test_a_client_can_verify_it(gateway: SimulatedGateway) -> None:
    trusted = ssl.create_default_context(cadata=gateway.certificate_pem.decode())
    assert connected(gateway, trusted) in {"TLSv1.2", "TLSv1.3"}
    with pytest.raises(ssl.SSLCertVerificationError):
        connected(gateway, ssl.create_default_context())
    for host in ("127.0.0.1", "localhost"):
        url = f"https://{host}:{gateway.port}/v1/api/iserver/auth/status"
        assert httpx.get(url, verify=trusted, timeout=60).status_code == 200


def test_tls_versions(gateway: SimulatedGateway) -> None:
    older = ssl.create_default_context(cadata=gateway.certificate_pem.decode())
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    assert connected(gateway, older) == "TLSv1.2"
    from bezant.sim._transport.certificate import certificate

    assert certificate().context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert certificate().context.maximum_version is ssl.TLSVersion.TLSv1_2
    assert certificate() is certificate()


def test_without_tls(open_ws: Callable[..., Any]) -> None:
    with SimulatedGateway(tls=False, positions=0) as gateway:
        assert gateway.base_url == f"http://127.0.0.1:{gateway.port}/v1/api"
        assert httpx.get(f"{gateway.base_url}/iserver/auth/status", timeout=60).status_code == 200
        open_ws(url=gateway.ws_url)


def test_ipv6() -> None:
    gateway = SimulatedGateway(host="::1", positions=0)
    try:
        gateway.start()
    except OSError:
        pytest.skip("no IPv6 loopback here")
    with gateway.__class__(host="::1", positions=0) as other:
        assert other.base_url == f"https://[::1]:{other.port}/v1/api"
        assert httpx.get(
            f"{other.base_url}/iserver/auth/status", verify=False, timeout=60
        ).is_success
    gateway.stop()


def test_command_in_the_foreground(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_self: object, timeout: float) -> bool:
        if waits:
            raise KeyboardInterrupt
        waits.append(timeout)
        return False

    waits: list[float] = []
    monkeypatch.setattr(_command, "_Never", type("Never", (), {"wait": interrupt}))
    assert _command.run(0, positions=3, seed=5) == 0
    out = capsys.readouterr().out
    assert "https://127.0.0.1:" in out
    assert "DU1234567" in out
    assert "curl -sk -X POST" in out


def test_command_where_the_port_is_taken(
    gateway: SimulatedGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _command.run(gateway.port) == 1
    assert "cannot listen" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to one process is POSIX")
def test_ctrl_c_ends_the_command_with_0() -> None:
    root = pathlib.Path(__file__).parents[2]
    code = "import sys; from bezant.sim._command import run; sys.exit(run(0, positions=0))"
    with hearing_ctrl_c():
        started = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            stdout=subprocess.PIPE,
            text=True,
        )
    with started as process:
        assert process.stdout is not None
        assert "Simulated gateway on https://127.0.0.1:" in process.stdout.readline()
        process.stdout.readline()
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "trustme"])
def test_import_without_the_extra(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    for name in list(sys.modules):
        if name.startswith("bezant.sim") or name.split(".")[0] == missing:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r'pip install "bezant\[sim\]"'):
        importlib.import_module("bezant.sim")


def test_another_missing_module_is_not_blamed_on_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in list(sys.modules):
        if name.startswith("bezant.sim"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "bezant.sim._wire_forms.quotes", None)
    with pytest.raises(ModuleNotFoundError, match="quotes"):
        importlib.import_module("bezant.sim")
