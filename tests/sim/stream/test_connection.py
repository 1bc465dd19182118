from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect as aconnect
from websockets.exceptions import ConnectionClosed

from bezant.sim import Clock, Scenario, SimulatedGateway, _gateway
from bezant.sim._wire_forms.account import Account

SMD_META = {"conid", "conidEx", "_updated", "server_id", "6119", "6509", "topic"}
ACCOUNT = "DU1234567"
LEDGERS = ("USD", "EUR", "JPY", "BASE")
Open = Callable[..., Any]
Until = Callable[[Callable[[], object]], None]


def smd(conid: int | str, *fields: str) -> str:
    return f"smd+{conid}+{json.dumps({'fields': fields})}"


def test_greeting(gateway: SimulatedGateway, open_ws: Open) -> None:
    ws = open_ws(ready=False)
    system, act, sts = (json.loads(ws.raw()) for _ in range(3))
    assert system.keys() == {"topic", "success", "isFT", "isPaper"}
    assert system["topic"] == "system"
    assert sts["topic"] == "sts"
    assert sts["args"] == {
        "connected": True, "authenticated": True, "established": True, "competing": False,
        "message": "", "fail": "",
    }  # fmt: skip
    assert act["topic"] == "act"
    assert act["args"]["accounts"] == [ACCOUNT]
    [connection] = gateway.ws_connections
    assert connection.ready
    assert connection.sent >= 3
    assert not connection.closed


def test_upgrade_is_recorded_and_bare(gateway: SimulatedGateway, open_ws: Open) -> None:
    url = f"{gateway.ws_url}?oauth_token=abc"
    ws = open_ws(url=url, additional_headers={"Cookie": "api=1"}, subprotocols=["x"])
    [request] = gateway.requests
    assert (request.method, request.path) == ("GET", "/v1/api/ws")
    assert request.query == {"oauth_token": "abc"}
    assert request.headers["cookie"] == "api=1"
    assert request.headers["upgrade"] == "websocket"
    [connection] = gateway.ws_connections
    assert connection.query == {"oauth_token": "abc"}
    assert connection.headers["cookie"] == "api=1"
    assert connection.path == "/v1/api/ws"
    headers = {name.lower() for name, _ in ws.connection.response.headers.raw_items()}
    assert headers == {"upgrade", "connection", "sec-websocket-accept"}


def test_heartbeat(gateway: SimulatedGateway, open_ws: Open) -> None:
    ws = open_ws()
    first, second = ws.message("system"), ws.message("system")
    assert first.keys() == {"topic", "hb"}
    assert abs(first["hb"] / 1000 - gateway.clock.now()) < 60
    assert first["hb"] < second["hb"]


def test_frames_before_ready_are_dropped(open_ws: Open, until: Until) -> None:
    clock = Clock.by_hand()
    with SimulatedGateway(positions=0, clock=clock, ready_delay=5) as gateway:
        ws = open_ws(ready=False, url=gateway.ws_url)
        ws.send(smd(265598, "31"))
        ws.send("ech+hb")
        [connection] = gateway.ws_connections
        until(lambda: len(connection.dropped) == 2)
        clock.advance(5)
        topics = [json.loads(ws.raw())["topic"] for _ in range(3)]
        assert topics == ["system", "act", "sts"]
        assert connection.received == connection.dropped == [smd(265598, "31"), "ech+hb"]
        ws.send("ech+hb")
        assert ws.raw() == b"ech+hb"
        assert connection.dropped == connection.received[:2]


def test_logged_out_accepts_and_stays_silent(
    gateway: SimulatedGateway, open_ws: Open, until: Until
) -> None:
    gateway.logout()
    ws = open_ws(ready=False)
    ws.send("ech+hb")
    assert ws.collect(0.15) == []
    [connection] = gateway.ws_connections
    until(lambda: connection.dropped == ["ech+hb"])
    gateway.login()
    assert ws.collect(0.1) == []
    assert connection.sent == 0
    ws.connection.close()
    until(lambda: connection.closed)


def test_sixth_socket_waits_for_a_place(gateway: SimulatedGateway, open_ws: Open) -> None:
    first, *_ = [open_ws() for _ in range(5)]
    sixth = open_ws(ready=False)
    assert sixth.collect(0.1) == []
    first.connection.close()
    assert "success" in sixth.message("system")


def test_echo_and_tic(gateway: SimulatedGateway, open_ws: Open, until: Until) -> None:
    ws = open_ws()
    # Most clients first send the session's token. The gateway does not respond to it.
    ws.send('{"session":"0123456789abcdef0123456789abcdef"}')
    ws.send("tic")
    ws.connection.send(b"ech+hb")
    answers: list[Any] = []
    while (frame := ws.raw()) != b"ech+hb":
        message = json.loads(frame)
        if message["topic"] != "system":
            answers.append(message)
    assert [each["topic"] for each in answers] == ["tic"] * 4
    assert answers[0].keys() == {"topic", "alive", "id", "lastAccessed"}
    [connection] = gateway.ws_connections
    assert connection.received[1:] == ["tic", "ech+hb"]


