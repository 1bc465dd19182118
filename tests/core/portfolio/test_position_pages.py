"""Tests of pages of positions: each page is requested and each position returned once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant import Position
from bezant._core.portfolio.position_pages import POSITIONS, SORTING, Pager
from bezant._core.session.prerequisites import ACCOUNTS

from ..samples import some


def rows(first: int, count: int, page_size: int | None = None) -> list[Position]:
    size = None if page_size is None else page_size
    return [
        some(Position, account_id="DU1", conid=conid, page_size=size)
        for conid in range(first, first + count)
    ]


def test_the_calls_are_sorted_reads() -> None:
    assert ACCOUNTS.idempotent
    assert POSITIONS.idempotent
    assert SORTING["sort"] == "name"


@pytest.mark.parametrize(
    ("page", "last"),
    [
        (rows(1, 0), True),
        (rows(1, 99), True),
        (rows(1, 100), False),
        (rows(1, 30), False),  # a full page: for years, IBKR documented a page size of 30
        (rows(1, 29), True),
        (rows(1, 50, page_size=50), False),
        (rows(1, 49, page_size=50), True),
        (rows(1, 100, page_size=0), False),
        (rows(1, 60, page_size=0), True),
    ],
    ids=lambda value: str(len(value)) if isinstance(value, list) else str(value),
)
def test_when_a_page_is_the_last(page: list[Position], last: bool) -> None:
    pager = Pager()
    assert pager.add(page) == page
    assert pager.done is last
    assert pager.page == 1


def test_a_repeated_page_ends_it_and_gives_nothing() -> None:
    pager = Pager()
    page = rows(1, 100)
    pager.add(page)
    assert pager.add(page) == []
    assert pager.done
    assert pager.page == 2


def test_a_position_is_identified_by_account_contract_and_model() -> None:
    pager = Pager()
    page = [
        some(Position, account_id="DU1", conid=1),
        some(Position, account_id="DU2", conid=1),
        some(Position, account_id="DU1", conid=1, model="m"),
        some(Position, account_id="DU1", conid=1),
    ]
    assert pager.add(page) == page[:3]


def test_rows_without_a_contract_are_kept() -> None:
    pager = Pager()
    page = [some(Position, account_id="DU1"), some(Position, account_id="DU1")]
    assert len(pager.add(page)) == 2


@given(
    total=st.integers(0, 450),
    size=st.sampled_from([30, 100]),
    overlap=st.integers(0, 20),
    says=st.booleans(),
)
def test_paging_loses_nothing_and_repeats_nothing(
    total: int, size: int, overlap: int, says: bool
) -> None:
    held = rows(1, total, size if says else None)
    pager = Pager()
    found: list[Position] = []
    at = 0
    while not pager.done:
        found += pager.add(held[at : at + size])
        at += size - overlap
        assert pager.page < 60
    assert found == held


def test_an_empty_page_is_doubted_once_if_the_accounts_came_before() -> None:
    assert not Pager().doubts([])
    pager = Pager(doubtful=True)
    assert pager.doubts([])
    assert not pager.doubts([])
    assert not Pager(doubtful=True).doubts([some(Position, conid=1)])
    pager = Pager(doubtful=True)
    pager.add([])
    assert not pager.doubts([])
