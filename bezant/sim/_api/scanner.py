"""Simulated operations of market scanners."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from .._wire_forms.quotes import Quotes
from .call import Call, Json, error

if TYPE_CHECKING:
    from starlette.responses import Response

    from .._market.catalogue import Contract
    from .._state.state import State
    from .call import Routes

_MAX_ROWS = 50
# Key: the code of a scan. Value: the scan's title, the id of the market data field to sort by, and
# whether high values come first.
_SCANS = {
    "TOP_PERC_GAIN": ("Top % Gainers", "83", True),
    "TOP_PERC_LOSE": ("Top % Losers", "83", False),
    "MOST_ACTIVE": ("Most Active", "7762", True),
    "HIGH_OPEN_GAP": ("High Price", "7635", True),
}
_SECTOR: dict[str, Any] = {
    "group": "sector",
    "display_name": "Sector",
    "code": "sectorLike",
    "type": "COMBO",
    "combo_values": [{"default": True}],
}
_FILTERS = {"priceAbove": "Price Above", "priceBelow": "Price Below"}


class ScannerApi:
    """Runs market scans: ranks the simulated stocks by a value of their quotes."""

    def __init__(self, state: State) -> None:
        self._quotes = Quotes(state)
        self._state = state

    def routes(self) -> Routes:
        """Return the scanner routes: one (method, path pattern, handler) tuple each."""
        return (
            ("GET", "/iserver/scanner/params", self._params),
            ("POST", "/iserver/scanner/run", self._run),
            ("POST", "/hmds/scanner", self._historical),
        )

    def _params(self, _call: Call) -> Response:
        market = {"display_name": "Listed/NASDAQ", "type": "STK.US.MAJOR"}
        country = {"display_name": "US Stocks", "type": "STK.US", "locations": [market]}
        filters: list[dict[str, Any]] = [
            {"group": "price", "display_name": title, "code": code, "type": "NON-RANGE"}
            for code, title in _FILTERS.items()
        ]
        filters.append(_SECTOR)
        return Json(
            {
                "scan_type_list": [
                    {"display_name": title, "code": code, "instruments": ["STK"]}
                    for code, (title, _, _) in _SCANS.items()
                ],
                "instrument_list": [
                    {"display_name": "US Stocks", "type": "STK", "filters": list(_FILTERS)}
                ],
                "filter_list": filters,
                "location_tree": [
                    {"display_name": "US Stocks", "type": "STK", "locations": [country]}
                ],
            }
        )

    def _run(self, call: Call) -> Response:
        fields = call.fields
        scan = _SCANS.get(str(fields.get("type", "")))
        if scan is None or fields.get("instrument") != "STK":
            return error(f"Bad Request: instrument STK, and type one of {', '.join(_SCANS)}", 400)
        title, field, highest = scan
        rows = [
            (self._number(each, field), each)
            for each in self._state.catalogue.known
            if each.is_us and self._passes(each, fields.get("filter"))
        ]
        rows.sort(key=lambda row: (row[0], row[1].conid), reverse=highest)
        contracts = [_row(each, place, title) for place, (_, each) in enumerate(rows[:_MAX_ROWS])]
        return Json({"contracts": contracts, "scan_data_column_name": title})

    def _historical(self, call: Call) -> Response:
        fields = call.fields
        if not fields.get("scanCode") or fields.get("instrument") != "STK":
            return error("Bad Request: instrument STK, and scanCode", 400)
        scanned = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(self._state.clock.now()))
        known = [each for each in self._state.catalogue.known if each.is_us][:_MAX_ROWS]
        rows = [{"inScanTime": scanned, "contractID": str(each.conid)} for each in known]
        return Json(
            {
                "total": str(len(rows)),
                "size": str(len(rows)),
                "offset": "0",
                "scanTime": scanned,
                "id": "scanner1",
                "Contracts": {"Contract": rows},
            }
        )

    def _number(self, contract: Contract, field: str) -> float:
        text = str(self._quotes.fields(contract.conid, {field}).get(field, "0"))
        try:
            return float(text.strip("%CH+").replace(",", ""))
        except ValueError:
            return 0.0

    def _passes(self, contract: Contract, filters: object) -> bool:
        given = cast("list[dict[str, Any]]", filters) if isinstance(filters, list) else []
        price = self._number(contract, "7635")
        for each in given:
            try:
                value = float(each["value"])
            except (KeyError, TypeError, ValueError):
                continue
            if each.get("code") == "priceAbove" and price < value:
                return False
            if each.get("code") == "priceBelow" and price > value:
                return False
        return True


def _row(contract: Contract, place: int, title: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "server_id": str(place),
        "symbol": contract.symbol,
        "conidex": str(contract.conid),
        "con_id": contract.conid,
        "available_chart_periods": "#R|1",
        "company_name": contract.name,
        "contract_description_1": contract.symbol,
        "listing_exchange": contract.exchange,
        "sec_type": contract.asset_class,
    }
    return row | {"column_name": title} if place == 0 else row
