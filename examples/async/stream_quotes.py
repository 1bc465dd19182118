"""Stream the quotes of a stock, and stop after a number of messages.

Start the Client Portal Gateway, log in at its page in a browser, then:

    IBKR_SYMBOL=MSFT python examples/async/stream_quotes.py 20

The default stock is AAPL, the default number of messages 10. Set `IBKR_GATEWAY_URL` if the gateway
is not at `https://localhost:5000/v1/api`.
"""

import os
import sys

import bezant

COLUMNS = ("last", "bid", "ask", "bid_size", "ask_size")


async def stream_quotes(client: bezant.AsyncClient, symbol: str, messages: int) -> None:
    """Print a stock's quote, one line per message."""
    conid = await bezant.AsyncSymbolCache(client).conid_for(symbol)
    async with bezant.AsyncWsClient.connect(client) as ws:
        await ws.subscribe_market_data(conid, bezant.MarketDataFields.default_l1())
        print(f"{symbol} is conid {conid}")
        print(*(f"{name:>9}" for name in COLUMNS))
        async for message in ws:
            if isinstance(message, bezant.MarketData):
                # A message contains all known fields, not only the changed ones. Mark the changed
                # fields with a star.
                for name in COLUMNS:
                    value = message.get(name)
                    mark = "*" if name in message.changed else ""
                    print(f"{'' if value is None else f'{value}{mark}':>9}", end=" ")
                print()
                messages -= 1
            if messages <= 0:
                return


async def main() -> int:
    """Return the exit code: 0, or 2 if the gateway cannot be used."""
    symbol = os.environ.get("IBKR_SYMBOL") or "AAPL"
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    async with bezant.AsyncClient() as client:
        try:
            await client.health()
            await stream_quotes(client, symbol, messages)
        except bezant.BezantError as error:
            print(error, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    # <async-only>
    import asyncio

    raise SystemExit(asyncio.run(main()))
    # </async-only>
    # <sync-only>
    # raise SystemExit(main())
    # </sync-only>
