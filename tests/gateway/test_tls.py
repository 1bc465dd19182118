"""Tests of the certificates and TLS versions of the real gateway."""

from __future__ import annotations

import ssl
from pathlib import Path

import msgspec
import pytest

from bezant import ConnectionLost, TlsFailed, WsConnectFailed
from bezant.sim import SimulatedGateway
from tests.gateway.chain import Chain
from tests.gateway.twins import Twin


async def use(twin: Twin, base_url: str, verify: object) -> None:
    async with twin.client(base_url, verify=verify) as client:
        assert (await client.health()).ready
        async with await twin.connect(client):
            pass


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_what_is_accepted(gateway: Chain, twin: Twin, host: str) -> None:
    base_url = f"https://{host}:{gateway.port}/v1/api"
    await use(twin, base_url, "auto")
    await use(twin, base_url, gateway.ca_file)
    context = ssl.create_default_context(cafile=gateway.ca_file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    await use(twin, base_url, context)


async def test_what_is_refused(gateway: Chain, twin: Twin, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    with SimulatedGateway() as simulated:
        other.write_bytes(simulated.certificate_pem)
    newest = ssl.create_default_context(cafile=gateway.ca_file)
    newest.minimum_version = ssl.TLSVersion.TLSv1_3
    for verify in (True, str(other), newest):
        async with twin.client(gateway.base_url, verify=verify) as client:
            with pytest.raises(TlsFailed):
                await client.tickle()
    assert gateway.requests == []


async def test_a_socket_checks_the_certificate_too(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url, verify="auto") as client:
        settings = client.blocking._settings if twin.name == "blocking" else client._settings
        checking = msgspec.structs.replace(settings, tls=type(settings.tls)("verify"))
        if twin.name == "blocking":
            client.blocking._settings = checking
        else:
            client._settings = checking
        with pytest.raises((WsConnectFailed, TlsFailed)):
            await twin.connect(client)


async def test_plain_http_on_its_port(gateway: Chain, twin: Twin) -> None:
    async with twin.client(f"http://127.0.0.1:{gateway.port}", timeout=5) as client:
        with pytest.raises(ConnectionLost):
            await client.tickle()
