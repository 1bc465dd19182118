"""Tests of certificate checks: by default off for gateways on this machine, on for all others."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

import bezant
from bezant import InvalidRequest, TlsFailed, WsConnectFailed
from bezant._core.settings.base_url import BaseUrl
from bezant._core.settings.connection import Tls, choose_tls
from bezant._runtime._shared.tls import tls_context
from bezant._runtime._sync.network import Backend
from bezant.sim import SimulatedGateway


@pytest.fixture(scope="module")
def shared() -> Iterator[SimulatedGateway]:
    with SimulatedGateway() as simulated:
        yield simulated


@pytest.fixture
def ca_file(shared: SimulatedGateway, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(shared.certificate_pem)
    return path


def use(base_url: str, verify: object) -> None:
    """Make a call and open a stream, with the blocking and with the async client."""
    with bezant.Client(base_url, verify=verify) as client:
        client.health()
        with bezant.WsClient.connect(client):
            pass

    async def main() -> None:
        async with bezant.AsyncClient(base_url, verify=verify) as client:
            await client.health()
            async with bezant.AsyncWsClient.connect(client):
                pass

    asyncio.run(main())


def test_what_is_accepted(shared: SimulatedGateway, ca_file: Path) -> None:
    use(shared.base_url, "auto")
    use(shared.base_url, False)
    use(shared.base_url, ca_file)
    use(shared.base_url, str(ca_file))
    use(shared.base_url, ssl.create_default_context(cafile=str(ca_file)))
    use(shared.base_url.replace("127.0.0.1", "localhost"), ca_file)


@pytest.mark.parametrize("verify", [True, "missing.pem", ssl.create_default_context()])
def test_what_is_refused(shared: SimulatedGateway, verify: object) -> None:
    with bezant.Client(shared.base_url, verify=verify) as client:
        with pytest.raises(TlsFailed, match="verify") as caught:
            client.health()
        assert not caught.value.retryable

    async def main() -> None:
        async with bezant.AsyncClient(shared.base_url, verify=verify) as client:
            with pytest.raises(TlsFailed, match="verify"):
                await client.health()

    asyncio.run(main())


def test_the_stream_checks_as_the_client_does(shared: SimulatedGateway) -> None:
    from bezant._core.settings.settings import Settings
    from bezant._runtime import _async, _sync

    where = BaseUrl.parse(shared.base_url)
    settings = Settings(base_url=where, tls=Tls("verify"))
    with pytest.raises(WsConnectFailed, match="TLS"):
        _sync.WebSocket.connect(settings, [], 5)
    with pytest.raises(WsConnectFailed, match="TLS"):
        asyncio.run(_async.WebSocket.connect(settings, [], 5))


def test_a_gateway_without_tls_is_told_apart() -> None:
    with SimulatedGateway(tls=False) as gateway:
        use(gateway.base_url, "auto")
        wrong = gateway.base_url.replace("http:", "https:")
        with bezant.Client(wrong) as client, pytest.raises(TlsFailed):
            client.health()

        async def main() -> None:
            async with bezant.AsyncClient(wrong) as client:
                with pytest.raises(TlsFailed):
                    await client.health()

        asyncio.run(main())


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("https://localhost:5000", "insecure"),
        ("https://gw.localhost", "insecure"),
        ("https://127.0.0.1:5000", "insecure"),
        ("https://127.8.9.1", "insecure"),
        ("https://[::1]:5000", "insecure"),
        ("https://192.168.0.1:5000", "verify"),
        ("https://gateway.example", "verify"),
        ("https://localhost.example", "verify"),
        ("https://127.0.0.1.example", "verify"),
        ("http://gateway.example", "none"),
    ],
)
def test_auto_trusts_loopback_only(url: str, mode: str) -> None:
    assert choose_tls(BaseUrl.parse(url), "auto").mode == mode


def test_verify_that_is_not_understood() -> None:
    for wrong in (None, 5, object()):
        with pytest.raises(InvalidRequest, match="verify must be"):
            bezant.Client("https://localhost", verify=wrong)


def test_one_context_for_each_setting() -> None:
    assert tls_context(Tls("insecure")) is tls_context(Tls("insecure"))
    assert tls_context(Tls("insecure")) is not tls_context(Tls("verify"))
    assert tls_context(Tls("verify")).verify_mode is ssl.CERT_REQUIRED
    assert tls_context(Tls("verify")).check_hostname


def test_tls_within_the_tls_of_a_proxy() -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "gateway.test").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    said = bytes(range(256)) * 800  # 200 KiB, enough for many TLS records

    def echo(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with server.wrap_socket(sock, server_side=True) as outer:
            come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
            inner = server.wrap_bio(come, go, server_side=True)

            def step(function: Callable[[], Any]) -> Any:
                while True:
                    try:
                        result = function()
                    except ssl.SSLWantReadError:
                        outer.sendall(go.read())
                        come.write(outer.recv(65536))
                    else:
                        outer.sendall(go.read())
                        return result

            step(inner.do_handshake)
            heard = b""
            while len(heard) < len(said):
                heard += step(lambda: inner.read(65536))
            for at in range(0, len(heard), 10_000):
                step(partial(inner.write, heard[at : at + 10_000]))
            outer.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=echo, args=(listener,), daemon=True)
        thread.start()
        backend = Backend()
        plain = backend.connect_tcp("127.0.0.1", listener.getsockname()[1], 30)
        plain.start_tls(client, "127.0.0.1", 30).start_tls(client, "gateway.test", 30)
        stream = backend.upgraded()
        assert stream is not None
        stream.write(said, 30)
        heard = b""
        while len(heard) < len(said):
            heard += stream.read(65536, 30)
        assert heard == said
        assert stream.is_clean
        stream.close()
        thread.join(30)
