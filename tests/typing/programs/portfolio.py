"""Sample user programs that read totals, weights, positions and P&L, checked by type checkers."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import assert_type

import bezant


def totals_per_currency(client: bezant.Client, account_id: str) -> dict[str, Decimal]:
    """Return the total market value of the positions in each currency."""
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    for position in client.all_positions(account_id):
        assert_type(position.market_value, Decimal)
        totals[position.currency] += position.market_value
    return dict(totals)


def total_in_base_currency(client: bezant.Client, account_id: str) -> Decimal:
    """Return the total market value of the positions, converted at the ledger's exchange rates.

    The result is in the account's base currency.
    """
    ledger = client.api.portfolio.get_portfolio_ledger(account_id=account_id)
    rates = {currency: row.exchange_rate for currency, row in ledger.items()}
    assert_type(rates, dict[str, Decimal])
    totals = totals_per_currency(client, account_id)
    return sum((value * rates[currency] for currency, value in totals.items()), Decimal(0))


def weights(client: bezant.Client, account_id: str) -> dict[int, Decimal]:
    """Return each position's share of the invested amount."""
    positions = client.all_positions(account_id)
    whole = sum((abs(each.market_value) for each in positions), Decimal(0))
    return {each.conid: each.market_value / whole for each in positions}


def to_close(client: bezant.Client, account_id: str) -> list[tuple[int, bezant.Side, Decimal]]:
    """Return the orders that would close all positions: contract, side and quantity."""
    return [
        (each.conid, "SELL" if each.quantity > 0 else "BUY", abs(each.quantity))
        for each in client.all_positions(account_id)
        if each.quantity
    ]


def print_profit_and_loss(client: bezant.Client) -> None:
    """Print the profit and loss of every account's positions, the largest loss first."""
    for account in client.accounts():
        assert_type(account.account_id, str)
        positions = client.all_positions(account.account_id)
        for each in sorted(positions, key=lambda position: position.unrealized_pnl):
            print(f"{each.description:<30} {each.unrealized_pnl:>12,.2f} {each.currency}")
        print(account.account_id, account.currency, len(positions))


def cash_by_currency(client: bezant.Client, account_id: str) -> dict[str, Decimal]:
    """Return the cash in each currency, without the ledger's total of all currencies."""
    ledger = client.api.portfolio.get_portfolio_ledger(account_id=account_id)
    return {key: row.cash_balance for key, row in ledger.items() if key != "BASE"}


async def exposure(client: bezant.AsyncClient) -> Decimal:
    """Return the sum of the absolute values of all positions, which must have one currency."""
    total = Decimal(0)
    for account in await client.accounts():
        async for page in client.position_pages(account.account_id):
            total += sum(abs(each.market_value) for each in page)
    return total
