"""Tour with the asynchronous client. If you change it, also change `_tour` (blocking client)."""

from __future__ import annotations

import time

import bezant

from . import _show
from ._plan import Plan
from ._tally import Tally


async def tour(plan: Plan, screen: _show.Screen) -> None:
    """Run the tour with the asynchronous client.

    Raises:
        BezantError: the gateway cannot be used.
    """
    async with bezant.AsyncClient(
        plan.gateway, verify=plan.verify, on_drift=screen.drift
    ) as client:
        with screen.step("health", "Asking for the session's flags", vital=True) as step:
            step.detail = _show.flags(await client.health())
        async with client.keepalive() as keepalive:
            screen.note("keepalive", "one tickle per minute in the background")
            await _portfolio(client, plan, screen)
            conid = await _symbol(client, plan, screen)
            with screen.step("raw call", "GET /iserver/accounts") as step:
                step.detail = _show.raw_response(await client.request("GET", "/iserver/accounts"))
            await _stream(client, plan, screen, conid)
            tickles = _show.last_tickle(keepalive.last_success, keepalive.failures)
            screen.note("keepalive", tickles)


async def _portfolio(client: bezant.AsyncClient, plan: Plan, screen: _show.Screen) -> None:
    account_id = plan.account_id
    with screen.step("accounts", "Asking for the accounts") as step:
        accounts = await client.accounts()
        account_id = plan.choose(accounts)
        step.detail = _show.account_names(accounts, account_id)
    if account_id is None:
        screen.note("positions", "skipped: no account is known")
        return
    pages: list[int] = []
    positions: list[bezant.Position] = []
    with screen.step("positions", "Reading every page of positions") as step:
        async for page in client.position_pages(account_id):
            pages.append(len(page))
            positions += page
            step.progress(_show.page_counts(pages))
        step.detail = _show.page_counts(pages)
    screen.positions(positions)


async def _symbol(client: bezant.AsyncClient, plan: Plan, screen: _show.Screen) -> int | None:
    symbols = bezant.AsyncSymbolCache(client)
    with screen.step("symbol", f"Looking up {plan.symbol}") as step:
        begin = time.perf_counter()
        conid = await symbols.conid_for(plan.symbol)
        middle = time.perf_counter()
        await symbols.conid_for(plan.symbol)
        end = time.perf_counter()
        step.timed = False
        step.detail = _show.lookups(plan.symbol, conid, middle - begin, end - middle)
        return conid
    return None


async def _stream(
    client: bezant.AsyncClient, plan: Plan, screen: _show.Screen, conid: int | None
) -> None:
    tally = Tally(plan.symbol if conid is not None else None)
    with screen.step("stream", f"Streaming for {plan.seconds:g} s") as step:
        async with bezant.AsyncWsClient.connect(client) as ws:
            if conid is not None:
                await ws.subscribe_market_data(conid)
            await ws.subscribe_orders()
            await ws.subscribe_pnl()
            deadline = time.monotonic() + plan.seconds
            while not tally.ended and (left := deadline - time.monotonic()) > 0:
                try:
                    tally.add(await ws.next_message(left))
                except bezant.WsTimeout:
                    break
                step.progress(tally.counts)
        step.detail = tally.counts
    screen.more(tally.lines)
