"""Tests of simulated faults of WebSockets, observed with a plain client."""

from __future__ import annotations

import collections
import itertools
import json
import time
from collections.abc import Callable

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from bezant.sim import SimulatedGateway

from ..conftest import Ws

AAPL = 265598
Open = Callable[..., Ws]
Until = Callable[[Callable[[], object]], None]


def closed_with(ws: Ws) -> tuple[int, str] | None:
    """Read until the connection ends; return the code and reason of its Close frame.

    The result is None if the connection ended without a Close frame.
    """
    with pytest.raises(ConnectionClosed) as caught:
        collections.deque((ws.raw() for _ in itertools.count()), maxlen=0)
    frame = caught.value.rcvd
    return (frame.code, frame.reason) if frame else None


def test_a_refused_and_a_silent_subscription(
    gateway: SimulatedGateway, open_ws: Callable[..., Ws]
) -> None:
    refusal = gateway.faults.ws_refuse("sor")
    silence = gateway.faults.ws_refuse("smd", silent=True)
    ws = open_ws()
    ws.send("sor+{}")
    assert ws.message("sor") == {"error": "unable to subscribe", "code": 500, "topic": "sor"}
    ws.send('smd+265598+{"fields":["31"]}')
    ws.drain()
    assert ws.topics() == {"system"}
    ws.send("sor+{}")
    ws.send('smd+265598+{"fields":["31"]}')
    assert "args" in ws.message("sor")
    assert ws.message("smd+265598")["31"]
    assert (refusal.hits, silence.hits) == (1, 1)
    gateway.faults.ws_refuse("smd")
    ws.send('smd+272093+{"fields":["31"]}')
    assert ws.message("smd+272093")["code"] == 500
    assert gateway.faults.count("ws_refuse") == 3


def test_silent_and_alive(gateway: SimulatedGateway, open_ws: Open) -> None:
    ws = open_ws()
    fault = gateway.faults.ws_silence()
    assert ws.falls_silent()
    ws.send("ech+hb")
    assert ws.connection.ping().wait(30)
    assert fault.hits == gateway.faults.count("ws_silence") == 1


def test_half_open(gateway: SimulatedGateway, open_ws: Open) -> None:
    ws = open_ws()
    gateway.faults.ws_half_open()
    ws.send("ech+hb")
    assert not ws.connection.ping().wait(0.1)
    assert ws.falls_silent()
    assert not gateway.ws_connections[0].closed
    assert "ech+hb" not in gateway.ws_connections[0].received


def test_closed_and_dropped(gateway: SimulatedGateway, open_ws: Open) -> None:
    first, second = open_ws(), open_ws()
    fault = gateway.faults.ws_close()
    assert closed_with(first) == closed_with(second) == (1000, "")
    assert fault.hits == 2
    third = open_ws()
    assert gateway.faults.ws_drop().hits == 1
    assert closed_with(third) is None


def test_fragments_are_messages(gateway: SimulatedGateway, open_ws: Open) -> None:
    ws = open_ws()
    gateway.faults.ws_fragment(times=1, pieces=3)
    pieces: list[bytes] = []
    while len(pieces) < 3:
        piece = ws.raw()
        if pieces or not piece.endswith(b"}"):
            pieces.append(piece)
    assert json.loads(b"".join(pieces))["topic"] == "system"
    ws.message("system")


def test_a_message_of_more_than_64_kib(gateway: SimulatedGateway, open_ws: Open) -> None:
    ws = open_ws()
    gateway.faults.ws_oversize(cut=True)
    while not (first := ws.raw()).startswith(b'{"conid"'):
        pass
    assert len(first) == 65_536
    whole = json.loads(first + ws.raw())
    assert len(whole["7219"]) > 65_536
    gateway.faults.ws_oversize()
    assert closed_with(ws) == (1000, "")
    assert gateway.faults.count("ws_oversize") == 2


def test_a_flood(gateway: SimulatedGateway, open_ws: Open) -> None:
    ws = open_ws()
    ws.send(f'smd+{AAPL}+{{"fields":["31"]}}')
    ws.message(f"smd+{AAPL}")
    fault = gateway.faults.ws_flood(5000)
    numbers: list[int] = []
    while len(numbers) < 5000:
        message = json.loads(ws.raw())
        if message.get("server_id") == "q0":
            numbers.append(message["_updated"])
    assert numbers == list(range(5000))
    assert fault.hits == gateway.faults.count("ws_flood") == 5000
    ws.message("system")