def test_market_data(open_ws: Open) -> None:
    ws = open_ws()
    fields = ["31", "84", "86", "85", "88", "87", "87_raw", "55"]
    ws.send(smd(265598, *fields))
    full = ws.message("smd+265598")
    assert full.keys() == SMD_META | set(fields)
    # The gateway sends the message with the first values twice. In the second message, the keys are
    # in another order.
    again = ws.message("smd+265598")
    assert again == full
    assert list(again) != list(full)
    assert all(type(full[name]) is str for name in fields if name != "87_raw")
    assert full["6119"] == full["server_id"]
    assert full["55"] == "AAPL"
    latest = dict(full)
    for number in range(5):
        delta = ws.message("smd+265598")
        assert "6509" not in delta
        assert ("6508" in delta) == (number == 0)
        names = delta.keys() - SMD_META - {"6508"}
        assert names
        assert names < set(fields)
        assert "55" not in names
        assert all(delta[name] != latest[name] for name in names)
        latest |= delta


def test_same_prices_as_the_snapshot(api: httpx.Client, open_ws: Open) -> None:
    ws = open_ws()
    path, params = "/iserver/marketdata/snapshot", {"conids": "265598", "fields": "7741,7295"}
    api.get("/iserver/accounts")
    api.get(path, params=params)
    [row] = api.get(path, params=params).json()
    ws.send(smd(265598, "7741", "7295"))
    full = ws.message("smd+265598")
    assert (full["7741"], full["7295"]) == (row["7741"], row["7295"])


def test_fields_are_one_set_per_contract(api: httpx.Client, open_ws: Open) -> None:
    ws = open_ws()
    ws.send(smd(265598, "85"))
    assert ws.message("smd+265598").keys() == SMD_META | {"85"}
    ws.send(smd(265598, "88"))
    seen: set[str] = set()
    for _ in range(200):
        seen |= ws.message("smd+265598").keys() - SMD_META - {"6508"}
        if seen == {"85", "88"}:
            break
    assert seen == {"85", "88"}
    api.get("/iserver/accounts")
    params = {"conids": "265598", "fields": "85"}
    [row] = api.get("/iserver/marketdata/snapshot", params=params).json()
    assert "85" in row


def test_end_of_market_data(gateway: SimulatedGateway, open_ws: Open) -> None:
    ws = open_ws()
    ws.send(smd("265598@ARCA", "31", "85"))
    assert ws.message("smd+265598")["conidEx"] == "265598@ARCA"
    ws.message("smd+265598")
    ws.send("umd+265598+{}")
    ws.drain()
    assert ws.topics() == {"system"}


def test_ending_on_one_socket_silences_the_other(open_ws: Open) -> None:
    one, two = open_ws(), open_ws()
    for ws in (one, two):
        ws.send(smd(265598, "31", "85"))
        ws.message("smd+265598")
    one.send("umd+265598+{}")
    one.drain()
    two.drain()
    assert two.topics() == {"system"}


def test_market_data_ends_silently_after_its_lifetime(open_ws: Open) -> None:
    with SimulatedGateway(
        positions=0, quote_interval=0.01, heartbeat_interval=0.03, market_data_lifetime=0.1
    ) as gateway:
        ws = open_ws(url=gateway.ws_url)
        ws.send(smd(265598, "31", "85"))
        ws.message("smd+265598")
        assert any(ws.topics() == {"system"} for _ in range(20))
        ws.send(smd(265598, "31", "85"))
        ws.message("smd+265598")


@pytest.mark.parametrize(
    "wrong",
    ["smd+x+{}", "smd", "smd+265598+{", "smd+265598+[]", 'smd+265598+{"fields":5}', "umd+x+{}"],
)
def test_wrong_arguments(open_ws: Open, wrong: str) -> None:
    ws = open_ws()
    ws.send(wrong)
    assert ws.message("error")["error"].startswith("Invalid arguments")


def test_unknown_topic(open_ws: Open) -> None:
    ws = open_ws()
    ws.send("xyz+{}")
    message = ws.message("error")
    assert message == {"error": "Topic unknown: xyz", "code": 1}


def test_topics_that_are_taken_in_silence(open_ws: Open) -> None:
    ws = open_ws()
    for command in ("shs+exercise+{}", "utr", "umh+1", f"ubd+{ACCOUNT}"):
        ws.send(command)
    assert ws.topics() == {"system"}


