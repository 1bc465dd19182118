"""Report an account's positions with their profit and loss, and the totals in each currency.

Start the Client Portal Gateway, log in at its page in a browser, then:

    IBKR_ACCOUNT_ID=DU123456 python examples/async/portfolio_report.py

Without `IBKR_ACCOUNT_ID` the program uses the first account. Set `IBKR_GATEWAY_URL` if the gateway
is not at `https://localhost:5000/v1/api`. You can run it as a cron job: its exit code is 2 if the
gateway cannot be used.
"""

import os
import sys
from collections import defaultdict
from decimal import Decimal

import bezant


def line(name: str, *amounts: Decimal) -> str:
    """Return one line of the report."""
    return f"{name[:30]:<30}" + "".join(f"{amount:>16,.2f}" for amount in amounts)


async def report(client: bezant.AsyncClient) -> None:
    """Print the positions, the largest loss first, and the totals."""
    account_id = os.environ.get("IBKR_ACCOUNT_ID")
    if not account_id:
        accounts = await client.accounts()
        account_id = accounts[0].account_id

    totals: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 3)
    positions = await client.all_positions(account_id)
    print(f"{'':<30}{'value':>16}{'unrealized':>16}{'realized':>16}")
    for position in sorted(positions, key=lambda each: each.unrealized_pnl):
        amounts = [position.market_value, position.unrealized_pnl, position.realized_pnl]
        currency = position.currency
        print(line(position.description, *amounts), currency)
        totals[currency] = [a + b for a, b in zip(totals[currency], amounts, strict=True)]
    for currency, amounts in sorted(totals.items()):
        print(line(f"total {currency}", *amounts), currency)
    print(f"{len(positions)} positions in {account_id}")


async def main() -> int:
    """Return the exit code: 0, or 2 if the gateway cannot be used."""
    async with bezant.AsyncClient() as client:
        try:
            await client.health()
            await report(client)
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
