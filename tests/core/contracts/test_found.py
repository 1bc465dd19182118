"""Tests of the results of a search, and of currency pairs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bezant._core.contracts.found import hits_of, pairs_of, section_of
from bezant.models.contracts import CurrencyPair, SearchHit, SearchSection

from ..samples import some

RECORDED = Path(__file__).parents[3].parent / "shared" / "fixtures" / "Contracts"


def hit(conid: int | None, symbol: str | None, *sections: SearchSection) -> SearchHit:
    return SearchHit(
        conid=conid, symbol=symbol, description="CBOE", company_name="X", sections=list(sections)
    )


INDEX = SearchSection(sec_type="IND", exchange="CBOE;")
OPTIONS = SearchSection(sec_type="OPT", months="JAN27;FEB27", exchange="SMART;CBOE")


def test_only_contracts_of_the_kind_and_symbol_count() -> None:
    hits = [
        hit(1, "SPX", INDEX, OPTIONS),
        hit(2, "SPXL", INDEX),
        hit(3, "SPX", SearchSection(sec_type="STK")),
        hit(None, "SPX", INDEX),
        hit(5, None, INDEX),
        some(SearchHit, conid=6, symbol="SPX"),
    ]
    [found] = hits_of(hits, "SPX", "IND")
    assert (found.conid, found.exchange, found.name, found.sec_type) == (1, "CBOE", "X", "IND")


def test_months_and_exchanges_of_the_derivatives() -> None:
    hits = [hit(2, "A"), hit(1, "SPX", INDEX, some(SearchSection), OPTIONS)]
    assert section_of(hits, 1, "OPT") == (("JAN27", "FEB27"), ("SMART", "CBOE"))
    assert section_of(hits, 1, "FOP") is None
    assert section_of(hits, 2, "OPT") is None
    assert section_of(hits, 3, "OPT") is None


def test_currency_pairs() -> None:
    rows = [
        CurrencyPair(currency="CHF", conid=1, symbol="USD.CHF"),
        CurrencyPair(currency="EUR", conid=2, symbol="EUR.USD"),
        CurrencyPair(currency="EUR", conid=3, symbol="EUR.GBP"),
        CurrencyPair(currency="EUR", conid=4, symbol="?"),
    ]
    pairs = pairs_of(rows, "USD")
    assert [(each.conid, each.symbol, each.currency) for each in pairs] == [
        (1, "USD", "CHF"),
        (2, "EUR", "USD"),
    ]


def test_recorded_results() -> None:
    file = RECORDED / "GET-secdef-search.json"
    if not file.exists():
        pytest.skip("users' recordings belong to their authors and are not in this repository")
    rows = json.loads(file.read_text())["Response"]["Body"]
    hits = [SearchHit.from_json(json.dumps(row)) for row in rows]
    months = ("APR26", "MAY26", "JUN26")
    assert section_of(hits, 756733, "OPT") == (months, ("SMART", "AMEX", "CBOE"))
    assert [each.conid for each in hits_of(hits, "SPY", "STK")] == [756733, 38709152]
