"""Fixtures of all tests, and the runner of async tests.

A test fails if it leaves a task or a thread running.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import trustme
from hypothesis import HealthCheck, settings

from bezant._runtime._shared import limiters, order_turns
from bezant.sim import Scenario, SimulatedGateway
from tests.support.raw import RawGateway

# hypothesis must not fail tests for their duration, which depends on the machine.
settings.register_profile("any", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any")


@pytest.fixture(autouse=True)
def _no_pacing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn off pacing and retries; tests that need pacing or retries turn them on."""
    monkeypatch.setenv("BEZANT_PACING", "off")
    monkeypatch.setenv("BEZANT_RETRIES", "0")


@pytest.fixture(autouse=True)
def _no_past() -> None:
    """Clear the process's state about gateways.

    This state is stored by URL, and a test may get the port of an earlier test.
    """
    limiters._limiters.clear()
    order_turns._registry.clear()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run each ``async def`` test in a new event loop; a task left over fails the test."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}

    async def run() -> None:
        await pyfuncitem.obj(**arguments)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left over: {left}"

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(run())
    return True


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop factory if ``BEZANT_TEST_LOOP`` is uvloop; None for asyncio's loop."""
    if os.environ.get("BEZANT_TEST_LOOP") != "uvloop":
        return None
    import uvloop

    return uvloop.new_event_loop


@pytest.fixture(autouse=True)
def _no_threads_left(request: pytest.FixtureRequest) -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 30.0
    while left := [each for each in threading.enumerate() if each not in before]:
        if time.monotonic() > deadline:
            pytest.fail(f"threads left over: {left}")
        left[0].join(0.05)


@pytest.fixture
def no_old_garbage() -> Iterator[None]:
    """Exclude earlier tests' garbage from collection during a test.

    The test raises interrupts, and an interrupt could stop the cleanup of that garbage half-way.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def gateway(_no_threads_left: None) -> Iterator[SimulatedGateway]:
    """Simulated gateway, logged in, with frequent quotes, 250 positions and two demo orders."""
    scenario = Scenario(demo_orders=True)
    with SimulatedGateway(positions=250, scenario=scenario, quote_interval=0.02) as simulated:
        yield simulated


@pytest.fixture(scope="session")
def server_tls() -> ssl.SSLContext:
    """TLS context for a test's own server: TLS 1.3, which has session tickets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 4
    trustme.CA().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def raw_tls(_no_threads_left: None, server_tls: ssl.SSLContext) -> Iterator[RawGateway]:
    """Gateway that sends exactly the scripted bytes, over TLS 1.3."""
    with RawGateway(server_tls) as scripted:
        yield scripted


@pytest.fixture
def raw(_no_threads_left: None) -> Iterator[RawGateway]:
    """Gateway without TLS that sends exactly the scripted bytes."""
    with RawGateway() as scripted:
        yield scripted
