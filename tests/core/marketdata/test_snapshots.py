"""Tests that a snapshot is complete when a contract's fields have arrived or cannot arrive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from bezant import AuthStatus, InvalidRequest, MarketData, MarketDataFields
from bezant._core.marketdata.contract import contract_text
from bezant._core.marketdata.snapshots import QuoteRequest, Quotes
from bezant._wire.availability import availability_of

FIELDS = MarketDataFields.from_names("last", "bid")


def rounds(*rows: dict[str, Any] | None, most: int = 9) -> int:
    """Return after how many responses a quote is complete; 0 if not after `most` responses.

    The n-th response has the n-th row, and further responses the last row. None is an empty
    response.
    """
    quotes = Quotes(["9"], FIELDS)
    for count in range(1, most + 1):
        row = rows[min(count, len(rows)) - 1]
        quotes.add(["9"], [] if row is None else [{"conid": 9, **row}])
        if quotes.complete:
            return count
    return 0


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([{}, {"31": "5", "84": "4"}], 2),
        ([{"6509": "RpB"}], 0),
        ([{"6509": "RpB", "84": "4"}], 0),  # never complete: a last price can still come
        ([None], 0),
        ([{"6509": "N"}], 2),
        ([{"6509": "O"}], 2),
        ([{}, {"6509": "ZB", "84": "4"}], 5),
        ([{}, {"6509": "DPB", "31": "4"}], 5),
        ([{}, {"6509": "YB"}], 3),
        ([{}, {"6509": "ZB", "84": "4"}, {"6509": "ZB", "84": "4", "31": "5"}], 3),
        ([{"31": "N/A", "84": "-"}], 3),  # the contract does not exist
        ([{"31": "N/A", "84": "-"}, {"31": "5", "84": "-"}], 2),
        ([{"31": "5", "84": ""}], 1),
    ],
)
def test_quotes_end_when_nothing_more_can_come(
    rows: list[dict[str, Any] | None], count: int
) -> None:
    assert rounds(*rows) == count


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RpB", "real time"),
        ("DPB", "delayed"),
        ("ZB", "frozen"),
        ("YpB", "frozen delayed"),
        ("N", "not subscribed"),
        ("O", "no agreement"),
        ("x", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_availability_is_a_named_value(text: object, expected: str | None) -> None:
    assert availability_of(text) == expected
    quote = MarketData(conid=1, conid_ex="1", raw={"6509": text})
    assert quote.availability == expected


def test_the_exact_volume_wins() -> None:
    quote = MarketData(conid=1, conid_ex="1", raw={"87": "65595.7B", "87_raw": 65595700.0})
    assert quote.get("volume") == quote.values["volume"] == 65595700
    assert MarketData(conid=1, conid_ex="1", raw={"87": "25.5M"}).get("volume") == 25500000


def test_quotes_that_another_session_has() -> None:
    competing = AuthStatus(authenticated=True, competing=True)
    quotes = Quotes(["1", "2"], FIELDS)
    error = quotes.lost_to_another_session(competing)
    assert error is not None
    assert "another session" in str(error)
    assert quotes.lost_to_another_session(AuthStatus(competing=False)) is None
    assert quotes.lost_to_another_session(None) is None
    quotes.add(["1", "2"], [{"conid": 1, "31": "N/A"}, {"conid": 2}])
    assert quotes.lost_to_another_session(competing) is not None
    quotes.add(["1", "2"], [{"conid": 2, "31": "5"}])
    assert quotes.lost_to_another_session(competing) is None


def test_a_combination_has_a_call_of_its_own() -> None:
    spread = "28812380;;;1/1,2/-1"
    contracts: list[int | str] = [spread, 9, "9@NYSE", "28812380;;;1/+1,2/-1"]
    request = QuoteRequest(contracts, FIELDS, real_time_only=False)
    part = request.next_part(set(), 100)
    quotes = Quotes(part, FIELDS)
    assert list(quotes.batches()) == [["9", "9@NYSE"], [spread]]
    quotes.add(["9", "9@NYSE"], [{"conid": 9, "conidEx": "9@NYSE", "31": "5", "84": "4"}])
    quotes.add(["9", "9@NYSE"], [{"conid": 9, "conidEx": "9", "31": "6", "84": "4"}])
    quotes.add([spread], [{"conid": 28812380, "31": "0.5", "84": "0.4"}])
    assert quotes.complete
    found = quotes.found()
    assert [each.conid_ex for each in found.values()] == [spread, "9", "9@NYSE"]
    assert found[spread].conid == 28812380
    request.add(found)
    rows = request.rows()
    assert [row.contract for row in rows] == contracts
    assert [str(row.last) for row in rows] == ["0.5", "6", "5", "0.5"]


def test_contracts_are_requested_in_parts_that_fit_the_lines() -> None:
    contracts: list[int | str] = [1, "1@NYSE", 2, 3, 4, 3]
    request = QuoteRequest(contracts, FIELDS, real_time_only=False)
    assert request.fields.names == ("last", "bid", "availability")
    assert request.next_part({"2@ARCA"}, 1) == ["1", "1@NYSE", "2"]
    assert request.next_part(set(), 0) == ["3"]
    assert request.next_part(set(), 5) == ["4"]
    assert request.next_part(set(), 5) == []


def test_the_availability_is_requested_if_there_is_room() -> None:
    all_fields = MarketDataFields.from_codes(*range(1, 51))
    assert QuoteRequest([1], all_fields, real_time_only=False).fields == all_fields
    with pytest.raises(InvalidRequest, match="one field less"):
        QuoteRequest([1], all_fields, real_time_only=True)
    known = MarketDataFields.from_names("availability", "last")
    assert QuoteRequest([1], known, real_time_only=True).fields == known


@dataclass
class Holding:
    conid: Any


def test_an_object_with_a_conid_is_a_contract() -> None:
    assert contract_text(Holding(265598)) == "265598"
    for bad in (Holding("265598"), Holding(True), Holding(None), Holding(0), object()):
        with pytest.raises(InvalidRequest):
            contract_text(bad)


def test_the_text_of_one_contract_is_no_list() -> None:
    with pytest.raises(InvalidRequest, match=r"pass \['265598'\]"):
        QuoteRequest("265598", None, real_time_only=False)
