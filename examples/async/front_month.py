"""Print the front month of a future, and the contract to roll into.

    python examples/async/front_month.py ES

Set `IBKR_GATEWAY_URL` if the gateway is not at `https://localhost:5000/v1/api`.
"""

import sys

import bezant


async def main(symbol: str = "ES") -> int:
    """Print the contracts; return the exit code."""
    async with bezant.AsyncClient() as client:
        try:
            front = await client.contracts.future(symbol)
        except bezant.BezantError as error:
            print(error, file=sys.stderr)
            return 2
    print(f"front month: {front}")
    print(f"rolls into:  {front.roll}")
    return 0


if __name__ == "__main__":
    # <async-only>
    import asyncio

    raise SystemExit(asyncio.run(main(*sys.argv[1:2])))
    # </async-only>
    # <sync-only>
    # raise SystemExit(main(*sys.argv[1:2]))
    # </sync-only>
