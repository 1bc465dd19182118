"""The simulated account: positions, ledger, summary."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bezant.sim._catalogue import Catalogue, Contract
    from bezant.sim._clock import Clock

PAGE_SIZE = 100
_CASH = {"USD": 971869.6, "EUR": 12500.0}
_RATES = {"USD": 1.0, "EUR": 1.17, "JPY": 0.0064}
_LEDGER_ZEROS = (
    "commoditymarketvalue",
    "futuremarketvalue",
    "corporatebondsmarketvalue",
    "warrantsmarketvalue",
    "moneyfunds",
    "realizedpnl",
    "funds",
    "issueroptionsmarketvalue",
    "futuresonlypnl",
    "tbondsmarketvalue",
    "futureoptionmarketvalue",
    "cashbalancefxsegment",
    "tbillsmarketvalue",
    "dividends",
    "cryptocurrencyvalue",
)


class Account:
    """What one account holds; seeded, and the same for the whole life of the gateway."""

    def __init__(self, account_id: str, catalogue: Catalogue, seed: int, clock: Clock) -> None:
        self.account_id = account_id
        self._clock = clock
        rng = random.Random(f"{seed}/positions")
        held = catalogue.held
        # One position was closed today and is still listed, as the wire does.
        closed = len(held) - 1 if len(held) > 1 else -1
        self.positions: list[dict[str, Any]] = [
            self._position(contract, rng, index, closed=index == closed)
            for index, contract in enumerate(held)
        ]

    def _position(
        self, contract: Contract, rng: random.Random, index: int, *, closed: bool
    ) -> dict[str, Any]:
        derivative = contract.asset_class != "STK"
        size = float(rng.choice((-5, -2, 1, 3, 10, 20)) if derivative else rng.randrange(1, 900))
        if closed:
            size = 0.0
        unit = contract.multiplier or 1.0
        paid = round(contract.price * rng.uniform(0.8, 1.15), 4)
        value = round(contract.price * size * unit, 2)
        row: dict[str, Any] = {
            "acctId": self.account_id,
            "conid": contract.conid,
            "contractDesc": contract.title,
            "position": size,
            "mktPrice": contract.price,
            "mktValue": value,
            "currency": contract.currency,
            "avgCost": paid * unit,
            "avgPrice": paid,
            "realizedPnl": round(rng.uniform(-500, 500), 2) if closed else 0.0,
            "unrealizedPnl": round(value - paid * size * unit, 2),
            "exchs": None,
            "expiry": contract.expiry,
            "putOrCall": contract.right,
            "multiplier": contract.multiplier if derivative else None,
            "strike": contract.strike,
            "exerciseStyle": None,
            "conExchMap": [],
            "assetClass": contract.asset_class,
            "undConid": contract.underlying,
            "model": "",
        }
        if index % 2 == 0:
            # The wire has a long form of a row too, and spells some values another way in it.
            row |= {
                "multiplier": contract.multiplier,
                "strike": f"{contract.strike:g}",
                "ticker": contract.symbol,
                "name": contract.name,
                "isUS": contract.is_us,
                "isEventContract": False,
                "fullName": contract.title,
                "listingExchange": contract.exchange,
                "countryCode": contract.country,
                "type": "COMMON" if not derivative else "",
                "hasOptions": not derivative and contract.is_us,
                "pageSize": PAGE_SIZE,
            }
        return row

    def page(self, number: int, sort: str | None, direction: str) -> list[dict[str, Any]]:
        """Return a page of positions; without `sort` the number is ignored, as on the wire."""
        if sort is None:
            return self.positions
        key = "position" if sort == "position" else "contractDesc"
        rows = sorted(
            self.positions, key=lambda row: (row[key], row["conid"]), reverse=direction == "d"
        )
        return rows[number * PAGE_SIZE : (number + 1) * PAGE_SIZE] if number >= 0 else []

    def position(self, conid: int) -> list[dict[str, Any]]:
        """Return the position in one contract, as a list of none or one."""
        return [row for row in self.positions if row["conid"] == conid]

    def uncached(self) -> list[dict[str, Any]]:
        """Return all positions in the form of `/portfolio2`."""
        now = int(self._clock.now())
        return [
            {
                "position": row["position"],
                "conid": str(row["conid"]),
                "avgCost": row["avgCost"],
                "avgPrice": row["avgPrice"],
                "currency": row["currency"],
                "description": row["contractDesc"],
                "isLastToLoq": False,
                "marketPrice": row["mktPrice"],
                "marketValue": row["mktValue"],
                "realizedPnl": row["realizedPnl"],
                "secType": row["assetClass"],
                "timestamp": now,
                "unrealizedPnl": row["unrealizedPnl"],
                "assetClass": row["assetClass"],
                "sector": None,
                "group": None,
                "model": "",
            }
            for row in self.positions
        ]

    def _total(self, key: str, currency: str | None = None, kind: str | None = None) -> float:
        """Add up a key of the positions; in the base currency unless a currency is named."""
        total = 0.0
        for row in self.positions:
            if currency in (None, row["currency"]) and kind in (None, row["assetClass"]):
                total += row[key] * (_RATES[row["currency"]] if currency is None else 1.0)
        return round(total, 2)

    @property
    def market_value(self) -> float:
        """The value of all positions but futures, in the base currency."""
        return self._total("mktValue") - self._total("mktValue", kind="FUT")

    @property
    def unrealized(self) -> float:
        """The unrealised profit and loss of all positions, in the base currency."""
        return self._total("unrealizedPnl")

    @property
    def cash(self) -> float:
        """The cash in all currencies, in the base currency."""
        return round(sum(amount * _RATES[currency] for currency, amount in _CASH.items()), 2)

    @property
    def net_liquidation(self) -> float:
        """Cash and positions, in the base currency."""
        return round(self.cash + self.market_value, 2)

    def ledger(self) -> dict[str, Any]:
        """Return the cash report: a part per currency, and their aggregate BASE."""
        body = {
            currency: self._ledger_part(currency, currency, amount, _RATES[currency])
            for currency, amount in _CASH.items()
        }
        body["BASE"] = self._ledger_part("BASE", None, self.cash, 1)
        return body

    def _ledger_part(
        self, name: str, currency: str | None, cash: float, rate: float
    ) -> dict[str, Any]:
        stocks = self._total("mktValue", currency, "STK")
        options = self._total("mktValue", currency, "OPT")
        return dict.fromkeys(_LEDGER_ZEROS, 0.0) | {
            "settledcash": cash,
            "cashbalance": cash,
            "exchangerate": rate,
            "sessionid": 1,
            "netliquidationvalue": round(cash + stocks + options, 2),
            "interest": 0.0,
            "unrealizedpnl": self._total("unrealizedPnl", currency),
            "stockmarketvalue": stocks,
            "stockoptionmarketvalue": options,
            "currency": name,
            "acctcode": self.account_id,
            "key": "LedgerList",
            "timestamp": int(self._clock.now()),
            "severity": 0,
            "secondkey": name,
            "endofbundle": 1,
        }

    def summary(self) -> dict[str, Any]:
        """Return the account summary: an object per key."""
        net = self.net_liquidation
        margin = round(abs(self.market_value) * 0.3, 2)
        amounts = {
            "netliquidation": net,
            "equitywithloanvalue": net,
            "totalcashvalue": self.cash,
            "settledcash": self.cash,
            "grosspositionvalue": self.market_value,
            "initmarginreq": margin,
            "maintmarginreq": margin,
            "availablefunds": round(net - margin, 2),
            "excessliquidity": round(net - margin, 2),
            "buyingpower": round((net - margin) * 4, 2),
            "accruedcash": 0.0,
        }
        now = int(self._clock.now() * 1000)
        body: dict[str, Any] = {
            key: {
                "amount": amount,
                "currency": "USD",
                "isNull": False,
                "timestamp": now,
                "value": str(amount),
                "severity": 0,
            }
            for key, amount in amounts.items()
        }
        for key, text in (("accountcode", self.account_id), ("accounttype", "INDIVIDUAL")):
            body[key] = {
                "amount": 0.0,
                "currency": None,
                "isNull": False,
                "timestamp": now,
                "value": text,
                "severity": 0,
            }
        return body

    def listing(self) -> list[dict[str, Any]]:
        """Return the account as `GET /portfolio/accounts` does."""
        return [
            {
                "id": self.account_id,
                "PrepaidCrypto-Z": False,
                "PrepaidCrypto-P": False,
                "brokerageAccess": True,
                "accountId": self.account_id,
                "accountVan": self.account_id,
                "accountTitle": "Simulated Account",
                "displayName": "Simulated Account",
                "accountAlias": None,
                "accountStatus": 1769922000000,
                "currency": "USD",
                "type": "DEMO",
                "tradingType": "STKNOPT",
                "businessType": "INDEPENDENT",
                "category": "",
                "ibEntity": "IBLLC-US",
                "faclient": False,
                "clearingStatus": "O",
                "covestor": False,
                "noClientTrading": False,
                "trackVirtualFXPortfolio": False,
                "acctCustType": "INDIVIDUAL",
                "parent": {
                    "mmc": [],
                    "accountId": "",
                    "isMParent": False,
                    "isMChild": False,
                    "isMultiplex": False,
                },
                "desc": self.account_id,
            }
        ]

    def properties(self, token: str, server: dict[str, str]) -> dict[str, Any]:
        """Return the account as `GET /iserver/accounts` and the `act` message do."""
        flags = {
            "hasChildAccounts": False,
            "supportsCashQty": True,
            "liteUnderPro": False,
            "noFXConv": False,
            "isProp": False,
            "supportsFractions": True,
            "allowCustomerTime": False,
            "autoFx": False,
        }
        return {
            "accounts": [self.account_id],
            "acctProps": {self.account_id: flags},
            "aliases": {self.account_id: self.account_id},
            "allowFeatures": {
                "showGFIS": True,
                "allowFXConv": True,
                "allowCrypto": False,
                "snapshotRefreshTimeout": 30,
                "allowedAssetTypes": "STK,OPT,FUT",
            },
            "chartPeriods": {kind: ["*"] for kind in ("STK", "OPT", "FUT")},
            "groups": [],
            "profiles": [],
            "selectedAccount": self.account_id,
            "serverInfo": server,
            "sessionId": token[:8],
            "isFT": False,
            "isPaper": True,
        }
