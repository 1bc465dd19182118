"""Simulated watchlist operations: create, read, delete, list."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, cast

from starlette.responses import Response

from .call import Call, Json, error

if TYPE_CHECKING:
    from .._state.state import State
    from .call import Routes


class WatchlistApi:
    """Stores the watchlists that the user creates."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._lists: dict[str, dict[str, Any]] = {}
        self._message_ids = itertools.count(1)

    def routes(self) -> Routes:
        """Return the watchlist routes: one (method, path pattern, handler) tuple each."""
        return (
            ("POST", "/iserver/watchlist", self._create),
            ("GET", "/iserver/watchlist", self._get),
            ("DELETE", "/iserver/watchlist", self._delete),
            ("GET", "/iserver/watchlists", self._all),
        )

    def _create(self, call: Call) -> Response:
        fields = call.fields
        name, rows = str(fields.get("name", "")), fields.get("rows")
        # The id of a user's watchlist must be a number. Only IBKR's own lists have other ids.
        number = str(fields.get("id", ""))
        if not number.isdecimal():
            return error("Service Unavailable", 503)
        if not name or not isinstance(rows, list):
            return error("Bad Request: name or rows", 400)
        conids = [
            str(cast("dict[str, Any]", row).get("C", ""))
            for row in cast("list[object]", rows)
            if isinstance(row, dict)
        ]
        now = int(self._state.clock.now() * 1000)
        self._lists[number] = {"name": name, "conids": conids, "modified": now}
        return Json(self._head(number) | {"instruments": []})

    def _head(self, number: str) -> dict[str, Any]:
        entry = self._lists[number]
        return {
            "id": number,
            "hash": f"{entry['modified']}",
            "name": entry["name"],
            "readOnly": False,
        }

    def _get(self, call: Call) -> Response:
        number = call.query.get("id", "")
        if number not in self._lists:
            return error("Unable to find watchlist", 400)
        rows = [self._row(conid) for conid in self._lists[number]["conids"]]
        return Json(self._head(number) | {"instruments": rows})

    def _row(self, conid: str) -> dict[str, Any]:
        contract = self._state.catalogue.contracts.get(int(conid)) if conid.isdecimal() else None
        if contract is None:
            return {"C": conid} if conid else {"H": ""}
        return {
            "ST": contract.asset_class,
            "C": conid,
            "conid": contract.conid,
            "name": contract.name,
            "fullName": contract.title,
            "assetClass": contract.asset_class,
            "ticker": contract.symbol,
            "chineseName": contract.name.title(),
        }

    def _delete(self, call: Call) -> Response:
        number = call.query.get("id", "")
        if self._lists.pop(number, None) is None:
            return error("Unable to find watchlist", 400)
        return Json({"data": {"deleted": number}, "action": "context", "MID": self._mid()})

    def _all(self, _call: Call) -> Response:
        lists = [
            {
                "is_open": False,
                "read_only": False,
                "name": entry["name"],
                "modified": entry["modified"],
                "id": number,
                "type": "watchlist",
            }
            for number, entry in self._lists.items()
        ]
        data = {"scanners_only": False, "show_scanners": False, "bulk_delete": False}
        return Json({"data": data | {"user_lists": lists}, "action": "content", "MID": self._mid()})

    def _mid(self) -> str:
        return str(next(self._message_ids))