def test_trades(open_ws: Open) -> None:
    ws = open_ws()
    ws.send('str+{"days":1}')
    assert ws.message("str")["args"] == []
    first = ws.message("str")["args"][0]
    assert "commission" not in first
    second = ws.message("str")["args"][0]
    # The order's first execution has the minimum commission of 1.00, and further ones have none.
    assert second == first | {"commission": "1.00"}
    assert ws.message("str")["args"][0]["execution_id"] != first["execution_id"]
    assert ws.message("str")["args"][0]["commission"] == "0.00"
    ws.send("utr")


def test_account_summary_and_ledger(open_ws: Open) -> None:
    ws = open_ws()
    ws.send(f"ssd+{ACCOUNT}+{{}}")
    keys = {row["key"] for row in ws.message(f"ssd+{ACCOUNT}")["result"]}
    assert "NetLiquidation-S" in keys
    ws.send(f"usd+{ACCOUNT}+{{}}")
    assert ws.message(f"usd+{ACCOUNT}")["result"] == "unsubscribed from summary"
    ws.send(f"sld+{ACCOUNT}+{{}}")
    whole = ws.message(f"sld+{ACCOUNT}")["result"]
    assert {row["key"] for row in whole} == {f"LedgerList{name}" for name in LEDGERS}
    # These are the fields that IBKR documents for this topic.
    assert whole[0].keys() >= {
        "timestamp", "acctCode", "secondKey", "cashbalance", "cashBalanceFXSegment", "dividends",
        "exchangeRate", "interest", "marketValue", "netLiquidationValue", "settledCash",
        "stockMarketValue", "tBillsMarketValue", "warrantsMarketValue", "severity",
    }  # fmt: skip
    later = {row["key"]: row for row in ws.message(f"sld+{ACCOUNT}")["result"]}
    assert "netLiquidationValue" in later["LedgerListUSD"]
    ws.send(f"uld+{ACCOUNT}+{{}}")
    assert ws.message(f"uld+{ACCOUNT}")["result"] == "unsubscribed from ledger"


def test_an_unchanged_ledger_is_sent_with_its_keys_only(open_ws: Open) -> None:
    with SimulatedGateway(
        quote_interval=0.01, scenario=Scenario(held=[], cash={"USD": 5})
    ) as gateway:
        ws = open_ws(url=gateway.ws_url)
        ws.send(f'sld+{ACCOUNT}+{{"keys":["LedgerListUSD"],"fields":["cashbalance"]}}')
        [row] = ws.message(f"sld+{ACCOUNT}")["result"]
        assert row.keys() == {"key", "timestamp", "cashbalance"}
        [row] = ws.message(f"sld+{ACCOUNT}")["result"]
        assert row.keys() == {"key", "timestamp"}


def test_bars(open_ws: Open) -> None:
    ws = open_ws()
    for _ in range(6):
        ws.send('smh+265598@NASDAQ+{"period":"1d","bar":"1h"}')
    ids = {ws.message("smh+265598@NASDAQ")["serverId"] for _ in range(5)}
    assert len(ids) == 5
    ws.send(f"umh+{ids.pop()}")
    ws.send("smh+1+{}")
    assert ws.message("smh+1")["data"] == []


def test_a_price_ladder(open_ws: Open) -> None:
    ws = open_ws()
    ws.send(f"sbd+{ACCOUNT}+265598")
    rows = ws.message(f"sbd+{ACCOUNT}+265598")["data"]
    assert [row["focus"] for row in rows] == [0] * 5 + [1] + [0] * 5
    assert " @ " in rows[5]["price"]
    ws.message(f"sbd+{ACCOUNT}+265598")
    ws.send(f"ubd+{ACCOUNT}")
    ws.send(f"sbd+{ACCOUNT}+x")


def test_a_connection_that_is_open_and_dead(gateway: SimulatedGateway, open_ws: Open) -> None:
    ws = open_ws()
    gateway.ws_connections[0].silence()
    assert ws.falls_silent()
    assert not gateway.ws_connections[0].closed
    gateway.ws_connections[0].drop()
    with pytest.raises(ConnectionClosed) as caught:
        ws.raw()
    assert caught.value.rcvd is None


def test_orders(open_ws: Open) -> None:
    ws = open_ws()
    ws.send("sor+{}")
    full = ws.message("sor")
    rows = {row["orderId"]: row for row in full["args"]}
    assert len(rows) == 2
    keys = {"acct", "conid", "status", "totalSize", "filledQuantity", "price", "order_ref"}
    assert all(keys <= row.keys() for row in rows.values())
    seen: set[int] = set()
    ids = {"acct", "orderId"}
    for _ in range(3):
        for delta in ws.message("sor")["args"]:
            row = rows[delta["orderId"]]
            seen.add(delta["orderId"])
            assert len(delta) < len(row)
            assert all(row.get(key) != new for key, new in delta.items() if key not in ids)
            row |= delta
    assert seen == set(rows)
    ws.send("uor+{}")
    ws.drain()
    assert ws.topics() == {"system"}


