"""List all positions of an account.

Start the Client Portal Gateway, log in at its page in a browser, then:

    IBKR_ACCOUNT_ID=DU123456 python examples/async/list_positions.py

Without `IBKR_ACCOUNT_ID` the program uses the first account. Set `IBKR_GATEWAY_URL` if the gateway
is not at `https://localhost:5000/v1/api`.
"""

import os
import sys

import bezant


async def list_positions(client: bezant.AsyncClient) -> None:
    """Print the positions, one per line."""
    account_id = os.environ.get("IBKR_ACCOUNT_ID")
    if not account_id:
        accounts = await client.accounts()
        account_id = accounts[0].account_id

    positions = await client.all_positions(account_id)
    for position in positions:
        print(
            f"{position.description:<30} {position.quantity:>12}"
            f" {position.market_value:>16,.2f} {position.currency}"
        )
    print(f"{len(positions)} positions in {account_id}")


async def main() -> int:
    """Return the exit code: 0, or 2 if the gateway cannot be used."""
    async with bezant.AsyncClient() as client:
        try:
            await client.health()
            await list_positions(client)
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
