"""Simulated operations of IBKR's notifications, which the API calls FYI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .call import Call, Json, error

if TYPE_CHECKING:
    from starlette.responses import Response

    from .._state.state import State
    from .call import Routes

_KINDS = {
    "BA": "Borrow availability",
    "EA": "Earnings ahead",
    "PF": "Portfolio builder",
    "OE": "Option expiration",
}
_AGES = (3600, 90_000, 400_000)
_MAX = 10
_FIRST = 2026030490532000


class FyiApi:
    """Stores IBKR's notifications to the user (FYI), and the user's settings for them."""

    def __init__(self, state: State) -> None:
        now = int(state.clock.now())
        self._wanted = dict.fromkeys(_KINDS, True)
        self._agreed = dict.fromkeys(_KINDS, False)
        self._email = True
        self._devices: dict[str, dict[str, Any]] = {}
        self._notices: dict[str, dict[str, Any]] = {
            f"{_FIRST + number}": {
                "R": 0,
                "D": str(now - age),
                "MS": f"{_KINDS[code]}: {symbol}",
                "MD": f"<html><body>Simulated notification about {symbol}</body></html>",
                "HT": 0,
                "FC": code,
            }
            for number, (age, code, symbol) in enumerate(
                zip(_AGES, _KINDS, ("AAPL", "MSFT", "SPY"), strict=False), 1
            )
        }

    def routes(self) -> Routes:
        """Return the notification routes: one (method, path pattern, handler) tuple each."""
        return (
            ("GET", "/fyi/unreadnumber", self._unread),
            ("GET", "/fyi/settings", self._settings),
            ("POST", "/fyi/settings/([^/]+)", self._want),
            ("GET", "/fyi/disclaimer/([^/]+)", self._disclaimer),
            ("PUT", "/fyi/disclaimer/([^/]+)", self._agree),
            ("GET", "/fyi/deliveryoptions", self._delivery),
            ("PUT", "/fyi/deliveryoptions/email", self._set_email),
            ("POST", "/fyi/deliveryoptions/device", self._set_device),
            ("DELETE", "/fyi/deliveryoptions/([^/]+)", self._delete_device),
            ("GET", "/fyi/notifications", self._list),
            ("GET", "/fyi/notifications/more", self._more),
            ("PUT", "/fyi/notifications/([^/]+)", self._read),
        )

    def _unread(self, _call: Call) -> Response:
        return Json({"BN": sum(not each["R"] for each in self._notices.values())})

    def _settings(self, _call: Call) -> Response:
        return Json(
            [
                {
                    "A": int(self._wanted[code]),
                    "FC": code,
                    "H": int(self._agreed[code]),
                    "FD": f"Simulated: {title.lower()}",
                    "FN": title,
                }
                | ({"SS": "TA_FYI"} if code == "EA" else {})
                for code, title in _KINDS.items()
            ]
        )

    def _want(self, call: Call) -> Response:
        code = call.args[0]
        if code not in _KINDS:
            return _unknown("typecode")
        self._wanted[code] = str(call.fields.get("enabled")).lower() == "true"
        return _receipt()

    def _disclaimer(self, call: Call) -> Response:
        code = call.args[0]
        if code not in _KINDS:
            return _unknown("typecode")
        return Json({"DT": f"Simulated disclaimer of {_KINDS[code].lower()}", "FC": code})

    def _agree(self, call: Call) -> Response:
        code = call.args[0]
        if code not in _KINDS:
            return _unknown("typecode")
        self._agreed[code] = True
        return _receipt()

    def _delivery(self, _call: Call) -> Response:
        return Json({"M": int(self._email), "E": list(self._devices.values())})

    def _set_email(self, call: Call) -> Response:
        self._email = call.query.get("enabled", "").lower() == "true"
        return _receipt()

    def _set_device(self, call: Call) -> Response:
        fields = call.fields
        device = str(fields.get("deviceId", ""))
        if not device:
            return _unknown("deviceId")
        self._devices[device] = {
            "NM": str(fields.get("deviceName") or "Device"),
            "I": device,
            "UI": str(fields.get("uiName") or device),
            "A": int(str(fields.get("enabled")).lower() == "true"),
        }
        return _receipt()

    def _delete_device(self, call: Call) -> Response:
        self._devices.pop(call.args[0], None)
        response = Json(None)
        response.body = b""
        return response

    def _rows(self) -> list[dict[str, Any]]:
        return [notice | {"ID": number} for number, notice in self._notices.items()]

    def _list(self, call: Call) -> Response:
        text = call.query.get("max", "")
        count = min(int(text), _MAX) if text.isdecimal() else _MAX
        return Json(self._rows()[:count])

    def _more(self, call: Call) -> Response:
        last = call.query.get("id", "")
        numbers = list(self._notices)
        begin = numbers.index(last) + 1 if last in numbers else 0
        return Json(self._rows()[begin : begin + _MAX])

    def _read(self, call: Call) -> Response:
        notice = self._notices.get(call.args[0])
        if notice is None:
            return _unknown("notificationID")
        notice["R"] = 1
        return Json({"V": 1, "T": 5, "P": {"R": 1, "ID": call.args[0]}})


def _receipt() -> Response:
    return Json({"V": 1, "T": 10})


def _unknown(what: str) -> Response:
    return error(f"Bad Request: {what}", 400)
