"""Passes each API call to its handler, and refuses calls that the session's state forbids."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import Response

from .accounts import AccountApi
from .alerts import AlertApi
from .analyst import AnalystApi
from .call import INVENTED, NO_RESOURCE, Call, Json, error
from .contracts import ContractApi
from .event_contracts import EventContractApi
from .examples import Examples
from .market_data import MarketDataApi
from .notifications import FyiApi
from .orders import OrderApi
from .portfolio import PortfolioApi
from .scanner import ScannerApi
from .session import REAUTHENTICATE, STATUS, SessionApi
from .watchlists import WatchlistApi

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._state.state import State

LOGIN_PATH = "/sso/Login?forwardTo=22&RL=1&ip2loc=US"
LOGIN_PAGE = (
    '<!DOCTYPE html><html><head><title>Login</title></head><body><form method="post" '
    'action="/sso/Dispatcher"><input name="user_name"><input name="password" type="password">'
    "</form></body></html>"
)
_BEFORE_BROKERAGE = (STATUS, "/iserver/auth/ssodh/init", REAUTHENTICATE)
_GROUPS = (
    SessionApi,
    AccountApi,
    MarketDataApi,
    PortfolioApi,
    AnalystApi,
    OrderApi,
    ContractApi,
    WatchlistApi,
    AlertApi,
    FyiApi,
    ScannerApi,
    EventContractApi,
)


class Api:
    """Handles API calls, whose paths begin with `/v1/api`.

    Args:
        state: the gateway's state.
        login_url: function that returns the URL of the login page.
    """

    def __init__(self, state: State, login_url: Callable[[], str]) -> None:
        self._session = state.session
        self._questions = state.questions
        self._login_url = login_url
        self._routes = [
            (methods.split(), re.compile(pattern), handler)
            for group in _GROUPS
            for methods, pattern, handler in group(state).routes()
        ]
        self._examples = Examples(state.account_id)

    def answer(self, call: Call) -> Response:
        """Return the response to a call. `call.path` does not contain the leading `/v1/api`."""
        refusal = self._refuse(call.path)
        if refusal is not None and call.path != REAUTHENTICATE:
            return refusal
        for methods, pattern, handler in self._routes:
            match = pattern.fullmatch(call.path)
            if match is not None and call.method in methods:
                args = tuple(match.groups(""))
                return handler(Call(call.method, call.path, call.query, call.body, args))
        example = self._examples.answer(call.method, call.path)
        if example is None:
            return Response(NO_RESOURCE, 404, media_type="text/html")
        body, media_type = example
        return Response(body, headers=INVENTED, media_type=media_type)

    def end_questions(self) -> int:
        """Make the unanswered questions about orders invalid; return how many there were."""
        return self._questions.end()

    def _refuse(self, path: str) -> Response | None:
        """Return an error response if the session's state forbids calls of `path`, else None."""
        session = self._session
        if not session.logged_in:
            if session.client_logged_out and path == STATUS:
                # Recorded in April 2026: after `POST /logout`, IBKR still serves the status.
                return Json(session.logged_out_status())
            if session.login_style == "redirect":
                return Response(status_code=302, headers={"Location": self._login_url()})
            if session.login_style == "unauthorized":
                return Response(status_code=401)
            return Response(LOGIN_PAGE, media_type="text/html")
        if not path.startswith("/iserver/") or path in _BEFORE_BROKERAGE:
            return None
        if not session.connected:
            return error("Bad Request: no bridge", 400)
        if not session.authenticated:
            return error("Init session first", 400)
        return None
