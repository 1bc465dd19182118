"""Sample user programs that read market data and streams, checked by type checkers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import assert_type

import bezant


@dataclass
class Holding:
    """Some shares of a contract."""

    conid: int
    count: int


def closes(client: bezant.Client, conid: int) -> list[Decimal]:
    """Return the daily closing prices of the last month."""
    history = client.api.market_data.get_md_history(conid=conid, period="1m", bar="1d")
    return [bar.close for bar in history.data]


def change(client: bezant.Client, conid: int) -> Decimal:
    """Return the relative change between the first and the last closing price of the last month."""
    first, *_, last = closes(client, conid)
    return last / first - 1


def spreads(client: bezant.Client, conids: list[int]) -> dict[int, Decimal]:
    """Return the spread of each contract that has a bid and an ask."""
    found: dict[int, Decimal] = {}
    for row in client.quotes(conids, real_time_only=True):
        assert_type(row.contract, int)
        assert_type(row.delta, Decimal | None)
        assert_type(row.company_name, str | None)
        assert_type(row.can_be_traded, bool | None)
        if row.bid is not None and row.ask is not None:
            found[row.contract] = row.ask - row.bid
    return found


def value_of(client: bezant.Client, holdings: list[Holding]) -> Decimal:
    """Return the value of holdings at their last prices; raise an error if one has none."""
    rows = client.quotes(holdings, bezant.L1)
    return sum((row.contract.count * row.require("last") for row in rows), Decimal(0))


def alert(client: bezant.Client, symbol: str, limit: Decimal) -> Decimal | None:
    """Return the first traded price above a limit; None if the stream ends before."""
    conid = bezant.SymbolCache(client).conid_for(symbol)
    with bezant.WsClient.connect(client) as stream:
        stream.subscribe_market_data(conid)
        for message in stream:
            match message:
                case bezant.MarketData(conid=found, last=Decimal() as last) if last > limit:
                    assert_type(found, int)
                    return last
                case _:
                    pass
    return None


def listings(client: bezant.Client, symbol: str) -> dict[str, int]:
    """Return the contract id of a symbol on each exchange in the United States."""
    found = bezant.SymbolCache(client).listings(symbol)
    return {each.exchange: each.conid for each in found if each.is_us}


async def first_quotes(client: bezant.AsyncClient, conids: list[int]) -> dict[int, Decimal]:
    """Wait until each contract has a bid, and return the bids."""
    bids: dict[int, Decimal] = {}
    async with await bezant.AsyncWsClient.connect(client) as stream:
        for conid in conids:
            await stream.subscribe_market_data(conid)
        async for message in stream:
            if isinstance(message, bezant.MarketData) and message.bid is not None:
                bids[message.conid] = message.bid
            if len(bids) == len(conids):
                break
    return bids


def record(client: bezant.Client, conid: int, rows: int) -> list[dict[str, object]]:
    """Return rows for a data frame: all values of the quote at each new bid or ask."""
    found: list[dict[str, object]] = []
    with bezant.WsClient.connect(client) as stream:
        stream.subscribe_market_data(conid)
        for message in stream:
            if isinstance(message, bezant.MarketData) and message.changed & {"bid", "ask"}:
                assert_type(message.changed, frozenset[str])
                assert_type(message.bid, Decimal | None)
                found.append(message.to_dict())
            if len(found) == rows:
                break
    return found


def commissions(client: bezant.Client) -> dict[str, Decimal]:
    """Read the stream to its end, and return the commission of each execution."""
    found: dict[str, Decimal] = {}
    with bezant.WsClient.connect(client) as stream:
        stream.subscribe_trades()
        for message in stream:
            if isinstance(message, bezant.TradeUpdate) and message.commission is not None:
                assert_type(message.execution_id, str)
                found[message.execution_id] = message.commission
    return found


def statuses(client: bezant.Client) -> dict[int, str | None]:
    """Read the stream to its end, and return the last status of each order."""
    found: dict[int, str | None] = {}
    with bezant.WsClient.connect(client) as stream:
        stream.subscribe_orders()
        for message in stream:
            match message:
                case bezant.OrderUpdate(order_id=order_id) if "status" in message.changed:
                    assert_type(order_id, int)
                    found[order_id] = message.status
                case bezant.Gap(topic=None):
                    found.clear()
                case _:
                    pass
    return found
