"""Programs of users that read market data and streams."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_type

import bezant


def closes(client: bezant.Client, conid: int) -> list[Decimal]:
    """Return the closes of the last month."""
    history = client.api.market_data.get_md_history(conid=conid, period="1m", bar="1d")
    return [bar.close for bar in history.data]


def change(client: bezant.Client, conid: int) -> Decimal:
    """Return the change between the first and the last close of a month."""
    first, *_, last = closes(client, conid)
    return last / first - 1


def spreads(client: bezant.Client, conids: list[int]) -> dict[int, Decimal]:
    """Return the spreads of the contracts that have a bid and an ask."""
    found: dict[int, Decimal] = {}
    for conid, quote in client.snapshots(conids).items():
        if quote.bid is not None and quote.ask is not None:
            found[conid] = quote.ask - quote.bid
    return found


def alert(client: bezant.Client, symbol: str, limit: Decimal) -> Decimal | None:
    """Return the first price above a limit."""
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
    """Return the contract on each exchange in the United States."""
    found = bezant.SymbolCache(client).listings(symbol)
    return {each.exchange: each.conid for each in found if each.is_us}


async def first_quotes(client: bezant.AsyncClient, conids: list[int]) -> dict[int, Decimal]:
    """Wait until each contract has a bid."""
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
