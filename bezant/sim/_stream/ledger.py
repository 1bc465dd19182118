"""WebSocket topic `sld`: account ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .reports import Report, Reports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .messages import Message

_ZEROS = (
    "cashBalanceFXSegment",
    "commodityMarketValue",
    "corporateBondsMarketValue",
    "dividends",
    "funds",
    "interest",
    "issueOptionsMarketValue",
    "moneyFunds",
    "tBillsMarketValue",
    "tBondsMarketValue",
    "warrantsMarketValue",
)


class Ledger(Reports):
    """Subscriptions to the account's ledger, which has a row for each currency."""

    name = "ledger"
    ends = "uld"

    def _messages(self, account: str, report: Report) -> Iterator[Message]:
        parts = self._account.ledger()
        rows = [
            {
                "key": f"LedgerList{name}",
                "acctCode": account,
                "secondKey": name,
                "cashbalance": part["cashbalance"],
                "exchangeRate": part["exchangerate"],
                "netLiquidationValue": part["netliquidationvalue"],
                "settledCash": part["settledcash"],
                "stockMarketValue": part["stockmarketvalue"],
                "optionMarketValue": part["stockoptionmarketvalue"],
                "realizedPnl": part["realizedpnl"],
                "unrealizedPnl": part["unrealizedpnl"],
                "marketValue": round(part["stockmarketvalue"] + part["stockoptionmarketvalue"], 2),
                "severity": 0,
            }
            | dict.fromkeys(_ZEROS, 0.0)
            for name, part in parts.items()
        ]
        yield {"topic": f"sld+{account}", "result": self._stamped(report.changes(rows))}
