"""Tests of Ctrl-C in the middle of orders of the blocking client."""

from __future__ import annotations

import _thread
import time
from collections.abc import Callable, Iterator

import pytest

from bezant import Buy, Client, OrderQuestion, Trading
from tests.support.order_server import ACCOUNT, CONID, OrderServer
from tests.support.processes import hearing_ctrl_c

BUY = Buy(CONID, 10, limit="240.50")


@pytest.fixture
def server(_no_threads_left: None, no_old_garbage: None) -> Iterator[OrderServer]:
    with hearing_ctrl_c(), OrderServer() as running:
        yield running


def pressing(server: OrderServer, call: str) -> Callable[[str], None]:
    """Return a function that presses Ctrl-C once, when the server has read a call of a kind."""

    def press(name: str) -> None:
        if name == call:
            server.interrupt = None
            _thread.interrupt_main()
            time.sleep(0.1)

    return press


def test_ctrl_c_does_not_cut_off_the_decline(server: OrderServer) -> None:
    def leave_open(trading: Trading) -> None:
        with trading:
            server.asks.append(["o163"])
            with pytest.raises(OrderQuestion):
                trading.place(BUY)
            server.interrupt = pressing(server, "reply")

    with Client(server.base_url, timeout=5) as client:
        with pytest.raises(KeyboardInterrupt):
            leave_open(client.trading(ACCOUNT))
        assert server.answered == [("q1", False)]
        assert client.trading(ACCOUNT).place(BUY).order_id == 100


@pytest.mark.parametrize("call", ["place", "reply"])
def test_ctrl_c_in_the_middle_of_an_order_leaves_it_unresolved(
    server: OrderServer, call: str
) -> None:
    with Client(server.base_url, timeout=5) as client:
        trading = client.trading(ACCOUNT)
        if call == "reply":
            server.asks.append(["o163"])
        server.interrupt = pressing(server, call)
        with pytest.raises(KeyboardInterrupt) as caught:
            trading.place(BUY, answers={"o163": True})
        assert "may have been carried out" in caught.value.__notes__[0]
        [trade] = trading.unresolved
        while not server.orders:
            time.sleep(0.01)
        trade.resolve()
        assert (trade.order_id, trading.unresolved) == (100, ())
    assert server.count(call) == 1
