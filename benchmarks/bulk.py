"""Benchmarks of bulk work: 10,000 positions and 1,000 symbols.

These benchmarks run without rate limits. Bulk work under IBKR's rate limits (300 histories, 1,000
snapshots) is in `benchmarks.soak.limits`, because it takes minutes of waiting.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import httpx
from ibind import IbkrClient

import bezant
from benchmarks import _payloads as payloads
from benchmarks._setting import Setting
from benchmarks._table import Row, duration
from benchmarks._timing import Spread, ratios, repeated, spread, take_turns

POSITIONS = 10_000
SYMBOLS = 1_000


def rows(setting: Setting) -> Iterator[Row]:
    yield from _positions(setting)
    yield _symbols(setting)


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
