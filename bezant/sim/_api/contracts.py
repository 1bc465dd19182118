"""Simulated contract operations: search, definitions, chains, rules, schedules, currencies."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from .._market.books import RATES
from .._market.catalogue import ROOTS
from .._wire_forms.orders import venue
from .._wire_forms.trading_hours import next_sessions, schedule
from .call import Call, Json, conids, error

if TYPE_CHECKING:
    from starlette.responses import Response

    from .._market.catalogue import Contract, Root
    from .._state.state import State
    from .call import Routes

# Currency pairs with the US dollar, each with IBKR's conid of the pair.
_PAIRS = (("EUR.USD", 12087792), ("GBP.USD", 12087797), ("USD.CHF", 12087820))
_PRIORITY: dict[str, Any] = {
    "legalStrings": ["Urgent", "Normal", "Patient"],
    "defaultValue": "Normal",
    "required": "true",
}
_SPEED_UP: dict[str, Any] = {
    "defaultValue": False,
    "enabledConditions": ["MKT:speedUp:=:no"],
}
_ALGOS: tuple[tuple[str, str, tuple[tuple[str, str, dict[str, Any]], ...]], ...] = (
    ("Adaptive", "Adaptive", (("adaptivePriority", "String", _PRIORITY),)),
    ("Twap", "TWAP", (("startTime", "Time", {}), ("endTime", "Time", {}))),
    (
        "Vwap",
        "VWAP",
        (
            ("maxPctVol", "Double", {"minValue": 0.01, "maxValue": 50}),
            ("noTakeLiq", "Boolean", {"defaultValue": False}),
            ("speedUp", "Boolean", _SPEED_UP),
        ),
    ),
)
_SEARCHED = {"STK", "OPT", "FUT", "IND", "CFD", "BOND"}
_MONTH = re.compile("[A-Z]{3}[0-9]{2}")
_NO_DETAILS = json.dumps(
    {
        "reason": "Details currently unavailable. Please try again later and contact client "
        "services if the issue persists."
    },
    separators=(",", ":"),
)


class ContractApi:
    """Searches the catalogue of simulated contracts, and describes these contracts."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> Routes:
        """Return the contract routes: one (method, path pattern, handler) tuple each."""
        contract = "/iserver/contract/([^/]+)"
        return (
            ("GET POST", "/iserver/secdef/search", self._search),
            ("GET", "/iserver/secdef/strikes", self._strikes),
            ("GET", "/iserver/secdef/info", self._secdef_info),
            ("GET", "/iserver/secdef/bond-filters", self._bond_filters),
            ("GET", f"{contract}/info", self._info),
            ("GET", f"{contract}/info-and-rules", self._info_and_rules),
            ("GET", f"{contract}/algos", self._algos),
            ("POST", "/iserver/contract/rules", self._rules),
            ("GET", "/trsrv/futures", self._futures),
            ("GET", "/trsrv/all-conids", self._all_conids),
            ("GET", "/iserver/currency/pairs", self._pairs),
            ("GET", "/iserver/exchangerate", self._exchange_rate),
            ("GET", "/trsrv/stocks", self._stocks),
            ("GET", "/trsrv/secdef", self._secdef),
            ("GET", "/trsrv/secdef/schedule", self._schedule),
            ("GET", "/contract/trading-schedule", self._next_sessions),
        )

    def _search(self, call: Call) -> Response:
        asked: dict[str, Any] = {**call.query, **(call.fields if call.method == "POST" else {})}
        symbol = str(asked.get("symbol", "")).strip()
        if not symbol:
            return error("symbol is a required parameter", 400)
        kind = str(asked.get("secType") or "STK").upper()
        if kind not in _SEARCHED:
            return error(f"Invalid security type: {kind}", 400)
        by_name = str(asked.get("name", "")).lower() == "true"
        found = self._state.catalogue.search(symbol, by_name=by_name)
        hits = [self._hit(contract) for contract in found]
        if not by_name and (root := ROOTS.get(symbol.upper())) is not None:
            hits.append(self._root_hit(symbol.upper(), root))
        if not by_name and any(contract.is_us for contract in found):
            hits.append(_bonds(found[0]))
        if not hits:
            return error(f"No symbol found for {symbol!r}", 400)
        self._state.session.searched.update(int(hit["conid"]) for hit in hits)
        return Json(hits)

    def _hit(self, contract: Contract) -> dict[str, Any]:
        months = self._state.catalogue.months(contract.conid)
        stock = {"secType": "STK"}
        sections: list[dict[str, Any]] = [stock]
        if months:
            exchange = "SMART;AMEX;CBOE"
            sections.append({"secType": "OPT", "months": ";".join(months), "exchange": exchange})
            # At IBKR a contract for difference (CFD) has another conid than its stock.
            cfd = {
                "secType": "CFD",
                "exchange": "SMART",
                "conid": str(contract.conid + 120_000_000),
            }
            sections += [cfd, {"secType": "BAG"}]
        elif not contract.is_us:
            stock["exchange"] = f"{contract.exchange};"
        return _found(contract.conid, contract.name, contract.symbol, contract.exchange, sections)

    def _root_hit(self, symbol: str, root: Root) -> dict[str, Any]:
        months = self._state.catalogue.future_months(symbol)
        sections: list[dict[str, Any]] = [
            {"secType": kind, "exchange": f"{root.exchange};"} for kind in root.kinds
        ]
        if months:
            sections.append(
                {"secType": "FUT", "months": ";".join(months), "exchange": f"{root.exchange};"}
            )
        return _found(root.conid, root.name, symbol, root.exchange, sections)

    def _strikes(self, call: Call) -> Response:
        month = call.query.get("month", "")
        if month and not _MONTH.fullmatch(month):
            return error("Service Unavailable", 503)
        try:
            chain = self._chain(call)
            known = int(call.query.get("conid", "")) in self._state.session.searched
        except ValueError:
            return error("Bad Request: conid", 400)
        if not known:
            return Json({"call": [], "put": []})
        sides = {"call": "C", "put": "P"}
        return Json(
            {
                name: sorted({each.strike for each in chain if each.right == right})
                for name, right in sides.items()
            }
        )

    def _secdef_info(self, call: Call) -> Response:
        kind = call.query.get("sectype") or call.query.get("secType") or ""
        if kind in ("OPT", "WAR") and not call.query.get("strike"):
            return error("Bad Request: strike is required for warrant and option", 400)
        try:
            conid = int(call.query.get("conid", ""))
            chain = self._chain(call)
            strike = float(call.query["strike"]) if call.query.get("strike") else None
        except ValueError:
            return error("Bad Request: conid or strike", 400)
        if kind in ("", "STK", "IND") and strike is None:
            contract = self._state.catalogue.contracts.get(conid)
            # As at IBKR, the value of `error` is itself a JSON document, encoded as a string.
            return _problem(_NO_DETAILS, 500) if contract is None else Json(_one(contract))
        right = call.query.get("right", "")
        rows = [
            {
                "conid": each.conid,
                "symbol": each.symbol,
                "secType": each.asset_class,
                "exchange": call.query.get("exchange") or each.exchange,
                "listingExchange": None,
                "right": each.right,
                "strike": each.strike,
                "currency": each.currency,
                "cusip": None,
                "coupon": "No Coupon",
                "desc1": each.symbol,
                "desc2": each.title,
                "maturityDate": each.expiry,
                "multiplier": f"{each.multiplier:g}",
                "tradingClass": each.symbol,
                "validExchanges": "SMART,CBOE,AMEX",
            }
            for each in chain
            if strike in (None, each.strike) and right in ("", each.right)
        ]
        return Json(rows) if rows else _problem("No Contracts retrieved", 500)

    def _chain(self, call: Call) -> list[Contract]:
        conid = int(call.query.get("conid", ""))
        return self._state.catalogue.chain(conid, call.query.get("month", ""))

    def _bond_filters(self, _call: Call) -> Response:
        filters = [
            {"displayText": "Exchange", "columnId": 0, "options": [{"value": "SMART"}]},
            {
                "displayText": "Maturity Date",
                "columnId": 27,
                "options": [{"text": "Jan 2030", "value": "203001"}],
            },
            {"displayText": "Currency", "columnId": 5, "options": [{"value": "USD"}]},
        ]
        return Json({"bondFilters": filters})

    def _contract(self, text: str) -> Contract | None:
        return self._state.catalogue.contracts.get(int(text)) if text.isdecimal() else None

    def _info(self, call: Call) -> Response:
        contract = self._contract(call.args[0])
        return _unknown() if contract is None else Json(_info(contract))

    def _info_and_rules(self, call: Call) -> Response:
        contract = self._contract(call.args[0])
        if contract is None:
            return _unknown()
        is_buy = call.query.get("isBuy", "true").lower() == "true"
        rules = self._rules_of(contract, buy=is_buy)
        return Json(_info(contract) | {"has_related_contracts": False, "rules": rules})

    def _rules(self, call: Call) -> Response:
        fields = call.fields
        contract = self._contract(str(fields.get("conid", "")))
        if contract is None:
            return _unknown()
        is_buy = str(fields.get("isBuy", True)).lower() == "true"
        return Json(self._rules_of(contract, buy=is_buy))

    def _rules_of(self, contract: Contract, *, buy: bool) -> dict[str, Any]:
        stock = contract.asset_class == "STK"
        types = ["limit", "market", "stop", "stop_limit", "trailing_stop", "trailing_stop_limit"]
        if stock:
            types += ["midprice", "marketonclose", "limitonclose"]
        return {
            "algoEligible": stock,
            "allOrNoneEligible": stock,
            "displayMessage": {"url": "https://example.com/simulated"},
            "overnightEligible": stock and contract.is_us,
            "costReport": False,
            "canTradeAcctIds": [self._state.account_id],
            "error": None,
            "orderTypes": types,
            "ibAlgoTypes": ["limit"] if stock else [],
            "fraqTypes": ["limit", "market"] if stock and contract.is_us else [],
            "forceOrderPreview": False,
            "cqtTypes": ["limit", "market"] if stock else [],
            "orderDefaults": {"LMT": {"LP": f"{contract.price:.2f}"}},
            "orderTypesOutside": ["limit", "stop_limit"],
            "defaultSize": 100 if stock else 1,
            "cashSize": 0.0,
            "sizeIncrement": 1,
            "tifTypes": ["IOC/MARKET,LIMIT", "GTC/o,a", "DAY/o,a"],
            "tifDefaults": {"TIF": "DAY", "SIZE": "100.00", "PMALGO": True},
            "limitPrice": contract.price,
            "stopprice": round(contract.price * (1.05 if buy else 0.95), 2),
            "orderOrigination": None,
            "preview": True,
            "displaySize": None,
            "fraqInt": 4 if stock else 0,
            "cashCcy": contract.currency,
            "cashQtyIncr": 500,
            "priceMagnifier": None,
            "negativeCapable": False,
            "incrementType": 1,
            "incrementRules": [{"lowerEdge": 0.0, "increment": 0.01}],
            "hasSecondary": True,
            "increment": 0.01,
            "incrementDigits": 2,
        }

    def _algos(self, call: Call) -> Response:
        if self._contract(call.args[0]) is None:
            return error("Service Unavailable", 503)
        wanted = [name for name in call.query.get("algos", "").split(";") if name]
        with_params = call.query.get("addParams") == "1"
        described = call.query.get("addDescription") == "1"
        rows: list[dict[str, Any]] = []
        for name, title, params in _ALGOS:
            if wanted and name not in wanted:
                continue
            row: dict[str, Any] = {"id": name, "name": title}
            if with_params:
                row["parameters"] = [
                    {"id": key, "name": key, "valueClassName": kind, "guiRank": rank}
                    | ({"description": f"Simulated: {key}"} if described else {})
                    | more
                    for rank, (key, kind, more) in enumerate(params, 1)
                ]
            rows.append(row)
        return Json({"algos": rows})

    def _futures(self, call: Call) -> Response:
        symbols = [name for name in call.query.get("symbols", "").split(",") if name]
        if not symbols:
            return error("Bad Request: symbols", 400)
        return Json({name: self._months_of(name) for name in symbols})

    def _months_of(self, symbol: str) -> list[dict[str, Any]]:
        return [
            {
                "symbol": each.symbol,
                "conid": each.conid,
                "underlyingConid": each.underlying,
                "expirationDate": int(each.expiry or 0),
                "ltd": int(each.expiry or 0),
                "shortFuturesCutOff": int(each.expiry or 0),
                "longFuturesCutOff": int(each.expiry or 0),
            }
            for each in self._state.catalogue.futures(symbol)
        ]

    def _all_conids(self, call: Call) -> Response:
        exchange = call.query.get("exchange", "")
        if not exchange:
            return error("Bad Request: exchange", 400)
        rows = [
            {"ticker": each.symbol, "conid": each.conid, "exchange": each.exchange}
            for each in self._state.catalogue.contracts.values()
            if each.exchange == exchange and each.asset_class == "STK"
        ]
        return Json(rows)

    def _pairs(self, call: Call) -> Response:
        currency = call.query.get("currency", "")
        pairs = [
            {"symbol": name, "conid": conid, "ccyPair": name.replace(currency, "").strip(".")}
            for name, conid in _PAIRS
            if currency in name.split(".")
        ]
        return Json({currency: pairs}) if pairs else error("Bad Request: currency", 400)

    def _exchange_rate(self, call: Call) -> Response:
        try:
            source, target = (RATES[call.query.get(name, "")] for name in ("source", "target"))
        except KeyError:
            return error("Invalid currency pair", 400)
        return Json({"rate": round(float(source / target), 8)})

    def _stocks(self, call: Call) -> Response:
        symbols = [name for name in call.query.get("symbols", "").split(",") if name]
        if not symbols:
            return error("Bad Request: symbols", 400)
        return Json({symbol: self._state.catalogue.stocks(symbol) for symbol in symbols})

    def _secdef(self, call: Call) -> Response:
        try:
            wanted = conids(call)
        except ValueError:
            return error("Bad Request: conids", 400)
        contracts = self._state.catalogue.contracts
        return Json({"secdef": [contracts[c].secdef() for c in wanted if c in contracts]})

    def _schedule(self, call: Call) -> Response:
        catalogue = self._state.catalogue
        conid = catalogue.primary(call.query.get("symbol", ""))
        if conid is None or not call.query.get("assetClass"):
            return error("Bad Request: symbol or assetClass", 400)
        return Json(schedule(catalogue.contracts[conid], self._state.clock.now()))

    def _next_sessions(self, call: Call) -> Response:
        conid = call.query.get("conid", "")
        if not conid.isdecimal() or int(conid) not in self._state.catalogue.contracts:
            return error("Bad Request: conid", 400)
        return Json(next_sessions(self._state.clock.now()))


