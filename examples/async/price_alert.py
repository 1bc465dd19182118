"""Wait until a stock trades at a price or above, through lost connections and restarts.

Start the Client Portal Gateway, log in at its page in a browser, then:

    IBKR_SYMBOL=MSFT python examples/async/price_alert.py 500

Without `IBKR_SYMBOL` it is AAPL, without a number 300. `IBKR_GATEWAY_URL` names another gateway
than `https://localhost:5000/v1/api`. When the gateway goes away it waits; when nobody is logged in
any more it says so, and goes on as soon as somebody is.
"""

import os
import sys
from decimal import Decimal

import bezant


def tell(text: object) -> None:
    """Say something beside the output."""
    print(text, file=sys.stderr)


async def wait_for(client: bezant.AsyncClient, symbol: str, limit: Decimal) -> Decimal:
    """Return the first price that is high enough."""
    conid = await bezant.AsyncSymbolCache(client).conid_for(symbol)
    async with bezant.AsyncWsClient.connect(client) as ws:
        quote = await ws.quote(conid)
        while True:
            if not await quote.wait(timeout=60):
                if ws.closed:
                    raise ws.close_reason or bezant.WsClosed("the stream has ended")
                tell(f"nothing for a minute; {ws!r}")
            # A price from before an interruption, or yesterday's close, is no trade of now.
            elif not quote.stale and not quote.is_close and (quote.last or 0) >= limit:
                return quote.last or limit


async def main() -> int:
    """Return the exit code: 0, or 2 when the gateway cannot be used at the start."""
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
