from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from bezant.sim import Clock, Scenario, SimulatedGateway
from bezant.sim._scenario.clock import BY_HAND_START
from bezant.sim._transport.certificate import certificate

INTERVAL = 0.01


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    assert [thread for thread in left if thread.name == "bezant-sim"] == []


@pytest.fixture
def gateway() -> Iterator[SimulatedGateway]:
    with SimulatedGateway(
        positions=250,
        scenario=Scenario(demo_orders=True),
        quote_interval=INTERVAL,
        heartbeat_interval=0.05,
        # Tests name expiries, which the date decides.
        clock=Clock(start=BY_HAND_START),
    ) as running:
        yield running


@pytest.fixture
def api(gateway: SimulatedGateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.base_url, verify=False, timeout=60) as client:
        yield client


def client_context() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=certificate().ca_pem.decode())


class Ws:
    """Client's end of a WebSocket; its reads have a timeout."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, text: str) -> None:
        self.connection.send(text)

    def raw(self, timeout: float = 30.0) -> bytes:
        data = self.connection.recv(timeout)
        assert isinstance(data, bytes), "every frame is binary"
        return data

    def message(self, topic: str, timeout: float = 30.0) -> dict[str, Any]:
        """Return the next message of a topic; discard messages of other topics."""
        ends = time.monotonic() + timeout
        while True:
            message: dict[str, Any] = json.loads(self.raw(max(0.001, ends - time.monotonic())))
            # A message without a topic is an error message.
            if message.get("topic", "error") == topic:
                return message

    def collect(self, seconds: float) -> list[dict[str, Any]]:
        """Return all messages that come within the next `seconds`."""
        ends = time.monotonic() + seconds
        messages: list[dict[str, Any]] = []
        while (left := ends - time.monotonic()) > 0:
            try:
                messages.append(json.loads(self.raw(left)))
            except TimeoutError:
                break
        return messages

    def topics(self, beats: int = 3) -> set[str]:
        """Return the topics of all messages until `beats` heartbeats have come."""
        topics: set[str] = set()
        while beats:
            message = json.loads(self.raw())
            topics.add(message["topic"])
            beats -= "hb" in message
        return topics

    def drain(self) -> None:
        """Discard all messages that the gateway has sent so far.

        Sends an echo command, and reads until its response.
        """
        self.send("ech+hb")
        while self.raw() != b"ech+hb":
            pass

    def falls_silent(self) -> bool:
        """Discard waiting messages; return whether no message then comes for 0.1 s."""
        return any(not self.collect(0.1) for _ in range(20))


@pytest.fixture
def open_ws(gateway: SimulatedGateway) -> Iterator[Callable[..., Ws]]:
    with contextlib.ExitStack() as stack:

        def open_one(*, ready: bool = True, url: str = "", **options: Any) -> Ws:
            url = url or gateway.ws_url
            context = client_context() if url.startswith("wss") else None
            options = {"open_timeout": 60, "close_timeout": 0.1} | options
            ws = Ws(stack.enter_context(connect(url, ssl=context, proxy=None, **options)))
            if ready:
                ws.message("sts")
            return ws

        yield open_one


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    def wait(condition: Callable[[], object]) -> None:
        ends = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < ends, "did not come true in time"
            time.sleep(0.002)

    return wait