def _found(
    conid: int, name: str, symbol: str, exchange: str, sections: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "conid": str(conid),
        "companyHeader": f"{name} - {exchange}",
        "companyName": name,
        "symbol": symbol,
        "description": exchange,
        "restricted": None,
        "sections": sections,
    }


def _bonds(contract: Contract) -> dict[str, Any]:
    """Return the search result for a company's bonds, which stands for no particular contract."""
    issuer = {"id": f"e{contract.conid}", "name": contract.name.title()}
    return {
        "issuers": [issuer],
        "bondid": 4,
        "conid": "2147483647",
        "companyHeader": "Corporate Fixed Income",
        "companyName": None,
        "symbol": None,
        "description": None,
        "restricted": None,
        "sections": [{"secType": "BOND"}],
    }


def _one(contract: Contract) -> dict[str, Any]:
    """Return a contract in the form that `GET /iserver/secdef/info` gives for a plain conid."""
    return {
        "conid": contract.conid,
        "ticker": contract.symbol,
        "secType": contract.asset_class,
        "listingExchange": venue(contract),
        "exchange": "SMART" if contract.is_us else contract.exchange,
        "companyName": contract.name,
        "currency": contract.currency,
        "validExchanges": f"SMART,{contract.exchange}",
        "priceRendering": None,
        "maturityDate": contract.expiry,
        "right": contract.right or "?",
        "strike": contract.strike,
    }