def test_a_flood_ends_with_its_reader(
    gateway: SimulatedGateway, open_ws: Open, until: Until
) -> None:
    ws = open_ws()
    fault = gateway.faults.ws_flood(200_000)
    ws.raw()
    ws.connection.socket.close()
    until(lambda: gateway.ws_connections[0].closed)
    assert 0 < fault.hits < 200_000


def test_the_login_is_lost_in_mid_stream(
    gateway: SimulatedGateway, api: httpx.Client, open_ws: Open
) -> None:
    ws = open_ws()
    ws.send(f'smd+{AAPL}+{{"fields":["31","88"]}}')
    ws.message(f"smd+{AAPL}")
    assert api.get("/iserver/auth/status").status_code == 200
    fault = gateway.faults.logout_after(5)
    assert ws.message("sts")["args"]["authenticated"] is False
    assert api.get("/iserver/auth/status").status_code == 302
    assert fault.hits == 1
    assert {each["topic"] for each in ws.collect(0.1)} <= {"system"}


def test_calling_off_a_loss(gateway: SimulatedGateway, api: httpx.Client, open_ws: Open) -> None:
    ws = open_ws()
    gateway.faults.logout_after(10)
    gateway.faults.clear()
    ws.topics(beats=11)
    assert api.get("/iserver/auth/status").status_code == 200
    assert gateway.faults.happened == []


def test_market_data_ends_early(gateway: SimulatedGateway, open_ws: Open) -> None:
    ws = open_ws()
    for conid in (AAPL, 272093):
        ws.send(f'smd+{conid}+{{"fields":["31","88"]}}')
        ws.message(f"smd+{conid}")
    gateway.faults.end_market_data(AAPL)
    ws.drain()
    assert f"smd+{AAPL}" not in ws.topics()
    ws.message("smd+272093")
    gateway.faults.end_market_data()
    ws.drain()
    assert ws.topics() == {"system"}


def test_nothing_to_hit(gateway: SimulatedGateway) -> None:
    assert gateway.faults.ws_close().hits == 0
    assert gateway.faults.ws_flood().hits == 0
    assert gateway.faults.happened == []


def test_200_000_messages_take_seconds(gateway: SimulatedGateway, open_ws: Open) -> None:
    ws = open_ws(max_queue=None)
    begin = time.perf_counter()
    fault = gateway.faults.ws_flood(200_000)
    while fault.hits < 200_000:
        ws.raw(60)
    assert time.perf_counter() - begin < 300


def test_a_quiet_contract_has_prices_in_snapshots_only(
    gateway: SimulatedGateway, api: httpx.Client, open_ws: Open
) -> None:
    api.get("/iserver/accounts")
    ws = open_ws()
    ws.send('smd+265598+{"fields":["31"]}')
    ws.message("smd+265598")
    fault = gateway.faults.quiet_contract(AAPL)
    ws.send('smd+265598+{"fields":["31"]}')
    ws.drain()
    ws.send('smd+272093+{"fields":["31"]}')
    found = {each["topic"] for each in ws.collect(0.3)}
    assert "smd+272093" in found
    assert "smd+265598" not in found
    [row] = api.get("/iserver/marketdata/snapshot?conids=265598&fields=31").json()
    assert row["31"]
    assert fault.hits
    fault.cancel()
    assert ws.message("smd+265598")["31"]
    everything = gateway.faults.quiet_contract()
    ws.drain()
    assert ws.topics() == {"system"}
    gateway.faults.clear()
    assert not everything.waiting
    ws.message("smd+272093")


def test_a_limit_of_lines(gateway: SimulatedGateway, api: httpx.Client, open_ws: Open) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        gateway.faults.limit_lines(0)
    fault = gateway.faults.limit_lines(2)
    api.get("/iserver/accounts")
    ws = open_ws()
    ws.send('smd+265598+{"fields":["31"]}')
    ws.message("smd+265598")
    query = {"conids": "272093,8314", "fields": "31"}
    api.get("/iserver/marketdata/snapshot", params=query)
    rows = api.get("/iserver/marketdata/snapshot", params=query).json()
    assert ["31" in each for each in rows] == [True, False]
    ws.send('smd+8314+{"fields":["31"]}')
    ws.drain()
    assert "smd+8314" not in ws.topics()
    assert fault.hits == 3
    # The end of another subscription makes a line free.
    ws.send("umd+265598+{}")
    ws.drain()
    ws.send('smd+8314+{"fields":["31"]}')
    assert ws.message("smd+8314")["31"]
