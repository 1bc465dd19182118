"""Control endpoint `/_control`: the simulated gateway's test methods over HTTP with JSON."""

from __future__ import annotations

import dataclasses
import inspect
import ipaddress
import json
import typing
from typing import TYPE_CHECKING, Any, cast

import msgspec
from starlette.responses import JSONResponse

from .._edge.paths import CONTROL
from .._faults.faults import ON_DEMAND, Faults
from .._scenario.files import parse_scenario, scenario_of
from .._state.session import LoginStyle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from .._faults.plan import Fault
    from .._faults.storm import Storm
    from .._gateway import SimulatedGateway

_FROM_BROWSERS = ("origin", "sec-fetch-site", "sec-fetch-mode")
_STATES = ("login", "logout", "drop_brokerage", "disconnect", "unestablish", "compete")


class _BadRequest(Exception):
    """A request to the control endpoint is invalid.

    Args:
        text: the error message, which names the allowed values.
        status: the HTTP status of the response.
    """

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class Control:
    """Handles requests to the control endpoint, whose paths begin with `/_control`."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self._gateway = gateway
        self._storm: Storm | None = None
        self._calls: dict[str, Callable[[Request, bytes], Any]] = {
            "GET /": self._overview,
            "GET /state": self._state,
            "GET /requests": self._requests,
            "DELETE /requests": self._clear_requests,
            "POST /session": self._set_session,
            "GET /faults": self._faults,
            "POST /faults/*": self._make_fault,
            "DELETE /faults": self._clear_faults,
            "GET /storm": self._report_storm,
            "POST /storm": self._begin_storm,
            "DELETE /storm": self._end_storm,
            "GET /pacing": self._pacing,
            "POST /pacing": self._set_pacing,
            "POST /clock": self._advance,
            "POST /prices": self._set_prices,
            "POST /halts": self._halt,
            "POST /questions": self._ask,
            "GET /orders": self._orders,
            "POST /scenario": self._load,
            "POST /reset": self._reset,
        }

    def answer(self, request: Request, body: bytes) -> Response:
        """Return the response to a request whose path begins with `/_control`."""
        try:
            self._refuse_strangers(request)
            # Some control requests, such as a restart, drop all connections, including their own.
            # The header tells the client not to reuse its connection.
            ending = {"Connection": "close"} if request.method == "POST" else None
            return JSONResponse(self._find(request)(request, body), headers=ending)
        except _BadRequest as error:
            return JSONResponse({"error": str(error)}, error.status)
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)

    def _find(self, request: Request) -> Callable[[Request, bytes], Any]:
        rest = request.url.path.removeprefix(CONTROL).rstrip("/") or "/"
        if rest.startswith("/faults/"):
            rest = "/faults/*"
        call = self._calls.get(f"{request.method} {rest}")
        if call is None:
            raise _BadRequest(f"no such call; there are {', '.join(self._calls)}", 404)
        return call

    def _refuse_strangers(self, request: Request) -> None:
        address = request.client.host if request.client is not None else ""
        try:
            here = ipaddress.ip_address(address).is_loopback
        except ValueError:
            here = False
        if not here:
            raise _BadRequest("the control endpoint serves requests from this machine only", 403)
        if any(name in request.headers for name in _FROM_BROWSERS):
            # Without this check, any web page could control the gateway through a browser on this
            # machine.
            raise _BadRequest(
                "the control endpoint does not serve browsers; use another HTTP client", 403
            )

    # ---------------------------------------------------------------- overview and session

    def _overview(self, _request: Request, _body: bytes) -> Any:
        return {
            "gateway": self._gateway.base_url,
            "calls": [call.replace(" /", f" {CONTROL}/", 1) for call in self._calls],
            "faults": {name: _parameters(name) for name in ON_DEMAND},
        }

    def _state(self, _request: Request, _body: bytes) -> Any:
        gateway = self._gateway
        return {
            "base_url": gateway.base_url,
            "account_id": gateway.account_id,
            "clock": {"now": gateway.clock.now(), "speed": gateway.clock.speed},
            "session": gateway.session_state,
            "requests": len(gateway.requests),
            "websockets": [
                {
                    "path": each.path,
                    "ready": each.ready,
                    "closed": each.closed,
                    "silent": each.silent,
                    "sent": each.sent,
                    "received": each.received,
                }
                for each in gateway.ws_connections
            ],
            "faults": self._faults(_request, _body),
            "pacing": self._pacing(_request, _body),
        }

    def _requests(self, _request: Request, _body: bytes) -> Any:
        return [
            dataclasses.asdict(each) | {"body": each.body.decode("utf-8", "replace")}
            for each in self._gateway.requests
        ]

    def _clear_requests(self, _request: Request, _body: bytes) -> Any:
        self._gateway.clear_requests()
        return {}

    def _set_session(self, _request: Request, body: bytes) -> Any:
        given = _object(body, "state", "style")
        state = given.get("state")
        if state not in _STATES:
            raise _BadRequest(f"state must be one of {', '.join(_STATES)}")
        if state == "logout":
            self._gateway.logout(msgspec.convert(given.get("style", "redirect"), LoginStyle))
        elif "style" in given:
            raise _BadRequest("style is allowed only with the state logout")
        else:
            getattr(self._gateway, state)()
        return self._gateway.session_state

    # ---------------------------------------------------------------- faults

    def _faults(self, _request: Request, _body: bytes) -> Any:
        faults = self._gateway.faults
        return {
            "waiting": [_shown(each) for each in faults.waiting],
            "happened": [each.as_dict() for each in faults.happened],
            "counts": dict(faults.counts),
        }

    def _make_fault(self, request: Request, body: bytes) -> Any:
        name = request.url.path.rstrip("/").rpartition("/")[2]
        if name not in ON_DEMAND:
            raise _BadRequest(f"no fault {name!r}; there are {', '.join(ON_DEMAND)}", 404)
        method = getattr(self._gateway.faults, name)
        return _shown(method(**_arguments(name, body)))

    def _clear_faults(self, _request: Request, _body: bytes) -> Any:
        self._gateway.faults.clear()
        return {}

    def _begin_storm(self, _request: Request, body: bytes) -> Any:
        self._storm = self._gateway.faults.storm(**_arguments("storm", body))
        return self._report_storm(_request, body)

    def _report_storm(self, _request: Request, _body: bytes) -> Any:
        storm = self._storm
        if storm is None:
            return {"requests": 0, "injected": []}
        return {
            "seed": storm.seed,
            "one_in": storm.one_in,
            "requests": storm.requests,
            "injected": [each.as_dict() for each in storm.injected],
        }

    def _end_storm(self, _request: Request, body: bytes) -> Any:
        if self._storm is not None:
            self._storm.stop()
        return self._report_storm(_request, body)

    # ---------------------------------------------------------------- pacing, market, orders

    def _pacing(self, _request: Request, _body: bytes) -> Any:
        pacing = self._gateway.pacing
        return {
            "enforced": pacing.enforced,
            "penalty_left": pacing.penalty_left,
            "arrivals": len(pacing.arrivals),
            "violations": [each.as_dict() for each in pacing.violations],
        }

    def _set_pacing(self, _request: Request, body: bytes) -> Any:
        given = _object(body, "enforced", "penalty", "growth")
        if msgspec.convert(given.pop("enforced", True), bool):
            self._gateway.enforce_pacing(**msgspec.convert(given, dict[str, float]))
        else:
            self._gateway.pacing.off()
        return self._pacing(_request, body)

    def _advance(self, _request: Request, body: bytes) -> Any:
        given = _object(body, "advance")
        self._gateway.clock.advance(msgspec.convert(given.get("advance"), float))
        return {"now": self._gateway.clock.now()}

    def _set_prices(self, _request: Request, body: bytes) -> Any:
        prices = msgspec.json.decode(body or b"{}", type=dict[str, float | str])
        for name, price in prices.items():
            self._gateway.set_price(_contract(name), price)
        return prices

    def _halt(self, _request: Request, body: bytes) -> Any:
        halted = msgspec.json.decode(body or b"{}", type=dict[str, bool])
        for name, stop in halted.items():
            change = self._gateway.halt if stop else self._gateway.resume
            change(_contract(name))
        return halted

    def _ask(self, _request: Request, body: bytes) -> Any:
        given = _object(body, "ask")
        self._gateway.ask(*msgspec.convert(given.get("ask"), list[str]))
        return given

    def _orders(self, _request: Request, _body: bytes) -> Any:
        gateway = self._gateway
        shown = {"orders": gateway.orders, "executions": gateway.executions, "cash": gateway.cash}
        return msgspec.to_builtins(shown)

    def _load(self, request: Request, body: bytes) -> Any:
        if "json" in request.headers.get("content-type", ""):
            scenario = scenario_of(_object(body))
        else:
            scenario = parse_scenario(body.decode())
        self._gateway.reset(scenario)
        return {"account_id": self._gateway.account_id}

    def _reset(self, _request: Request, _body: bytes) -> Any:
        self._gateway.reset()
        return {"account_id": self._gateway.account_id}


def _contract(name: str) -> str | int:
    # A short number is a symbol (such as 7203 in Tokyo), because conids have more than four digits.
    return int(name) if name.isdecimal() and len(name) > 4 else name


def _object(body: bytes, *allowed: str) -> dict[str, Any]:
    """Return the JSON object in `body`; an empty dict if the body is empty.

    Args:
        body: the request body.
        allowed: names that the object may contain; any name if none are given.

    Raises:
        _BadRequest: the body is not a JSON object, or has a name that is not allowed.
    """
    try:
        given: object = json.loads(body) if body.strip() else {}
    except RecursionError:
        raise _BadRequest("the body is nested too deeply; send a simple JSON object") from None
    if not isinstance(given, dict):
        raise _BadRequest("the body must be a JSON object")
    members = cast("dict[str, Any]", given)
    unknown = [name for name in members if allowed and name not in allowed]
    if unknown:
        raise _BadRequest(f"unknown: {', '.join(unknown)}; allowed are {', '.join(allowed)}")
    return members


def _parameters(name: str) -> dict[str, str]:
    """Return the parameters of the method `name` of `Faults`, with their defaults as text.

    The text of a parameter without a default is "required".
    """
    parameters = list(inspect.signature(getattr(Faults, name)).parameters.values())[1:]
    return {
        each.name: "required" if each.default is each.empty else repr(each.default)
        for each in parameters
    }


def _arguments(name: str, body: bytes) -> Mapping[str, Any]:
    """Return the arguments for the method `name` of `Faults`, read from a JSON body.

    Each value is converted to the type of its parameter.
    """
    hints = typing.get_type_hints(getattr(Faults, name))
    allowed = _parameters(name)
    given = _object(body, *(allowed or ("nothing",)))
    missing = [key for key in allowed if allowed[key] == "required" and key not in given]
    if missing:
        raise _BadRequest(f"{name} needs {', '.join(missing)}")
    return {key: _converted(key, value, hints[key]) for key, value in given.items()}


def _converted(name: str, value: Any, hint: Any) -> Any:
    if hint is bytes:
        return value.encode() if isinstance(value, str) else json.dumps(value).encode()
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        raise _BadRequest(f"{name}: {error}") from None


def _shown(fault: Fault) -> dict[str, Any]:
    return {
        "kind": fault.kind,
        "path": fault.path,
        "method": fault.method,
        "when": fault.when,
        "hits": fault.hits,
        "waiting": fault.waiting,
    }