def _problem(text: str, status: int) -> Response:
    return Json({"error": text}, status)


def _unknown() -> Response:
    return error("Contract not found", 400)


def _info(contract: Contract) -> dict[str, Any]:
    derivative = contract.asset_class != "STK"
    return {
        "cfi_code": "",
        "symbol": contract.symbol,
        "cusip": None,
        "expiry_full": (contract.expiry or "")[:6] or None,
        "con_id": contract.conid,
        "maturity_date": contract.expiry,
        "industry": "Simulated",
        "instrument_type": contract.asset_class,
        "trading_class": contract.symbol,
        "valid_exchanges": f"SMART,{contract.exchange}",
        "allow_sell_long": False,
        "is_zero_commission_security": False,
        "local_symbol": contract.symbol,
        "contract_clarification_type": None,
        "classifier": None,
        "currency": contract.currency,
        "text": contract.title if derivative else None,
        "underlying_con_id": contract.underlying,
        "r_t_h": True,
        "multiplier": f"{contract.multiplier:g}" if derivative else None,
        "underlying_issuer": None,
        "contract_month": None,
        "company_name": contract.name,
        "smart_available": contract.is_us,
        "exchange": "SMART" if contract.is_us else contract.exchange,
        "category": "Simulated",
    } | ({"strike": f"{contract.strike:g}", "right": contract.right} if contract.strike else {})
