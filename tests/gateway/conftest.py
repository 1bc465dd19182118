"""Fixtures with the real Client Portal Gateway.

`nox -s gateway` and `pytest tests/gateway` run these tests. Other runs ignore this folder, unless
`BEZANT_TEST_GATEWAY=1` is set.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bezant.sim import Scenario
from tests.gateway.chain import Chain
from tests.gateway.real import RealGateway, Unavailable
from tests.gateway.twins import Twin, forget_questions

_HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore this folder unless the command names it or `BEZANT_TEST_GATEWAY` is set."""
    if os.environ.get("BEZANT_TEST_GATEWAY") == "1":
        return None
    start = config.invocation_params.dir
    named = [(start / each.partition("::")[0]).resolve() for each in config.args]
    return None if any(each == _HERE or _HERE in each.parents for each in named) else True


@pytest.fixture(scope="session")
def chain() -> Iterator[Chain]:
    """The real gateway, running and logged in.

    All tests share it, because its login is slow.
    """
    with Chain(
        positions=250,
        scenario=Scenario(demo_orders=True),
        quote_interval=0.02,
        heartbeat_interval=0.2,
    ) as upstream:
        try:
            upstream.real = RealGateway(upstream.upstream_port)
        except Unavailable as reason:
            pytest.skip(f"no real gateway: {reason}")
        with upstream.real:
            upstream.real.log_in()
            deadline = time.monotonic() + 10
            while not any(
                each.path.endswith("/iserver/accounts") for each in upstream.own_requests
            ):
                assert time.monotonic() < deadline, "the gateway did not open the session"
                time.sleep(0.01)
            yield upstream


@pytest.fixture
def gateway(chain: Chain, _no_threads_left: None) -> Chain:
    """The real gateway, with the simulated server behind it in a new state."""
    chain.prepare()
    return chain


@pytest.fixture(autouse=True)
def _no_questions() -> None:
    """Forget IBKR's open questions about orders, because all tests share one gateway."""
    forget_questions()


@pytest.fixture(autouse=True)
def _no_threads_left() -> Iterator[None]:
    """Fail tests that leave threads running.

    The threads of the simulated upstream do not count, because tests may stop and start it.
    """

    def now() -> set[threading.Thread]:
        return {each for each in threading.enumerate() if each.name != "bezant-sim"}

    before = now()
    yield
    deadline = time.monotonic() + 2.0
    while left := now() - before:
        if time.monotonic() > deadline:
            pytest.fail(f"threads left over: {left}")
        left.pop().join(0.05)


@pytest.fixture(params=["async", "blocking"])
def twin(request: pytest.FixtureRequest) -> Twin:
    """The async client, then the blocking client: a test runs once with each."""
    return Twin(request.param)
