"""Tests of finding exactly one contract for a symbol."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant import (
    AmbiguousSymbol,
    Contract,
    InvalidRequest,
    Listing,
    MissingValue,
    SymbolNotFound,
)
from bezant._core.contracts.symbols import (
    DEFINITIONS,
    STOCKS,
    Key,
    SymbolTable,
    choose,
    chunks,
    key_for,
    listings,
    normalise,
    room_for_symbols,
    with_currencies,
)
from bezant.models import StockCompany, StockListing

from ..samples import some


def listing(
    conid: int, exchange: str, *, is_us: bool = False, currency: str | None = None
) -> Listing:
    return Listing(
        conid=conid,
        symbol="ACME",
        exchange=exchange,
        name="ACME CORP",
        is_us=is_us,
        currency=currency,
    )


NYSE = listing(1, "NYSE", is_us=True, currency="USD")
BATS = listing(2, "BATS", is_us=True, currency="USD")
MEXI = listing(3, "MEXI", currency="MXN")
EBS = listing(4, "EBS", currency="CHF")


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("aapl", "AAPL"),
        (" aapl ", "AAPL"),
        ("BRK.B", "BRK B"),
        ("brk-b", "BRK B"),
        ("BRK/B", "BRK B"),
        ("BRK   B", "BRK B"),
        ("BP.", "BP."),
        ("0700", "0700"),
        ("RDS.AB", "RDS AB"),
        ("X.ABC", "X.ABC"),
    ],
)
def test_symbols_as_ibkr_spells_them(symbol: str, expected: str) -> None:
    assert normalise(symbol) == expected


@pytest.mark.parametrize("symbol", ["", " ", "A,B", "A\x00B", "x" * 41, None, 5], ids=repr)
def test_an_invalid_symbol_is_refused(symbol: Any) -> None:
    with pytest.raises(InvalidRequest):
        normalise(symbol)


@given(symbol=st.text())
def test_the_normal_form_is_stable(symbol: str) -> None:
    try:
        normal = normalise(symbol)
    except InvalidRequest:
        return
    assert normalise(normal) == normal
    assert normalise(f" {symbol.lower()} ") == normalise(symbol.lower())


def test_keys() -> None:
    assert key_for("brk.b", " nyse ", "usd") == ("BRK B", "NYSE", "USD")
    assert key_for("a", None, None) == ("A", "", "")


@pytest.mark.parametrize("wish", ["", " ", 5], ids=repr)
def test_exchanges_and_currencies_are_text(wish: Any) -> None:
    with pytest.raises(InvalidRequest, match="exchange"):
        key_for("A", wish, None)
    with pytest.raises(InvalidRequest, match="currency"):
        key_for("A", None, wish)


def test_each_contract_is_listed_once() -> None:
    answer = {
        "ACME": [
            some(
                StockCompany,
                name="ACME CORP",
                contracts=[
                    some(StockListing, conid=1, exchange="NYSE", is_us=True),
                    some(StockListing, conid=1, exchange="AGAIN"),
                    some(StockListing, conid=0, exchange="without a contract"),
                    some(StockListing, conid=3),
                ],
            ),
            some(StockCompany, contracts=[]),
        ],
        "OTHER": [some(StockCompany, contracts=[some(StockListing, conid=9)])],
    }
    found = listings("ACME", answer)
    assert [(each.conid, each.exchange, each.name, each.is_us) for each in found] == [
        (1, "NYSE", "ACME CORP", True),
        (3, "", "ACME CORP", False),
    ]
    assert listings("UNKNOWN", answer) == []


@pytest.mark.parametrize(
    ("company", "field"),
    [
        (some(StockCompany, name="ACME CORP"), "contracts"),
        (some(StockCompany, contracts=[some(StockListing, exchange="NYSE")]), "conid"),
    ],
)
def test_a_listing_that_cannot_be_read_is_not_an_unknown_stock(
    company: StockCompany, field: str
) -> None:
    with pytest.raises(MissingValue) as caught:
        listings("ACME", {"ACME": [company]})
    assert caught.value.field == field


def test_no_listing_matches_only_if_the_exchange_and_the_currency_are_known() -> None:
    unknown = Listing(conid=3, symbol="ACME", exchange="", name="", is_us=False)
    with pytest.raises(MissingValue, match="the exchange of 3, a listing of 'ACME', is missing"):
        choose(("ACME", "NYSE", ""), [unknown])
    with pytest.raises(MissingValue, match="the currency of 3"):
        choose(("ACME", "", "USD"), [unknown])
    assert choose(("ACME", "", ""), [unknown]) is unknown


def test_symbols_are_split_into_as_few_calls_as_possible() -> None:
    symbols = [f"S{number:03}" for number in range(1000)]
    parts = list(chunks(symbols, 2499))
    assert [symbol for part in parts for symbol in part] == symbols
    assert [len(part) for part in parts] == [500, 500]
    assert [len(part) for part in chunks(symbols, 2498)] == [499, 499, 2]
    assert list(chunks([], 100)) == []
    # a space takes three bytes, and a symbol that does not fit is in a list of its own
    assert list(chunks(["A", "BRK B", "C"], 9)) == [["A", "BRK B"], ["C"]]
    assert list(chunks(["A", "BRK B", "C"], 0)) == [["A"], ["BRK B"], ["C"]]


def test_the_room_for_symbols_in_a_request_line() -> None:
    line = "GET /v1/api/trsrv/stocks?symbols= HTTP/1.1\r\n"
    assert room_for_symbols("/v1/api") == 4096 - len(line)


def test_a_table_knows_what_was_found_and_what_was_not() -> None:
    table, key = SymbolTable(), ("ACME", "", "")
    assert not table.knows(key, 0.0)
    table.missed(key, SymbolNotFound("no", symbol="ACME"), 0.0)
    assert table.knows(key, 1.0)
    table.found(key, 5, 0.0)
    assert table.knows(key, 1.0)


def test_currencies_come_from_the_contracts() -> None:
    known = {
        1: Contract(conid=1, symbol="ACME", sec_type="STK", currency="USD"),
        3: Contract(conid=3, symbol="ACME", sec_type="STK"),
    }
    found = [listing(1, "NYSE"), listing(3, "MEXI"), listing(4, "EBS")]
    assert [each.currency for each in with_currencies(found, known)] == ["USD", None, None]
    assert with_currencies(found, {}) == found


@pytest.mark.parametrize(
    ("key", "candidates", "expected"),
    [
        (("ACME", "", ""), [MEXI], MEXI),
        (("ACME", "", ""), [MEXI, NYSE, EBS], NYSE),
        (("ACME", "MEXI", ""), [MEXI, NYSE], MEXI),
        (("ACME", "", "CHF"), [MEXI, NYSE, EBS], EBS),
        (("ACME", "NYSE", "USD"), [MEXI, NYSE, BATS], NYSE),
        (("ACME", "", "USD"), [NYSE, listing(5, "LSE", currency="USD")], NYSE),
    ],
)
def test_the_one_listing_that_fits(key: Key, candidates: list[Listing], expected: Listing) -> None:
    assert choose(key, candidates) == expected


@pytest.mark.parametrize(
    ("key", "candidates"),
    [
        (("ACME", "", ""), []),
        (("ACME", "TSE", ""), [MEXI, NYSE]),
        (("ACME", "", "EUR"), [MEXI, NYSE, listing(6, "X", currency="GBP")]),
        (("ACME", "NYSE", "EUR"), [NYSE]),
    ],
)
def test_none_fits(key: Key, candidates: list[Listing]) -> None:
    with pytest.raises(SymbolNotFound) as caught:
        choose(key, candidates)
    assert caught.value.symbol == "ACME"
    assert caught.value.candidates == tuple(candidates)
    assert caught.value.operation == STOCKS.name
    assert "client.contracts" in str(caught.value)
    for each in candidates:
        assert str(each) in str(caught.value)
    for wish in key[1:]:
        assert wish in str(caught.value)


@pytest.mark.parametrize(
    ("key", "candidates", "fitting"),
    [
        (("ACME", "", ""), [MEXI, EBS], 2),
        (("ACME", "", ""), [NYSE, BATS, MEXI], 3),
        (("ACME", "", "USD"), [NYSE, BATS, MEXI], 2),
        # The caller has named an exchange that has two listings. Nothing decides between the two.
        (("ACME", "NYSE", ""), [NYSE, listing(7, "NYSE")], 2),
    ],
)
def test_several_fit(key: Key, candidates: list[Listing], fitting: int) -> None:
    with pytest.raises(AmbiguousSymbol) as caught:
        choose(key, candidates)
    assert len(caught.value.candidates) == fitting
    assert f"{fitting} listings" in str(caught.value)


def test_a_long_list_of_candidates_is_cut_in_the_text_only() -> None:
    many = [listing(each, f"E{each}") for each in range(1, 21)]
    with pytest.raises(AmbiguousSymbol, match="and 12 more") as caught:
        choose(("ACME", "", ""), many)
    assert len(caught.value.candidates) == 20


KEY: Key = ("ACME", "", "")


def miss() -> SymbolNotFound:
    return SymbolNotFound("not known", operation=STOCKS.name, symbol="ACME", candidates=[MEXI])


def test_contracts_are_remembered_for_a_week() -> None:
    table = SymbolTable(forget_misses_after=10)
    assert table.get(KEY, 0) is None
    table.found(KEY, 5, 100)
    assert table.get(KEY, 100 + 7 * 86_400 - 1) == 5
    assert len(table) == 1
    assert table.get(KEY, 100 + 7 * 86_400) is None
    assert not table.knows(KEY, 101)
    assert len(table) == 0


def test_misses_are_remembered_for_a_while() -> None:
    table = SymbolTable(forget_misses_after=10)
    first = miss()
    table.missed(KEY, first, 100)
    for now in (100, 109.9):
        with pytest.raises(SymbolNotFound) as caught:
            table.get(KEY, now)
        assert (
            caught.value is not first
        )  # a copy per caller: a shared error would collect the tracebacks of all callers
        assert vars(caught.value) == vars(first)
    assert table.get(KEY, 110) is None
    assert table.get(KEY, 100) is None
    assert len(table) == 0


def test_a_contract_that_turns_up_ends_a_miss() -> None:
    table = SymbolTable(forget_misses_after=10)
    table.missed(KEY, miss(), 0)
    table.found(KEY, 5, 0)
    assert table.get(KEY, 1) == 5


def test_forgetting() -> None:
    table = SymbolTable()
    table.found(KEY, 1, 0)
    table.found(("ACME", "NYSE", ""), 2, 0)
    table.found(("OTHER", "", ""), 3, 0)
    table.missed(("ACME", "", "EUR"), miss(), 0)
    table.forget("ACME")
    assert len(table) == 1
    assert table.get(KEY, 0) is None
    assert table.get(("ACME", "", "EUR"), 0) is None
    table.missed(KEY, miss(), 0)
    table.clear()
    assert len(table) == 0
    assert table.get(KEY, 0) is None


def test_lookups_may_be_repeated() -> None:
    assert STOCKS.idempotent
    assert DEFINITIONS.idempotent


def test_a_listing_reads_well() -> None:
    assert str(NYSE) == "ACME NYSE USD conid 1 (ACME CORP)"
    assert str(listing(1, "NYSE")) == "ACME NYSE conid 1 (ACME CORP)"
