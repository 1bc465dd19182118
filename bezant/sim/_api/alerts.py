"""Simulated operations of alerts: create, activate, list, delete."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any, cast

from starlette.responses import Response

from .call import Call, Json, error

if TYPE_CHECKING:
    from .._state.state import State
    from .call import Routes

_FIRST_ALERT = 1_400_000_001
_BLACK, _WHITE = "#000000", "#FFFFFF"


class AlertApi:
    """Stores the account's alerts. A simulated alert never triggers."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._alerts: dict[int, dict[str, Any]] = {}
        self._numbers = itertools.count(_FIRST_ALERT)
        self._requests = itertools.count(1)

    def routes(self) -> Routes:
        """Return the alert routes: one (method, path pattern, handler) tuple each."""
        account = "/iserver/account/([^/]+)"
        return (
            # These two routes must come first: the patterns below would also match these paths,
            # and take the words `alert` and `mta` for account ids.
            ("GET", "/iserver/account/alert/([^/]+)", self._get),
            ("GET", "/iserver/account/mta", self._mta),
            ("POST", f"{account}/alert", self._create),
            ("POST", f"{account}/alert/activate", self._activate),
            ("DELETE", f"{account}/alert/([^/]+)", self._delete),
            ("GET", f"{account}/alerts", self._all),
        )

    def _other(self, call: Call) -> Response | None:
        if call.args[0] != self._state.account_id:
            return Response(status_code=401)
        return None

    def _create(self, call: Call) -> Response:
        refusal = self._other(call)
        if refusal is not None:
            return refusal
        fields = call.fields
        conditions = fields.get("conditions")
        if not fields.get("alertName") or not isinstance(conditions, list) or not conditions:
            return error("Bad Request: alertName or conditions", 400)
        if not all(isinstance(each, dict) for each in cast("list[object]", conditions)):
            return error("Bad Request: conditions", 400)
        number = _whole(fields.get("orderId"))
        if number not in self._alerts:
            number = next(self._numbers)
        self._alerts[number] = {
            "order_id": number,
            "active": 1,
            "created": self._state.clock.now(),
            "fields": fields,
            "conditions": cast("list[dict[str, Any]]", conditions),
        }
        return Json(self._receipt(number, "Submitted") | {"order_status": "Submitted"})

    def _receipt(self, number: int, text: str) -> dict[str, Any]:
        return {
            "request_id": next(self._requests),
            "order_id": number,
            "success": True,
            "text": text,
        }

    def _activate(self, call: Call) -> Response:
        refusal = self._other(call)
        if refusal is not None:
            return refusal
        number = _whole(call.fields.get("alertId"))
        if number not in self._alerts:
            return _missing()
        self._alerts[number]["active"] = _whole(call.fields.get("alertActive"))
        return Json(self._receipt(number, "Request was submitted") | {"failure_list": None})

    def _delete(self, call: Call) -> Response:
        refusal = self._other(call)
        if refusal is not None:
            return refusal
        number = _whole(call.args[1])
        if call.args[1] == "0":
            self._alerts.clear()
        elif self._alerts.pop(number, None) is None:
            return _missing()
        return Json(self._receipt(number, "Alert has been deleted.") | {"failure_list": None})

    def _all(self, call: Call) -> Response:
        return self._other(call) or Json(
            [
                {
                    "order_id": number,
                    "account": self._state.account_id,
                    "alert_name": alert["fields"]["alertName"],
                    "alert_active": alert["active"],
                    "order_time": _moment(alert["created"]),
                    "alert_triggered": False,
                    "alert_repeatable": _whole(alert["fields"].get("alertRepeatable")),
                }
                for number, alert in self._alerts.items()
            ]
        )

    def _get(self, call: Call) -> Response:
        alert = self._alerts.get(_whole(call.args[0]))
        return _missing() if alert is None else Json(self._details(alert))

    def _details(self, alert: dict[str, Any]) -> dict[str, Any]:
        fields = alert["fields"]
        return self._head() | {
            "order_id": alert["order_id"],
            "alert_name": fields["alertName"],
            "tif": fields.get("tif", "GTC"),
            "expire_time": fields.get("expireTime"),
            "alert_active": alert["active"],
            "alert_repeatable": _whole(fields.get("alertRepeatable")),
            "alert_email": fields.get("email"),
            "alert_send_message": _whole(fields.get("sendMessage")),
            "alert_message": fields.get("alertMessage"),
            "alert_show_popup": _whole(fields.get("showPopup")),
            "order_status": "Submitted" if alert["active"] else "Inactive",
            "condition_size": len(alert["conditions"]),
            "condition_outside_rth": _whole(fields.get("outsideRth")),
            "conditions": [
                {
                    "condition_type": _whole(each.get("type")),
                    "conidex": each.get("conidex"),
                    "contract_description_1": self._symbol(str(each.get("conidex", ""))),
                    "condition_operator": each.get("operator"),
                    "condition_trigger_method": str(each.get("triggerMethod", "0")),
                    "condition_value": each.get("value"),
                    "condition_logic_bind": each.get("logicBind"),
                    "condition_time_zone": each.get("timeZone"),
                }
                for each in alert["conditions"]
            ],
        }

    def _symbol(self, conid_ex: str) -> str | None:
        conid = conid_ex.partition("@")[0]
        contract = self._state.catalogue.contracts.get(_whole(conid))
        return contract.symbol if contract is not None else None

    def _head(self) -> dict[str, Any]:
        return {
            "account": self._state.account_id,
            "alert_mta_currency": None,
            "alert_mta_defaults": None,
            "tool_id": None,
            "time_zone": "US/Eastern",
            "alert_default_type": None,
            "alert_triggered": False,
            "order_not_editable": False,
            "itws_orders_only": 0,
            "alert_play_audio": None,
            "fg_color": _WHITE,
            "bg_color": _BLACK,
        }

    def _mta(self, _call: Call) -> Response:
        # IBKR creates one alert per account for its mobile app: the MTA, or Mobile Trading
        # Assistant, alert. This response describes it and is always the same.
        return Json(
            self._head()
            | {
                "order_id": _FIRST_ALERT - 1,
                "alert_name": None,
                "tif": "GTC",
                "expire_time": None,
                "alert_active": 1,
                "alert_repeatable": 1,
                "alert_email": None,
                "alert_send_message": 1,
                "alert_message": None,
                "alert_show_popup": 0,
                "order_status": "Inactive",
                "alert_mta_currency": "USD",
                "alert_mta_defaults": "9:STATE=0,MIN=-15000",
                "tool_id": 55834574848,
                "time_zone": None,
                "bg_color": "#AFAFAF",
                "fg_color": _BLACK,
                "condition_size": 0,
                "condition_outside_rth": 0,
                "conditions": [],
            }
        )


def _missing() -> Response:
    # The status stays 200, although this is an error.
    return Json({"error": "Alert not found"})


def _whole(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return int(value is True)


def _moment(at: float) -> str:
    return time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(at))
