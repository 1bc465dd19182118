"""Fixtures for tests that run other projects' clients against the simulated gateway.

The nox session `clients` installs these clients and sets `BEZANT_CLIENTS`. Without this variable,
pytest ignores the tests in this folder. A fixture keeps the clients from reaching any other host.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bezant.sim import Held, Scenario, SimulatedGateway

collect_ignore_glob = [] if os.environ.get("BEZANT_CLIENTS") else ["test_*.py"]

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to other hosts, and lookups of their names."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    look_up = socket.getaddrinfo

    def check(address: object) -> None:
        if isinstance(address, tuple) and str(address[0]) not in _LOOPBACK:
            msg = f"a client must not connect to {address[0]}"
            raise OSError(msg)

    def checked(self: socket.socket, address: object) -> None:
        check(address)
        connect(self, address)  # type: ignore[arg-type]

    def checked_ex(self: socket.socket, address: object) -> int:
        check(address)
        return connect_ex(self, address)  # type: ignore[arg-type]

    def checked_name(host: object, *rest: object, **options: object) -> object:
        name = host.decode() if isinstance(host, bytes) else str(host)
        check((name,))
        return look_up(host, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", checked)
    monkeypatch.setattr(socket.socket, "connect_ex", checked_ex)
    monkeypatch.setattr(socket, "getaddrinfo", checked_name)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def gateway() -> Iterator[SimulatedGateway]:
    scenario = Scenario(held=[Held("AAPL", 100), Held("MSFT", 10)])
    with SimulatedGateway(scenario=scenario, quote_interval=0.05) as running:
        running.set_price("AAPL", 250)
        yield running


@pytest.fixture(params=["without a bundle", "with a bundle"], autouse=True)
def bundle(
    request: pytest.FixtureRequest,
    gateway: SimulatedGateway,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Run each test without and with `REQUESTS_CA_BUNDLE`.

    The library requests prefers this variable to its argument `verify`.
    """
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    if request.param == "with a bundle":
        file = tmp_path / "ca.pem"
        file.write_bytes(gateway.certificate_pem)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use an empty home folder, so that the clients find no configuration and leave no logs."""
    for name in ("HOME", "USERPROFILE", "IBIND_LOGS_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
