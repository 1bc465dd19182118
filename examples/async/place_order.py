"""Buy a stock, wait for the order, and print its result.

Start the Client Portal Gateway, log in at its page in a browser, then:

    IBKR_ACCOUNT_ID=DU123456 python examples/async/place_order.py AAPL 10 240.50

Use a paper account. The program buys 10 shares of AAPL for at most 240.50 each; without a price it
places a market order. If the order is not filled within a minute, the program cancels it. Without
`IBKR_ACCOUNT_ID` the program uses the first account. Set `IBKR_GATEWAY_URL` if the gateway is not
at `https://localhost:5000/v1/api`.
"""

import os
import sys

import bezant


async def place(client: bezant.AsyncClient, order: bezant.Order) -> None:
    """Place an order, and print its result."""
    accounts = await client.accounts()
    account_id = os.environ.get("IBKR_ACCOUNT_ID") or accounts[0].account_id
    async with client.trading(account_id) as trading:
        trade = await trading.place(order)
        if not await trade.wait(timeout=60):
            await trade.cancel()  # the order can still fill first
        print(trade.status, trade.filled, trade.average_price, trade.commission)


async def main() -> int:
    """Return the exit code: 0, or 2 if the order was not placed or its result is not known."""
    symbol, quantity, *limit = sys.argv[1:] or ["AAPL", "1"]
    order = bezant.Buy(symbol, quantity)
    if limit:
        order = bezant.Buy(symbol, quantity, limit=limit[0])
    async with bezant.AsyncClient() as client:
        try:
            await client.health()
            await place(client, order)
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
