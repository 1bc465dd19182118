"""Tests of the file in which contracts are kept for later processes."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
import threading
from math import ceil
from pathlib import Path

import pytest

from bezant import AsyncClient, Contract, InvalidRequest, SymbolNotFound
from bezant._runtime._shared.contract_store import ContractStore
from bezant.sim import SimulatedGateway
from tests.support.raw import RawGateway
from tests.support.scripted import Call, ScriptedGateway

SYMBOLS = [f"S{number:03}" for number in range(500)]
PROGRAM = """
import sys, bezant
with bezant.Client(sys.argv[1], cache=sys.argv[2], verify=False) as client:
    found = client.contracts.stocks([f"S{number:03}" for number in range(500)])
    assert [each.conid for each in found.values()] == list(range(1, 501))
    assert found["S007"].currency == "USD"
"""


def stocks(call: Call) -> object:
    """Respond as a gateway with 500 stocks."""
    if call.path == "/trsrv/stocks":
        return {
            symbol: [{"name": symbol, "assetClass": "STK", "contracts": [
                {"conid": SYMBOLS.index(symbol) + 1, "exchange": "NYSE", "isUS": True}
            ]}]
            for symbol in call.query["symbols"].split(",")
        }  # fmt: skip
    if call.path == "/trsrv/secdef":
        return {
            "secdef": [
                {"conid": int(conid), "ticker": SYMBOLS[int(conid) - 1], "assetClass": "STK",
                 "currency": "USD", "listingExchange": "NYSE"}
                for conid in call.query["conids"].split(",")
            ]
        }  # fmt: skip
    return None


async def test_a_second_process_sends_no_request(raw: RawGateway, tmp_path: Path) -> None:
    gateway = ScriptedGateway(raw, stocks)
    path = tmp_path / "folder" / "contracts.db"
    async with AsyncClient(gateway.base_url, cache=path) as client:
        await client.contracts.stocks(SYMBOLS)
    assert len(gateway.calls) == 1 + ceil(len(SYMBOLS) / 200)
    gateway.calls.clear()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, gateway.base_url, path],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert gateway.calls == []


async def test_the_environment_names_the_file(
    gateway: SimulatedGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEZANT_CACHE", str(tmp_path / "contracts.db"))
    for _ in range(2):
        async with AsyncClient(gateway.base_url) as client:
            front = await client.contracts.future("ES")
            assert front.roll is not None
            await client.contracts.stock("AAPL")
    assert len(gateway.requests) == 4
    async with AsyncClient(gateway.base_url, cache="") as client:
        await client.contracts.stock("AAPL")
    assert len(gateway.requests) == 6
    for wrong in (5, True, b"x", "a\0b"):
        with pytest.raises(InvalidRequest, match="cache must be the path of a file"):
            AsyncClient(cache=wrong)  # type: ignore[arg-type]


async def test_chains_and_unknown_symbols_are_kept(
    gateway: SimulatedGateway, tmp_path: Path
) -> None:
    options: list[Contract] = []
    for _ in range(2):
        async with AsyncClient(gateway.base_url, cache=tmp_path / "contracts.db") as client:
            aapl = await client.contracts.stock("AAPL")
            with pytest.raises(SymbolNotFound, match="no stock 'ZZZZ'"):
                await client.contracts.stock("ZZZZ")
            chain = await client.contracts.option_chain(aapl)
            [(day, _)] = await chain.expiries(chain.months[0])
            options = await chain.expiry(day).strikes(within="10%", around=255).contracts()
            assert options
            assert all(each.expiry == day for each in options)
    assert gateway.count("GET", "/trsrv/stocks") == 2
    assert gateway.count("GET", "/trsrv/secdef") == 1
    assert gateway.count("GET", "/iserver/secdef/search") == 2
    assert gateway.count("GET", "/iserver/secdef/strikes") == 1
    assert gateway.count("GET", "/iserver/secdef/info") == len(options) / 2


async def test_gateways_do_not_share_conids(
    gateway: SimulatedGateway, raw: RawGateway, tmp_path: Path
) -> None:
    path = tmp_path / "contracts.db"
    async with AsyncClient(gateway.base_url, cache=path) as client:
        assert (await client.contracts.stock("AAPL")).conid == 265598
    real = ScriptedGateway(raw, lambda call: {} if call.path == "/trsrv/stocks" else None)
    async with AsyncClient(real.base_url, cache=path) as client:
        with pytest.raises(SymbolNotFound):
            await client.contracts.stock("AAPL")


async def test_a_damaged_file_is_set_aside(
    gateway: SimulatedGateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "contracts.db"
    path.write_bytes(b"this is no database " * 100)
    async with AsyncClient(gateway.base_url, cache=path) as client:
        await client.contracts.stock("AAPL")
    [record] = [each for each in caplog.records if each.name == "bezant.contracts"]
    assert "is damaged (file is not a database); it was renamed to" in record.getMessage()
    assert record.levelno == logging.WARNING
    assert len(list(tmp_path.glob("contracts.db.damaged-*"))) == 1
    requests = len(gateway.requests)
    async with AsyncClient(gateway.base_url, cache=path) as client:
        await client.contracts.stock("AAPL")
    assert len(gateway.requests) == requests


async def test_a_file_that_cannot_be_used_changes_nothing(
    gateway: SimulatedGateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    async with AsyncClient(gateway.base_url, cache=tmp_path / "file" / "contracts.db") as client:
        assert (await client.contracts.stock("AAPL")).conid == 265598
    async with AsyncClient(gateway.base_url, cache=tmp_path) as client:
        assert (await client.contracts.stock("AAPL")).conid == 265598
    texts = [each.getMessage() for each in caplog.records if each.name == "bezant.contracts"]
    assert len(texts) == 2
    assert all("cannot use the file of contracts" in text for text in texts)


async def test_forgotten_stocks_leave_the_file(gateway: SimulatedGateway, tmp_path: Path) -> None:
    path = tmp_path / "contracts.db"
    async with AsyncClient(gateway.base_url, cache=path) as client:
        await client.contracts.stocks(["AAPL", "MSFT"])
        client.contracts.forget("AAPL")
        await client.contracts.stock("KO")
        with sqlite3.connect(path) as file:
            keys = [row[0] for row in file.execute("SELECT key FROM lookups WHERE kind = 'stock'")]
        file.close()
        assert sorted(keys) == ["KO\t\t", "MSFT\t\t"]
        client.contracts.clear()
        await client.contracts.stock("KO")
        with sqlite3.connect(path) as file:
            [count] = file.execute("SELECT count(*) FROM lookups").fetchone()
        file.close()
        assert count == 2


def test_many_writers_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "contracts.db")

    def write(number: int) -> None:
        store = ContractStore(path, "gateway")
        for count in range(10):
            store.write(False, [("zone", f"{number}-{count}", 1.0, "x")])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ContractStore(path, "gateway").read()) == 40
    assert ContractStore(path, "other").read() == []


def test_a_file_of_another_version_is_emptied(tmp_path: Path) -> None:
    path = str(tmp_path / "contracts.db")
    store = ContractStore(path, "gateway")
    store.write(False, [("zone", "1", 1.0, "x")])
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version = 99")
    file.close()
    assert store.read() == []
    assert not os.path.exists(f"{path}.damaged-{os.getpid()}")  # noqa: PTH110
