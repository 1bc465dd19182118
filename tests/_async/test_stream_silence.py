"""Tests of subscriptions that were confirmed and then fall silent without a word."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from bezant import AsyncClient, AsyncWsClient, Gap, LedgerUpdate, Message
from bezant._core.stream import execution_check, order_check
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.phases import Timing
from bezant._runtime._async.concurrency import Connecting, connecting
from tests.support import rows
from tests.support._async import until
from tests.support.raw import Peer, RawGateway, RawRequest

STATUS = {"authenticated": True, "connected": True, "established": True, "competing": False}
SYSTEM = '{"topic":"system","success":"me","isFT":false,"isPaper":true}'
LEDGER = '{"topic":"sld+DU1","result":[{"key":"LedgerListUSD","timestamp":1,"cashbalance":5.0}]}'


class SilentGateway:
    """Gateway that sends one frame after each command to subscribe, and nothing more.

    Attributes:
        frames: the frame to send, by the beginning of the command.
        commands: the commands to subscribe, in the order of their arrival.
        orders: rows of the list of orders.
        trades: rows of the list of executions.
        beats: whether the frame is repeated until the event is set.
    """

    def __init__(self, raw: RawGateway, **frames: str) -> None:
        self.frames = frames
        self.commands: list[str] = []
        self.orders: list[dict[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        self.beats = threading.Event()
        self.beats.set()
        raw.script(self.serve)

    def serve(self, request: RawRequest, peer: Peer) -> None:
        path = request.target.removeprefix("/v1/api").partition("?")[0]
        answers: dict[str, object] = {
            "/tickle": {"session": "s3cret", "iserver": {"authStatus": STATUS}},
            "/iserver/auth/status": STATUS,
            "/iserver/accounts": {"accounts": ["DU1"], "selectedAccount": "DU1"},
            "/portfolio/accounts": [rows.account("DU1")],
            "/iserver/account/orders": {"orders": self.orders, "snapshot": True},
            "/iserver/account/trades": self.trades,
        }
        if path != "/ws":
            peer.json(json.dumps(answers[path]).encode())
            return
        peer.upgrade(request)
        peer.frame(SYSTEM)
        while True:
            command = peer.receive()
            for name, frame in self.frames.items():
                if command.startswith(name):
                    self.commands.append(command)
                    peer.frame(frame)
                    while not self.beats.is_set():
                        time.sleep(0.01)
                        peer.frame(frame)


def no_pacing(raw: RawGateway) -> AsyncClient:
    return AsyncClient(raw.base_url, pacing=False)


def stream(client: AsyncClient, timing: Timing) -> Connecting[AsyncWsClient]:
    return connecting(AsyncWsClient._open(client, timing, MessageBuffer(), reconnect=True))


async def read_gap(ws: AsyncWsClient) -> tuple[Gap, list[Message]]:
    """Read messages up to the first gap; return the gap and the messages before it."""
    before: list[Message] = []
    while True:
        message = await ws.next_message(timeout=30)
        assert message is not None
        if isinstance(message, Gap):
            return message, before
        before.append(message)


async def test_a_ledger_that_stops_is_a_gap_and_subscribed_again(raw: RawGateway) -> None:
    gateway = SilentGateway(raw, sld=LEDGER)
    gateway.beats.clear()
    timing = Timing(confirm_after=0.3, heartbeats=0.03)
    async with no_pacing(raw) as client, stream(client, timing) as ws:
        await ws.subscribe_ledger("DU1")
        await until(lambda: ws.stats.received > 100)
        gateway.beats.set()
        gap, before = await read_gap(ws)
        assert gap.topic == "sld"
        assert "has stopped sending messages for sld+DU1" in gap.reason
        assert any(isinstance(each, LedgerUpdate) for each in before)
        await until(lambda: len(gateway.commands) > 1)
        assert gateway.commands[0] == gateway.commands[1]


async def test_orders_that_only_rest_has_later_are_a_gap(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_check, "QUIET", 0.01)
    monkeypatch.setattr(order_check, "CALM_INTERVAL", 0.1)
    row = rows.order(1, "DU1")
    gateway = SilentGateway(raw, sor=json.dumps({"topic": "sor", "args": [row]}))
    gateway.orders = [row]
    async with no_pacing(raw) as client, stream(client, Timing(confirm_after=1.5)) as ws:
        await ws.subscribe_orders()
        assert await ws.orders.wait(timeout=30)
        gateway.orders = [row, rows.order(2, "DU1")]
        gap, _ = await read_gap(ws)
        assert gap.topic == "sor"
        assert "has stopped sending messages for sor" in gap.reason
        await until(lambda: len(gateway.commands) > 1)
        await until(lambda: ws.orders.known and set(ws.orders) == {1, 2})


async def test_executions_that_only_rest_has_later_are_a_gap(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution_check, "CALM_INTERVAL", 0.1)
    now = round(time.time() * 1000)
    gateway = SilentGateway(
        raw, str=json.dumps({"topic": "str", "args": [rows.trade("e1", trade_time_r=now)]})
    )
    gateway.trades = [rows.trade("e1", trade_time_r=now)]
    async with no_pacing(raw) as client, stream(client, Timing(confirm_after=1.5)) as ws:
        await ws.subscribe_trades()
        await until(lambda: gateway.commands)
        gateway.trades.append(rows.trade("e2", trade_time_r=now))
        gap, before = await read_gap(ws)
        assert gap.topic == "str"
        assert "has stopped sending messages for str" in gap.reason
        assert [getattr(each, "execution_id", "") for each in before][-2:] == ["e1", "e2"]
        await until(lambda: len(gateway.commands) > 1)
