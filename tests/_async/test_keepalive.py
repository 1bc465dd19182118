"""Tests of the keepalive, which sends tickles so that the session does not expire."""

from __future__ import annotations

import gc
import time
import weakref

import pytest

from bezant import AsyncClient, BezantError, HttpTimeout, InvalidRequest, NoSession
from bezant.sim import SimulatedGateway
from tests.support._async import pause, until
from tests.support.raw import Peer, RawGateway, RawRequest

TICK = 0.01


async def test_it_tickles_until_its_context_ends(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        async with client.keepalive(interval=TICK) as keepalive:
            await until(lambda: gateway.count("POST", "/tickle") >= 3)
            assert keepalive.running
            assert not keepalive.lost
            assert keepalive.last_success is not None
            assert keepalive.last_success.tzinfo is not None
            assert keepalive.last_failure is None
            assert keepalive.last_error is None
        assert not keepalive.running
        # A tickle that was in flight when the keepalive stopped may still arrive. After it, the
        # number of tickles must not change.
        for _ in range(20):
            count = gateway.count("POST", "/tickle")
            await pause(10 * TICK)
            if gateway.count("POST", "/tickle") == count:
                break
        else:
            raise AssertionError("the keepalive still sends tickles")


async def test_each_change_is_reported_once(gateway: SimulatedGateway) -> None:
    told: list[str] = []
    async with AsyncClient(gateway.base_url) as client:
        async with client.keepalive(
            interval=TICK,
            on_lost=lambda error: told.append(type(error).__name__),
            on_restored=lambda: told.append("restored"),
        ) as keepalive:
            await until(lambda: keepalive.last_success)
            gateway.drop_brokerage()
            await until(lambda: keepalive.failures >= 3)
            assert keepalive.lost
            assert isinstance(keepalive.last_error, NoSession)
            assert keepalive.last_failure is not None
            gateway.login()
            await until(lambda: not keepalive.lost)
            gateway.logout()
            await until(lambda: keepalive.lost)
            gateway.login()
            await until(lambda: not keepalive.lost)
            assert keepalive.failures == 0
        assert told == ["NoSession", "restored", "NotAuthenticated", "restored"]


async def test_it_survives_every_error(raw: RawGateway) -> None:
    def reset(request: RawRequest, peer: Peer) -> None:
        peer.reset()

    def nonsense(request: RawRequest, peer: Peer) -> None:
        peer.send(b"nonsense\r\n\r\n")
        peer.sock.close()

    raw.script(
        reset,
        nonsense,
        lambda request, peer: peer.json(b"[]"),
        lambda request, peer: peer.json(b'{"error":"no"}'),
        lambda request, peer: peer.answer("500 Oops"),
        lambda request, peer: peer.silence(),
        lambda request, peer: peer.json(b"{}"),
    )
    errors: list[BezantError] = []

    def broken(error: BezantError) -> None:
        errors.append(error)
        raise RuntimeError("a callback that fails")

    async with AsyncClient(raw.base_url, timeout=0.2) as client:
        async with client.keepalive(interval=TICK, on_lost=broken) as keepalive:
            await until(lambda: keepalive.last_success)
            assert len(errors) == 1
            assert isinstance(keepalive.last_error, HttpTimeout)
            assert keepalive.running


async def test_it_ends_with_the_client(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        first = client.keepalive(interval=TICK)
        second = client.keepalive(interval=60)
        await until(lambda: first.last_success and second.last_success)
    assert not first.running
    assert not second.running
    await second.stop()
    await second.stop()
    assert "stopped" in repr(second)


async def test_it_stops_at_once_in_the_middle_of_a_call(raw: RawGateway) -> None:
    raw.script(lambda request, peer: peer.silence())
    async with AsyncClient(raw.base_url, timeout=30) as client:
        keepalive = client.keepalive(interval=60)
        await until(lambda: raw.requests)
        started = time.monotonic()
        await keepalive.stop()
        # `stop` did not wait for the tickle, whose timeout is 30 seconds.
        assert time.monotonic() - started < 15
        assert not keepalive.running
        assert not keepalive.lost


async def test_its_callback_may_stop_it(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        gateway.logout()
        keepalive = client.keepalive(interval=TICK, on_lost=lambda error: keepalive.stop())
        await until(lambda: not keepalive.running)
        assert gateway.count("POST", "/tickle") == 1


@pytest.mark.parametrize("interval", [TICK, 60])
async def test_it_does_not_keep_the_client_alive(
    gateway: SimulatedGateway, interval: float
) -> None:
    client = AsyncClient(gateway.base_url)
    keepalive = client.keepalive(interval=interval)
    await until(lambda: keepalive.last_success)
    transport = client._pipeline._transport
    assert transport is not None
    gone = weakref.ref(client._pipeline)
    with pytest.warns(ResourceWarning):  # noqa: PT031
        del client
        gc.collect()
    await until(lambda: gc.collect() >= 0 and gone() is None)
    await until(lambda: not keepalive.running)
    await transport.aclose()


@pytest.mark.parametrize("name", ["on_lost", "on_restored"])
async def test_a_callback_that_is_not_a_function_is_refused_at_once(
    gateway: SimulatedGateway, name: str
) -> None:
    async with AsyncClient(gateway.base_url) as client:
        with pytest.raises(InvalidRequest, match=f"{name} must be a function, not 'print'"):
            client.keepalive(**{name: "print"})  # type: ignore[arg-type]
    assert gateway.requests == []


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf"), True])
async def test_intervals_that_are_refused(gateway: SimulatedGateway, interval: float) -> None:
    async with AsyncClient(gateway.base_url) as client:
        with pytest.raises(InvalidRequest, match="interval"):
            client.keepalive(interval=interval)
