"""Benchmarks of bulk work: 10,000 positions, 1,000 and 500 symbols, an option chain.

These benchmarks run without rate limits. Bulk work under IBKR's rate limits (300 histories, 1,000
snapshots) is in `benchmarks.soak.limits`, because it takes minutes of waiting.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import date
from math import ceil

import httpx
from ibind import IbkrClient

import bezant
from benchmarks import _payloads as payloads
from benchmarks._setting import Setting
from benchmarks._table import Row, duration
from benchmarks._timing import Spread, ratios, repeated, spread, take_turns

POSITIONS = 10_000
SYMBOLS = 1_000
STOCKS = [f"SYM{number}" for number in range(500)]
# ibind writes a comma as three bytes, so that 500 symbols do not fit into the 4,096 bytes that the
# gateway accepts.
STOCKS_OF_IBIND = 250
DEFINITIONS = 200  # IBKR's limit for one call
EXPIRY = date(2030, 1, 18)
MIDDLE, DISTANCE = 250, 20
STRIKES = 2 * DISTANCE + 1


def rows(setting: Setting) -> Iterator[Row]:
    yield from _positions(setting)
    yield _symbols(setting)
    yield from _stocks(setting)
    yield from _chain(setting)


def _positions(setting: Setting) -> Iterator[Row]:
    base = setting.base
    plain = httpx.Client()
    ibind = IbkrClient(url=base, cacert=False)
    account = payloads.ACCOUNT

    def with_httpx() -> int:
        found: list[object] = []
        for page in itertools.count():
            answer = plain.get(f"{base}/portfolio/{account}/positions/{page}").json()
            found += answer
            if len(answer) < payloads.PAGE:
                return len(found)
        return 0

    def with_ibind() -> int:
        found: list[object] = []
        for page in itertools.count():
            answer = ibind.positions(account, page).data
            found += answer
            if len(answer) < payloads.PAGE:
                return len(found)
        return 0

    with bezant.Client(base, pacing=False) as client:
        client.accounts()
        setting.requests()
        if len(client.all_positions(account)) != POSITIONS:
            raise AssertionError("positions are missing")
        asked = setting.requests()
        measures = {
            "bezant": repeated(lambda: client.all_positions(account), 1),
            "httpx": repeated(with_httpx, 1),
            "ibind": repeated(with_ibind, 1),
        }
        found = take_turns(measures, setting.rounds(9))
    plain.close()
    ibind.close()
    # The last page is full, so the client cannot know that it is the last, and needs one more
    # request.
    least = POSITIONS // payloads.PAGE + 1
    yield _count("requests for 10,000 positions", asked, least)
    for peer in ("httpx", "ibind"):
        yield Row(
            "bulk",
            "10,000 positions",
            peer,
            ratios(found["bezant"], found[peer]),
            ours=duration(spread(found["bezant"]).middle),
        )


def _count(what: str, number: int, least: int) -> Row:
    figure = Spread(number, number, number)
    return Row("bulk", what, f"the least possible, {least:,}", figure, unit="", limit=least)


def _symbols(setting: Setting) -> Row:
    with bezant.Client(setting.base, pacing=False) as client:
        cache = bezant.SymbolCache(client)
        setting.requests()
        for _ in range(2):
            for number in range(SYMBOLS):
                if cache.conid_for(f"SYM{number}") != payloads.FIRST_CONID + number:
                    raise AssertionError("a wrong contract")
        return _count("requests for 1,000 symbols, each twice", setting.requests(), SYMBOLS)


def _stocks(setting: Setting) -> Iterator[Row]:
    ibind = IbkrClient(url=setting.base, cacert=False)

    def with_ibind() -> int:
        conids: list[str] = []
        for part in _parts(STOCKS, STOCKS_OF_IBIND):
            found = ibind.stock_conid_by_symbol(part).data
            conids += [str(conid) for conid in found.values()]
        contracts: list[object] = []
        for part in _parts(conids, DEFINITIONS):
            contracts += ibind.security_definition_by_conid(part).data["secdef"]
        return len(contracts)

    with bezant.Client(setting.base, pacing=False) as client:

        def with_bezant() -> int:
            client.contracts.clear()
            return len(client.contracts.stocks(STOCKS))

        least = 1 + ceil(len(STOCKS) / DEFINITIONS)
        yield from _next_to_ibind(
            setting, "500 symbols", with_bezant, with_ibind, len(STOCKS), least
        )
    ibind.close()


def _parts(values: list[str], size: int) -> list[list[str]]:
    return [values[first : first + size] for first in range(0, len(values), size)]


def _chain(setting: Setting) -> Iterator[Row]:
    ibind = IbkrClient(url=setting.base, cacert=False)
    underlying = bezant.Contract(conid=payloads.FIRST_CONID, symbol="SYM0", sec_type="STK")
    month, conid = payloads.CHAIN_MONTH, str(payloads.FIRST_CONID)

    def with_ibind() -> int:
        ibind.search_contract_by_symbol("SYM0")
        strikes = ibind.search_strikes_by_conid(conid, "OPT", month).data
        found: list[object] = []
        for strike in sorted({*strikes["call"], *strikes["put"]}):
            if abs(strike - MIDDLE) <= DISTANCE:
                rows = ibind.search_secdef_info_by_conid(
                    conid, "OPT", month, strike=str(strike)
                ).data
                found += [row for row in rows if row["maturityDate"] == f"{EXPIRY:%Y%m%d}"]
        return len(found)

    with bezant.Client(setting.base, pacing=False) as client:

        def with_bezant() -> int:
            client.contracts.clear()
            chain = client.contracts.option_chain(underlying)
            near = chain.expiry(EXPIRY).strikes(within=DISTANCE, around=MIDDLE)
            return len(near.contracts())

        what = f"option chain of {STRIKES} strikes"
        least = 1 + 1 + STRIKES  # search, strikes, and one request for each strike
        yield from _next_to_ibind(setting, what, with_bezant, with_ibind, 2 * STRIKES, least)
    ibind.close()


def _next_to_ibind(
    setting: Setting,
    what: str,
    with_bezant: Callable[[], int],
    with_ibind: Callable[[], int],
    contracts: int,
    least: int,
) -> Iterator[Row]:
    """Yield the rows for a lookup of contracts: its requests, and its time next to ibind's."""
    setting.requests()
    if with_bezant() != contracts:
        raise AssertionError("contracts are missing")
    yield _count(f"requests for {what}", setting.requests(), least)
    if with_ibind() != contracts:
        raise AssertionError("contracts are missing")
    measures = {"bezant": repeated(with_bezant, 1), "ibind": repeated(with_ibind, 1)}
    found = take_turns(measures, setting.rounds(31))
    value = ratios(found["bezant"], found["ibind"])
    yield Row("bulk", what, "ibind", value, ours=duration(spread(found["bezant"]).middle))
