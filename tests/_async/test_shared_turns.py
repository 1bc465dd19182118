"""One order of an account at a time over several processes.

Two gateways whose state is kept under one name count as one, for two processes that share one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bezant import AccountBusy, AsyncClient, OutcomeUnknown, PacingError
from bezant.models.orders import OrderTicket
from tests.support._async import later, pause, result
from tests.support.raw import Peer, RawGateway, RawRequest, Script
from tests.support.redis_server import redis_server

# <async-only>
import asyncio  # isort: skip
from bezant._core.shared_pacing import Shared  # isort: skip
from bezant._runtime._ledgers import change_file  # isort: skip
from tests.support._async import until  # isort: skip
# </async-only>

PLACED = b'[{"order_id":"7","order_status":"Submitted"}]'
QUESTION = b'[{"id":"q1","message":["Really?"],"messageIds":["o163"]}]'
TICKET = OrderTicket(
    conid=1, side="BUY", order_type="MKT", time_in_force="DAY", quantity=1, client_order_id="mine-1"
)


def says(body: bytes) -> Script:
    return lambda _, peer: peer.json(body)


def serve(gateway: RawGateway, *answers: Script) -> None:
    waiting = list(answers)

    def script(request: RawRequest, peer: Peer) -> None:
        if request.method == "GET":
            peer.json(b'{"accounts":["DU1"]}')
        else:
            (waiting.pop(0) if waiting else says(PLACED))(request, peer)

    gateway.script(script)


def posts(gateway: RawGateway) -> int:
    return sum(each.method == "POST" for each in gateway.requests)


@pytest.fixture
def other() -> Iterator[RawGateway]:
    with RawGateway() as gateway:
        serve(gateway)
        yield gateway


@pytest.fixture(params=["file", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "file":
        yield f"file:{tmp_path / 'turns.db'}#one"
    else:
        with redis_server(tmp_path) as url:
            yield f"{url}#one"


async def place(client: AsyncClient) -> Any:
    return await client.api.orders.submit_new_orders(account_id="DU1", orders=[TICKET])


async def reply(client: AsyncClient, *, yes: bool = True) -> Any:
    return await client.api.orders.confirm_order_reply(reply_id="q1", confirmed=yes)


@pytest.mark.parametrize("foreign", [False, True])
async def test_another_process_waits_until_the_question_is_answered(
    raw: RawGateway, other: RawGateway, store: str, foreign: bool
) -> None:
    serve(raw, says(QUESTION))
    async with (
        AsyncClient(raw.base_url, pacing=store) as first,
        AsyncClient(other.base_url, pacing=store, max_wait=60) as second,
    ):
        await place(first)
        waiting = later(lambda: place(second))
        await pause(0.1)
        assert posts(other) == 0
        await reply(second if foreign else first)
        [placed] = await result(waiting)
        assert placed.order_id == 7
        [placed] = await place(first)
        assert placed.order_id == 7


async def test_after_max_wait_the_error_names_its_question(
    raw: RawGateway, other: RawGateway, store: str
) -> None:
    serve(raw, says(QUESTION))
    async with (
        AsyncClient(raw.base_url, pacing=store) as first,
        AsyncClient(other.base_url, pacing=store, max_wait=0.1) as second,
    ):
        await place(first)
        with pytest.raises(AccountBusy, match=r"mine-1.*'q1' \(Really") as caught:
            await place(second)
        assert caught.value.question_ids == ("q1",)
        assert posts(other) == 0
        await reply(first, yes=False)
        await place(second)


async def test_an_unknown_outcome_ends_the_turn_everywhere(
    raw: RawGateway, other: RawGateway, store: str
) -> None:
    serve(raw, lambda _, peer: peer.reset())
    async with (
        AsyncClient(raw.base_url, pacing=store) as first,
        AsyncClient(other.base_url, pacing=store, max_wait=30) as second,
    ):
        with pytest.raises(OutcomeUnknown):
            await place(first)
        await place(second)
    assert posts(other) == 1


async def test_without_the_store_no_order_is_sent(
    raw: RawGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(raw)
    async with AsyncClient(raw.base_url, pacing=f"file:{tmp_path / 'turns.db'}") as client:
        await place(client)
        assert posts(raw) == 1
        (tmp_path / "turns.db").write_bytes(b"no database" * 100)
        with pytest.raises(PacingError, match="nothing was sent"):
            await place(client)
        assert posts(raw) == 1
        assert not client._channel.order_turns._turns._open


# <async-only>
async def test_cancelled_orders_leave_no_turn_in_the_store(raw: RawGateway, tmp_path: Path) -> None:
    serve(raw, *[lambda _, peer: peer.silence()] * 20)
    path = f"file:{tmp_path / 'turns.db'}"
    async with AsyncClient(raw.base_url, pacing=path) as client:
        for number in range(12):
            order = later(lambda: place(client))
            await asyncio.sleep(0.002 * number)
            order.cancel()
            await asyncio.gather(order, return_exceptions=True)
        pacing = client._settings.pacing_store
        assert pacing is not None

        def left(shared: Shared, _: float) -> int:
            return len(shared.turns)

        await until(lambda: change_file(pacing, left) == 0)


# </async-only>
