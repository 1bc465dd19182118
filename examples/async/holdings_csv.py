"""Write an account's holdings in its base currency as CSV.

Start the Client Portal Gateway, log in at its page in a browser, then:

    IBKR_ACCOUNT_ID=DU123456 python examples/async/holdings_csv.py > holdings.csv

Without `IBKR_ACCOUNT_ID` the program uses the first account. Set `IBKR_GATEWAY_URL` if the gateway
is not at `https://localhost:5000/v1/api`. If the value of a row is not known, the column `problem`
says why, and the sum of the rows leaves it out. The last line is IBKR's own total.
"""

import csv
import os
import sys

import bezant


async def write_csv(client: bezant.AsyncClient, account_id: str) -> None:
    """Write a line for each position and each amount of cash, and two totals."""
    holdings = await client.holdings(account_id)
    table = csv.writer(sys.stdout)
    table.writerow(["holding", "quantity", "currency", "value", "rate", "base", "problem"])
    for row in holdings.rows:
        money = [row.currency, row.value, row.rate, row.base_value]
        table.writerow([row.description, row.quantity, *money, row.problem])
    table.writerow(["sum of the known rows", *[""] * 4, holdings.known_total])
    table.writerow(["net liquidation", *[""] * 4, holdings.net_liquidation])


async def main() -> int:
    """Return the exit code: 0, or 2 if the gateway cannot be used."""
    async with bezant.AsyncClient() as client:
        try:
            account_id = os.environ.get("IBKR_ACCOUNT_ID")
            await write_csv(client, account_id or (await client.accounts())[0].account_id)
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
