"""Builds the JSON that IBKR's API returns about the account: positions, ledger, summary."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .._market.books import BASE, RATES

if TYPE_CHECKING:
    from .._market.books import Holding, Totals
    from .._state.state import State

PAGE_SIZE = 100
LEVERAGE = 4
_ZERO = Decimal(0)
_FEATURES: dict[str, Any] = {
    "showGFIS": True,
    "showEUCostReport": False,
    "allowEventContract": True,
    "allowFXConv": True,
    "allowFinancialLens": False,
    "allowMTA": True,
    "allowTypeAhead": True,
    "allowEventTrading": True,
    "snapshotRefreshTimeout": 30,
    "liteUser": False,
    "showWebNews": True,
    "research": True,
    "debugPnl": True,
    "showTaxOpt": True,
    "showImpactDashboard": True,
    "allowDynAccount": False,
    "allowCrypto": False,
    "allowFA": False,
    "allowLiteUnderPro": False,
    "allowedAssetTypes": "STK,CFD,OPT,FOP,WAR,FUT,BAG,CASH,IND,BOND,FUND,CMDTY,IOPT,CRYPTO",
    "restrictTradeSubscription": False,
    "showUkUserLabels": False,
    "sideBySide": True,
}
_SHORT = ["2h", "1d", "2d", "1w", "1m"]
_CHARTS: dict[str, list[str]] = {
    **{kind: ["*"] for kind in ("STK", "CFD", "OPT", "FOP", "WAR", "IOPT", "FUT", "CASH", "IND")},
    **{kind: ["*"] for kind in ("BOND", "FUND", "CMDTY", "PHYSS", "CRYPTO")},
    "OPT": _SHORT,
    "FOP": _SHORT,
}
# IBKR marks the rows of some stocks as expired, although these are held and traded. Such a row has
# no price rules (`_RULES`).
_EXPIRED = {"expired": True}
_LAST_OF_EIGHT = 6
_RULES = {
    "incrementRules": [{"lowerEdge": 0.0, "increment": 0.01}],
    "displayRule": {
        "magnification": 0,
        "displayRuleStep": [{"decimalDigits": 2, "lowerEdge": 0.0, "wholeDigits": 4}],
    },
}
_LEDGER_ZEROS = (
    "commoditymarketvalue",
    "corporatebondsmarketvalue",
    "warrantsmarketvalue",
    "moneyfunds",
    "funds",
    "issueroptionsmarketvalue",
    "tbondsmarketvalue",
    "futureoptionmarketvalue",
    "cashbalancefxsegment",
    "tbillsmarketvalue",
    "dividends",
    "cryptocurrencyvalue",
    "interest",
)


def amount(number: Decimal) -> float:
    """Return an amount of money as a float with two decimal places, for JSON."""
    return round(float(number), 2)


def _text(name: str, number: Decimal) -> str:
    return f"{number:.2f}" if name == "leverage" else f"{number:,.0f} {BASE}"


class _Part:
    """Sums of cash, values and gains in one currency."""

    def __init__(self, cash: Decimal) -> None:
        self.cash = cash
        self.values: dict[str, Decimal] = dict.fromkeys(("STK", "OPT", "FUT"), _ZERO)
        self.unrealized = self.realized = _ZERO

    def add(self, kind: str, value: Decimal, unrealized: Decimal, realized: Decimal) -> None:
        self.values[kind] += value
        self.unrealized += unrealized
        self.realized += realized


class Account:
    """Builds the JSON of the account. Each call uses the current positions, cash and prices."""

    def __init__(self, state: State) -> None:
        self._account_id = state.account_id
        self._trading = state.trading
        self._clock = state.clock

    def _row(self, holding: Holding, mark: Decimal, index: int) -> dict[str, Any]:
        contract = holding.contract
        derivative = contract.asset_class != "STK"
        cost = holding.average_cost
        row: dict[str, Any] = {
            "acctId": self._account_id,
            "conid": contract.conid,
            "contractDesc": contract.title,
            "position": float(holding.quantity),
            "mktPrice": float(mark),
            "mktValue": amount(holding.quantity * mark * holding.unit),
            "currency": contract.currency,
            "avgCost": round(float(cost), 6),
            "avgPrice": round(float(cost / holding.unit), 6),
            "realizedPnl": amount(holding.realized),
            "unrealizedPnl": amount(holding.unrealized(mark)),
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
            # IBKR sends some rows in a long form, which has more keys and spells some values
            # differently. Here every second row has this form.
            row |= {
                "multiplier": contract.multiplier,
                "strike": f"{contract.strike:g}",
                "time": index % 60,
                "chineseName": contract.name.title(),
                "allExchanges": f"SMART,{contract.exchange}",
                "lastTradingDay": contract.expiry,
                "group": "Simulated",
                "sector": "Simulated",
                "sectorGroup": "Simulated",
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
            row |= _EXPIRED if index % 8 == _LAST_OF_EIGHT else _RULES
        return row

    def page(self, number: int, sort: str | None, direction: str) -> list[dict[str, Any]]:
        """Return a page of the positions, sorted by `sort`.

        Without `sort`, return all positions: IBKR then ignores the page number.

        Args:
            number: the page, from 0.
            sort: `position` for the quantity, any other name for the contract's name; None for
                unsorted.
            direction: `d` for descending.
        """
        with self._trading.now() as exchange:
            books = exchange.books
            numbered = list(enumerate(books.holdings.values()))
            if sort is not None:
                if number < 0:
                    return []

                def sort_key(each: tuple[int, Holding]) -> tuple[Any, int]:
                    holding = each[1]
                    key = holding.quantity if sort == "position" else holding.contract.title
                    return key, holding.contract.conid

                numbered.sort(key=sort_key, reverse=direction == "d")
                numbered = numbered[number * PAGE_SIZE : (number + 1) * PAGE_SIZE]
            return [self._row(held, books.mark(held), index) for index, held in numbered]

    def position(self, conid: int) -> list[dict[str, Any]]:
        """Return a list with the position in a contract; an empty list if there is none."""
        with self._trading.now() as exchange:
            holding = exchange.books.holdings.get(conid)
            return [] if holding is None else [self._row(holding, exchange.books.mark(holding), 0)]

    def uncached(self) -> list[dict[str, Any]]:
        """Return all positions in the form of `GET /portfolio2/{accountId}/positions`."""
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
            for row in self.page(0, None, "a")
        ]

    def totals(self) -> Totals:
        """Return the account's figures in the base currency."""
        with self._trading.now() as exchange:
            return exchange.books.totals()

    def gains(self) -> dict[str, Any]:
        """Return profit and loss in the form of the WebSocket topic `spl`."""
        with self._trading.now() as exchange:
            totals = exchange.books.totals()
            daily = exchange.gained(totals)
        return {
            "rowType": 1,
            "dpl": amount(daily),
            "nl": amount(totals.net_liquidation),
            "upl": amount(totals.unrealized),
            "uel": amount(totals.available),
            "mv": amount(totals.market_value),
        }

    def partitioned(self) -> dict[str, Any]:
        """Return profit and loss in the form of `GET /iserver/account/pnl/partitioned`."""
        gains = self.gains()
        gains["el"] = gains.pop("uel")
        return {"upnl": {f"{self._account_id}.Core": gains}}

    def ledger(self) -> dict[str, Any]:
        """Return the ledger: an object per currency, and `BASE` with their sum in base currency."""
        with self._trading.now() as exchange:
            books = exchange.books
            parts = {name: _Part(cash) for name, cash in books.cash.items()}
            base = _Part(books.base_cash)
            for holding in books.holdings.values():
                contract = holding.contract
                part = parts.setdefault(contract.currency, _Part(_ZERO))
                mark, rate = books.mark(holding), RATES[contract.currency]
                figures = holding.value(mark), holding.unrealized(mark), holding.realized
                part.add(contract.asset_class, *figures)
                base.add(contract.asset_class, *(each * rate for each in figures))
            report = {
                name: self._report(part, name, float(RATES[name])) for name, part in parts.items()
            }
            return report | {"BASE": self._report(base, "BASE", 1)}

    def _report(self, part: _Part, name: str, rate: float) -> dict[str, Any]:
        values = part.values
        return dict.fromkeys(_LEDGER_ZEROS, 0.0) | {
            "settledcash": amount(part.cash),
            "cashbalance": amount(part.cash),
            "exchangerate": rate,
            "sessionid": 1,
            "netliquidationvalue": amount(part.cash + sum(values.values(), _ZERO)),
            "unrealizedpnl": amount(part.unrealized),
            "realizedpnl": amount(part.realized),
            "stockmarketvalue": amount(values["STK"]),
            "stockoptionmarketvalue": amount(values["OPT"]),
            "futuremarketvalue": amount(values["FUT"]),
            "futuresonlypnl": amount(values["FUT"]),
            "currency": name,
            "acctcode": self._account_id,
            "key": "LedgerList",
            "timestamp": int(self._clock.now()),
            "severity": 0,
            "secondkey": name,
            "endofbundle": 1,
        }

    def amounts(self) -> dict[str, float]:
        """Return the figures of the summary, with the names that WebSocket messages use."""
        totals = self.totals()
        net, left = totals.net_liquidation, totals.available
        return {
            "NetLiquidation": amount(net),
            "EquityWithLoanValue": amount(net),
            "TotalCashValue": amount(totals.cash),
            "SettledCash": amount(totals.cash),
            "GrossPositionValue": amount(totals.gross),
            "InitMarginReq": amount(totals.margin),
            "MaintMarginReq": amount(totals.margin),
            "AvailableFunds": amount(left),
            "ExcessLiquidity": amount(left),
            "BuyingPower": amount(left * LEVERAGE),
            "AccruedCash": 0.0,
        }

    def summary(self) -> dict[str, Any]:
        """Return the account summary: for each name, an object with the amount."""
        now = int(self._clock.now() * 1000)
        body: dict[str, Any] = {
            key.lower(): {
                "amount": number,
                "currency": BASE,
                "isNull": False,
                "timestamp": now,
                "value": str(number),
                "severity": 0,
            }
            for key, number in self.amounts().items()
        }
        for key, text in (("accountcode", self._account_id), ("accounttype", "INDIVIDUAL")):
            body[key] = {
                "amount": 0.0,
                "currency": None,
                "isNull": False,
                "timestamp": now,
                "value": text,
                "severity": 0,
            }
        return body

    def overview(self) -> dict[str, Any]:
        """Return the summary in the form of `GET /iserver/account/{accountId}/summary`."""
        totals = self.totals()
        margin = amount(totals.margin)
        with self._trading.now() as exchange:
            cash = {name: amount(value) for name, value in exchange.books.cash.items()}
        net, left = amount(totals.net_liquidation), amount(totals.available)
        return {
            "accountType": "",
            "status": "",
            "balance": left,
            "SMA": left,
            "buyingPower": amount(totals.available * LEVERAGE),
            "availableFunds": left,
            "excessLiquidity": left,
            "netLiquidationValue": net,
            "equityWithLoanValue": net,
            "regTLoan": 0.0,
            "securitiesGVP": amount(totals.gross),
            "totalCashValue": amount(totals.cash),
            "accruedInterest": 0.0,
            "regTMargin": 0.0,
            "initialMargin": margin,
            "maintenanceMargin": margin,
            "cashBalances": [
                {"currency": name, "balance": value, "settledCash": value}
                for name, value in cash.items()
            ],
        }

    def segments(self, part: str) -> dict[str, Any]:
        """Return a part of the summary for each segment of the account, with amounts as text.

        The segments are `total`, `securities`, `commodities` and `Crypto at Paxos`.

        Args:
            part: `available_funds`, `balances` or `margins`.
        """
        totals = self.totals()
        left, net, margin = totals.available, totals.net_liquidation, totals.margin
        leverage = totals.gross / net if net else _ZERO
        figures: dict[str, dict[str, Decimal]] = {
            "available_funds": {
                "current_available": left,
                "current_excess": left,
                "buying_power": left * LEVERAGE,
                "leverage": leverage,
                "look_ahead_available": left,
                "look_ahead_excess": left,
            },
            "balances": {
                "net_liquidation": net,
                "equity_with_loan": net,
                "cash": totals.cash,
                "MTD Interest": _ZERO,
                "previous_day_equity_with_loan": net,
            },
            "margins": {
                "current_initial": margin,
                "current_maint": margin,
                "look_ahead_initial": margin,
                "look_ahead_maint": margin,
                "RegT Margin": _ZERO,
            },
        }
        whole = {name: _text(name, value) for name, value in figures[part].items()}
        none = {name: _text(name, _ZERO) for name in whole}
        return {
            "total": whole,
            "Crypto at Paxos": none,
            "commodities": none,
            "securities": whole,
        }

    def market_values(self) -> dict[str, Any]:
        """Return the market values by currency, with amounts as text."""
        return {
            name: {
                "total_cash": f"{part['cashbalance']:,.0f}",
                "stock": f"{part['stockmarketvalue']:,.0f}",
                "options": f"{part['stockoptionmarketvalue']:,.0f}",
                "futures": f"{part['futuremarketvalue']:,.0f}",
                "net_liquidation": f"{part['netliquidationvalue']:,.0f}",
                "unrealized_pnl": f"{part['unrealizedpnl']:,.0f}",
                "realized_pnl": f"{part['realizedpnl']:,.0f}",
            }
            for name, part in self.ledger().items()
            if name != "BASE"
        }

    def allocation(self) -> dict[str, Any]:
        """Return the values of long and short positions by asset class, sector and group."""
        kinds: dict[str, dict[str, Decimal]] = {"long": {}, "short": {}}
        others: dict[str, dict[str, Decimal]] = {"long": {}, "short": {}}
        with self._trading.now() as exchange:
            books = exchange.books
            for each in books.holdings.values():
                value = each.value(books.mark(each)) * RATES[each.contract.currency]
                if value:
                    side = "long" if value > 0 else "short"
                    for part, key in ((kinds, each.contract.asset_class), (others, "Others")):
                        part[side][key] = part[side].get(key, _ZERO) + value
            cash = books.base_cash
        kinds["long" if cash >= 0 else "short"]["CASH"] = cash
        return {
            name: {side: {key: amount(sums[key]) for key in sums} for side, sums in parts.items()}
            for name, parts in (("assetClass", kinds), ("sector", others), ("group", others))
        }

    def listing(self) -> list[dict[str, Any]]:
        """Return the list of accounts in the form of `GET /portfolio/accounts`."""
        return [
            {
                "id": self._account_id,
                "PrepaidCrypto-Z": False,
                "PrepaidCrypto-P": False,
                "brokerageAccess": True,
                "accountId": self._account_id,
                "accountVan": self._account_id,
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
                "desc": self._account_id,
            }
        ]

    def properties(self, token: str, server: dict[str, str]) -> dict[str, Any]:
        """Return the account in the form of `GET /iserver/accounts` and of the message `act`.

        Args:
            token: token of the session.
            server: name and version of the server, as in the session's status.
        """
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
            "accounts": [self._account_id],
            "acctProps": {self._account_id: flags},
            "aliases": {self._account_id: self._account_id},
            "allowFeatures": _FEATURES,
            "chartPeriods": _CHARTS,
            "groups": [],
            "profiles": [],
            "selectedAccount": self._account_id,
            "serverInfo": server,
            "sessionId": token[:8],
            "isFT": False,
            "isPaper": True,
        }
