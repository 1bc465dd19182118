"""Tour with the blocking client. `_tour_async` is the same tour on asyncio: always change both."""

from __future__ import annotations

import time

import bezant

from . import _show
from ._plan import Plan
from ._tally import Tally


def tour(plan: Plan, screen: _show.Screen) -> None:
    """Run the tour with the blocking client.

    Raises:
        BezantError: the gateway cannot be used.
    """
    with bezant.Client(plan.gateway, verify=plan.verify, on_drift=screen.drift) as client:
        with screen.step("health", "Asking for the session's flags", vital=True) as step:
            step.detail = _show.flags(client.health())
        with client.keepalive() as keepalive:
            screen.note("keepalive", "one tickle per minute in the background")
            _portfolio(client, plan, screen)
            conid = _symbol(client, plan, screen)
            with screen.step("raw call", "GET /iserver/accounts") as step:
                step.detail = _show.raw_response(client.request("GET", "/iserver/accounts"))
            _stream(client, plan, screen, conid)
            tickles = _show.last_tickle(keepalive.last_success, keepalive.failures)
            screen.note("keepalive", tickles)


def _portfolio(client: bezant.Client, plan: Plan, screen: _show.Screen) -> None:
    account_id = plan.account_id
    with screen.step("accounts", "Asking for the accounts") as step:
        accounts = client.accounts()
        account_id = plan.choose(accounts)
        step.detail = _show.account_names(accounts, account_id)
    if account_id is None:
        screen.note("positions", "skipped: no account is known")
        return
    pages: list[int] = []
    positions: list[bezant.Position] = []
    with screen.step("positions", "Reading every page of positions") as step:
        for page in client.position_pages(account_id):
            pages.append(len(page))
            positions += page
            step.progress(_show.page_counts(pages))
        step.detail = _show.page_counts(pages)
    screen.positions(positions)


def _symbol(client: bezant.Client, plan: Plan, screen: _show.Screen) -> int | None:
    symbols = bezant.SymbolCache(client)
    with screen.step("symbol", f"Looking up {plan.symbol}") as step:
        begin = time.perf_counter()
        conid = symbols.conid_for(plan.symbol)
        middle = time.perf_counter()
        symbols.conid_for(plan.symbol)
        end = time.perf_counter()
        step.timed = False
        step.detail = _show.lookups(plan.symbol, conid, middle - begin, end - middle)
        return conid
    return None


def _stream(client: bezant.Client, plan: Plan, screen: _show.Screen, conid: int | None) -> None:
    tally = Tally(plan.symbol if conid is not None else None)
    with screen.step("stream", f"Streaming for {plan.seconds:g} s") as step:
        with bezant.WsClient.connect(client) as ws:
            if conid is not None:
                ws.subscribe_market_data(conid)
            ws.subscribe_orders()
            ws.subscribe_pnl()
            deadline = time.monotonic() + plan.seconds
            while not tally.ended and (left := deadline - time.monotonic()) > 0:
                try:
                    tally.add(ws.next_message(left))
                except bezant.WsTimeout:
                    break
                step.progress(tally.counts)
        step.detail = tally.counts
    screen.more(tally.lines)