def test_profit_and_loss(open_ws: Open) -> None:
    ws = open_ws()
    ws.send("spl+{}")
    first = ws.message("spl")["args"][f"{ACCOUNT}.Core"]
    assert first.keys() == {"rowType", "dpl", "nl", "upl", "uel", "mv"}
    later = ws.message("spl")["args"][f"{ACCOUNT}.Core"]
    assert later.keys() <= first.keys()
    assert later["dpl"] - first["dpl"] == pytest.approx(later["nl"] - first["nl"], abs=0.02)
    assert first["nl"] != later["nl"]
    ws.send("upl+{}")
    ws.drain()
    assert ws.topics() == {"system"}


def test_losing_the_session_ends_the_subscriptions(
    gateway: SimulatedGateway, open_ws: Open
) -> None:
    ws = open_ws()
    ws.send(smd(265598, "31", "85"))
    ws.send("sor+{}")
    ws.send("spl+{}")
    ws.message("spl")
    gateway.drop_brokerage()
    assert ws.message("sts")["args"]["authenticated"] is False
    ws.send(smd(265598, "31"))
    assert ws.topics() == {"system"}
    gateway.login()
    ws.message("sts")
    assert ws.topics() == {"system"}
    ws.send(smd(265598, "31"))
    ws.message("smd+265598")


def test_sending_from_the_test(gateway: SimulatedGateway, open_ws: Open) -> None:
    ws = open_ws()
    [connection] = gateway.ws_connections
    sent = connection.sent
    connection.send('{"topic":"ntf","args":[]}')
    connection.send(b'{"topic":"blt","args":{}}')
    assert ws.message("ntf") == {"topic": "ntf", "args": []}
    assert ws.message("blt") == {"topic": "blt", "args": {}}
    assert connection.sent >= sent + 2


def test_closing_from_the_test(gateway: SimulatedGateway, open_ws: Open) -> None:
    first, second = open_ws(), open_ws()
    one, two = gateway.ws_connections
    one.close()
    two.close(1011, "gone")
    two.close()
    for ws, code, reason in ((first, 1000, ""), (second, 1011, "gone")):
        with pytest.raises(ConnectionClosed) as caught:
            ws.collect(30)
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (code, reason)
    assert one.closed
    sent = one.sent
    one.send("late")
    assert one.sent == sent


def test_client_that_goes(gateway: SimulatedGateway, open_ws: Open, until: Until) -> None:
    polite, rude = open_ws(), open_ws()
    one, two = gateway.ws_connections
    polite.connection.close()
    rude.connection.socket.close()
    until(lambda: one.closed and two.closed)


def test_any_path_is_accepted(gateway: SimulatedGateway, open_ws: Open) -> None:
    open_ws(url=gateway.ws_url.replace("/v1/api/ws", "/nonsense"))
    assert gateway.ws_connections[0].path == "/nonsense"


def test_ping_gets_a_pong(open_ws: Open) -> None:
    assert open_ws().connection.ping().wait(30)


def test_from_asyncio(gateway: SimulatedGateway) -> None:
    context = ssl.create_default_context(cadata=gateway.certificate_pem.decode())

    async def run() -> dict[str, Any]:
        async with aconnect(gateway.ws_url, ssl=context, proxy=None) as ws:
            async with asyncio.timeout(60):
                message: dict[str, Any] = {}
                async for data in ws:
                    message = json.loads(data)
                    if message["topic"] == "act":
                        await ws.send(smd(265598, "31"))
                    if message["topic"] == "smd+265598":
                        break
        return message

    assert "31" in asyncio.run(run())


def test_a_stream_that_fails_ends_in_the_log(
    gateway: SimulatedGateway,
    open_ws: Open,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    open_ws()
    [connection] = gateway.ws_connections

    def fails(*_: object) -> None:
        raise KeyError("broken")

    monkeypatch.setattr(Account, "properties", fails)
    ws = open_ws(ready=False)
    with pytest.raises(ConnectionClosed):
        ws.message("act")
    until(lambda: gateway.ws_connections[-1].closed)
    assert "A stream of the simulated gateway has failed" in caplog.text
    assert not connection.closed


def test_the_number_of_remembered_closed_connections_is_limited(
    gateway: SimulatedGateway, open_ws: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_gateway, "_MAX_CLOSED", 1)
    for number in range(4):
        with contextlib.closing(open_ws().connection):
            pass
        until(lambda: all(each.closed for each in gateway.ws_connections))
        assert len(gateway.ws_connections) == min(number + 1, 2)
