"""Print the options on a stock near its price: the next monthly expiry.

    python examples/async/option_chain.py AAPL

Set `IBKR_GATEWAY_URL` if the gateway is not at `https://localhost:5000/v1/api`.
"""

import sys

import bezant


async def main(symbol: str = "AAPL") -> int:
    """Print one line for each option; return the exit code."""
    async with bezant.AsyncClient() as client:
        try:
            stock = await client.contracts.stock(symbol)
            chain = await client.contracts.option_chain(stock)
            near = await chain.expiry("monthly").strikes(within="10%").contracts()
        except bezant.BezantError as error:
            print(error, file=sys.stderr)
            return 2
    for option in near:
        print(option.expiry, option.strike, option.right, option.conid)
    return 0


if __name__ == "__main__":
    # <async-only>
    import asyncio

    raise SystemExit(asyncio.run(main(*sys.argv[1:2])))
    # </async-only>
    # <sync-only>
    # raise SystemExit(main(*sys.argv[1:2]))
    # </sync-only>
