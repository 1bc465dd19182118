"""Wait until a stock trades at or above a price, through lost connections and restarts.

Start the Client Portal Gateway, log in at its page in a browser, then:

    IBKR_SYMBOL=MSFT python examples/async/price_alert.py 500

The default stock is AAPL, the default price 300. Set `IBKR_GATEWAY_URL` if the gateway is not at
`https://localhost:5000/v1/api`. If the gateway stops, the program waits for it. If the login is
lost, the program reports it and continues after the next login.
"""

import os
import sys
from decimal import Decimal

import bezant


def tell(text: object) -> None:
    """Print to standard error."""
    print(text, file=sys.stderr)


async def wait_for(client: bezant.AsyncClient, symbol: str, limit: Decimal) -> Decimal:
    """Wait until the stock's price is at least `limit`, and return the price."""
    conid = await bezant.AsyncSymbolCache(client).conid_for(symbol)
    async with bezant.AsyncWsClient.connect(client) as ws:
        quote = await ws.quote(conid)
        while True:
            if not await quote.wait(timeout=60):
                if ws.closed:
                    raise ws.close_reason or bezant.WsClosed("the stream has ended")
                tell(f"no quote for a minute; {ws!r}")
            # Ignore yesterday's closing price, and prices from before an interruption.
            elif not quote.stale and not quote.is_close and quote.last and quote.last >= limit:
                return quote.last


async def main() -> int:
    """Return the exit code: 0, or 2 if the gateway cannot be used at the start."""
    symbol = os.environ.get("IBKR_SYMBOL") or "AAPL"
    limit = Decimal(sys.argv[1] if len(sys.argv) > 1 else "300")
    async with bezant.AsyncClient() as client:
        try:
            await client.health()
            async with client.keepalive(on_lost=tell, on_restored=lambda: tell("back again")):
                price = await wait_for(client, symbol, limit)
        except bezant.BezantError as error:
            print(error, file=sys.stderr)
            return 2
    print(f"{symbol} is at {price}")
    return 0


if __name__ == "__main__":
    # <async-only>
    import asyncio

    raise SystemExit(asyncio.run(main()))
    # </async-only>
    # <sync-only>
    # raise SystemExit(main())
    # </sync-only>
