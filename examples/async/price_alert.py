"""Wait until a stock trades at or above a price, through logouts, lost connections and restarts.

Start the Client Portal Gateway, log in at its page in a browser, then:

    IBKR_SYMBOL=MSFT python examples/async/price_alert.py 500

The default stock is AAPL, the default price 300. Set `IBKR_GATEWAY_URL` if the gateway is not at
`https://localhost:5000/v1/api`. Whenever the price may be outdated, because the login is lost or
the gateway stops for example, the program says so and what to do. It continues by itself.
"""

import os
import sys
from decimal import Decimal

import bezant


async def wait_for(client: bezant.AsyncClient, conid: int, limit: Decimal) -> Decimal:
    """Wait until the contract trades at `limit` or above, and return the price."""
    async with bezant.AsyncWsClient.connect(client) as ws:
        quote = await ws.quote(conid)
        while quote.stale or quote.is_close or quote.last is None or quote.last < limit:
            try:
                await quote.wait()
            except bezant.StaleData as stale:
                print(stale, file=sys.stderr)
        return quote.last


async def main() -> int:
    """Return the exit code: 0, or 2 if the gateway cannot be used."""
    symbol = os.environ.get("IBKR_SYMBOL") or "AAPL"
    limit = Decimal(sys.argv[1] if len(sys.argv) > 1 else "300")
    async with bezant.AsyncClient() as client:
        try:
            await client.health()
            async with client.keepalive():
                conid = await bezant.AsyncSymbolCache(client).conid_for(symbol)
                price = await wait_for(client, conid, limit)
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
