"""Tests of the age limits and the rows of contracts that were looked up."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bezant import Contract, SymbolNotFound
from bezant._core.contracts.cache import AGES, ContractCache, Kind, Row, stock_key
from bezant._core.contracts.symbols import SymbolTable

NOW = 1_795_000_000.0
ES = Contract(
    conid=1, symbol="ES", sec_type="FUT", expiry=date(2027, 3, 19), multiplier=Decimal("50.0")
)
AAPL = Contract(conid=2, symbol="AAPL", sec_type="STK", name="A\nB")


def reloaded(cache: ContractCache) -> ContractCache:
    cleared, rows = cache.take_changes()
    assert not cleared
    other = ContractCache(has_file=True)
    other.load(rows)
    return other


def test_what_was_looked_up_is_there_until_it_is_too_old() -> None:
    cache = ContractCache(has_file=True)
    cache.put("contract", "2", [AAPL], NOW)
    cache.put("futures", "ES", [ES], NOW)
    cache.put("strikes", "2 OPT JAN27", [Decimal("97.5"), Decimal(100)], NOW)
    cache.put_text("zone", "1", "US/Central", NOW)
    assert len(cache) == 1
    for each in (cache, reloaded(cache)):
        for age in (0.0, 86_399.0):
            assert each.contract(2, NOW + age) == AAPL
            assert each.strikes("2 OPT JAN27", NOW + age) == [Decimal("97.5"), Decimal(100)]
            assert each.zone("1", NOW + age) == "US/Central"
            [future] = each.contracts("futures", "ES", NOW + age) or []
            assert future.to_dict() == ES.to_dict()
        assert each.contracts("futures", "ES", NOW + 86_400) is None
        assert each.strikes("2 OPT JAN27", NOW + 86_400) is None
        assert each.contract(2, NOW + 86_400) == AAPL
        assert each.contract(2, NOW + 7 * 86_400) is None
        assert each.zone("1", NOW + 30 * 86_400) is None
        assert each.contract(9, NOW) is None
        assert each.zone("9", NOW) is None


def test_lookups_of_the_future_are_not_believed() -> None:
    cache = ContractCache(has_file=False)
    cache.put("contract", "2", [AAPL], NOW)
    assert cache.contract(2, NOW - 30) == AAPL
    assert cache.contract(2, NOW - 120) is None


@pytest.mark.parametrize("kind", ["contract", "futures", "strikes"])
def test_damaged_values_are_looked_up_again(kind: Kind) -> None:
    cache = ContractCache(has_file=True)
    cache.load(
        [Row(kind, "2", NOW, "{oops"), Row("nothing", "2", NOW, "1"), Row(kind, "3", NOW, None)]
    )
    assert cache.contracts(kind, "2", NOW) is None if kind != "strikes" else True
    assert cache.strikes("2", NOW) is None
    assert cache.contracts(kind, "3", NOW) is None


def test_a_later_lookup_is_not_replaced_by_the_file() -> None:
    cache = ContractCache(has_file=True)
    cache.put_text("zone", "1", "new", NOW)
    cache.load([Row("zone", "1", NOW - 50, "old")])
    assert cache.zone("1", NOW) == "new"


def test_stocks_go_to_a_table_of_symbols() -> None:
    key, unknown = ("AAPL", "", "USD"), ("ZZZZ", "", "")
    cache = ContractCache(has_file=True)
    cache.load(
        [
            Row("stock", stock_key(key), NOW - 100, "265598"),
            Row("stock", stock_key(("OLD", "", "")), NOW - AGES["stock"], "5"),
            Row("stock", stock_key(("BAD", "", "")), NOW, "x"),
            Row("stock", "BAD", NOW, "5"),
            Row("unknown", stock_key(unknown), NOW - 100, "IBKR knows no stock 'ZZZZ'"),
            Row("zone", "1", NOW, "US/Central"),
        ]
    )
    table = SymbolTable()
    cache.fill(table, NOW, 5000.0)
    assert len(table) == 1
    assert table.get(key, 5000.0) == 265598
    assert table.get(key, 5000.0 + AGES["stock"] - 101) == 265598
    with pytest.raises(SymbolNotFound, match="knows no stock 'ZZZZ'"):
        table.get(unknown, 5199.0)
    assert table.get(unknown, 5201.0) is None
    assert table.get(key, 5000.0 + AGES["stock"] - 99) is None


def test_forgetting() -> None:
    for has_file in (True, False):
        cache = ContractCache(has_file=has_file)
        cache.put_text("stock", stock_key(("AAPL", "", "")), "2", NOW)
        cache.put_text("stock", stock_key(("MSFT", "", "")), "3", NOW)
        cache.put_text("zone", "AAPL", "x", NOW)
        cache.take_changes()
        cache.forget_stock("AAPL", NOW)
        assert cache.take_changes() == (
            False,
            [Row("stock", "AAPL\t\t", NOW, None)] if has_file else [],
        )
        cache.put("contract", "2", [AAPL], NOW)
        cache.clear()
        assert len(cache) == 0
        assert cache.take_changes() == (has_file, [])
        assert cache.take_changes() == (False, [])
