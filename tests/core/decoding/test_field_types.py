"""Tests of spellings that msgspec cannot read: placeholders for None, times and days."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bezant._core.decoding.decoder import convert_row, decode
from bezant._core.decoding.empty_values import names_of_empty_values
from bezant._wire import field_types
from bezant._wire.field_types import Date, KnownId, KnownText, NonZero, Quantity, Time
from bezant.errors import MissingValue
from bezant.models import Model

from ..samples import Drifts


class Row(Model, frozen=True, kw_only=True):
    text: KnownText | None = None
    id: KnownId | None = None
    strike: NonZero | None = None
    when: Time | None = None
    day: Date | None = None
    size: Quantity | None = None
    number: int | None = None


class Strict(Model, frozen=True, kw_only=True):
    when: Time
    day: Date


WHEN = datetime(2026, 9, 8, 17, 33, 8, tzinfo=UTC)
DAY = date(2026, 9, 8)
NONE_OF: dict[str, list[object]] = {
    "text": ["", "?", "???", "NA", "N/A", "None", "null", "n/a"],
    "id": [0, "0", "", -1, 2147483647, "2147483647", 0.0],
    "strike": [0, 0.0, "0", "0.0", "0.00", "", "NA"],
    "when": ["", "None", 0, 0.0, "0"],
    "day": ["", "None", 0, "0"],
}
VALUES = [
    ("text", "CBOE", "CBOE"),
    ("text", "Name", "Name"),
    ("text", 5, "5"),
    ("id", 265598, 265598),
    ("id", "265,598", 265598),
    ("strike", 150, Decimal(150)),
    ("strike", 0.5, Decimal("0.5")),
    ("strike", "1,150.25", Decimal("1150.25")),
    ("size", 183.0, Decimal(183)),
    ("size", "183.00", Decimal(183)),
    ("size", "1,830.0", Decimal(1830)),
    ("size", 183, Decimal(183)),
    ("size", -0.0, Decimal(0)),
    ("size", 0.25, Decimal("0.25")),
    ("size", "1E2", Decimal(100)),
    ("when", 1788888788000, WHEN),
    ("when", "1788888788000", WHEN),
    ("when", 1788888788, WHEN),
    ("when", "1788888788.0", WHEN),
    ("when", 1788888788123, WHEN.replace(microsecond=123_000)),
    ("when", "20260908-17:33:08", WHEN),
    ("when", "260908173308", WHEN),
    ("when", "2026-09-08T17:33:08Z", WHEN),
    ("day", "20260908", DAY),
    ("day", 20260908, DAY),
    ("day", "2026-09-08", DAY),
    ("day", 1788888788000, DAY),
    ("day", "Tue Sep 08 00:00:00 CEST 2026", DAY),
]
WRONG = [
    ("text", []),
    ("id", "x"), ("id", 1.5), ("id", [0]), ("id", True),
    ("size", "x"), ("size", True), ("size", False), ("size", []), ("size", "1E99999"),
    ("strike", "x"), ("strike", {}), ("strike", True),
    ("when", "soon"), ("when", 10**20), ("when", []), ("when", True), ("when", "1" * 200),
    ("day", "20261399"), ("day", "Tue Xyz 08 00:00:00 CEST 2026"), ("strike", False), ("id", False),
    ("day", "Tue Feb 30 00:00:00 CEST 2026"), ("day", {}), ("day", True), ("day", 10**16),
]  # fmt: skip


def read(value: object, type_: Any, operation: str = "GET /x") -> tuple[Any, Drifts]:
    drifts = Drifts()
    found = decode(json.dumps(value).encode(), type_, operation=operation, report=drifts)
    return found, drifts


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in NONE_OF.items() for value in values]
)
def test_a_spelling_of_no_value_is_none(name: str, value: object) -> None:
    # Without the second number, one pass decodes the row. "1,000" makes the decoder repair the
    # response field by field. The result must be the same.
    for more in ({}, {"number": "1,000"}):
        found, drifts = read([{name: value} | more], list[Row])
        assert (getattr(found[0], name), drifts) == (None, [])
        assert not found[0].has(name)
    drifts = Drifts()
    assert not convert_row({name: value}, Row, operation="x", report=drifts).has(name)
    assert drifts == []


@pytest.mark.parametrize(("name", "value", "wanted"), VALUES)
def test_every_spelling_of_a_value(name: str, value: object, wanted: object) -> None:
    for more in ({}, {"number": "1,000"}):
        found, drifts = read([{name: value} | more], list[Row])
        assert (getattr(found[0], name), drifts) == (wanted, [])
        again, drifts = read(json.loads(msgspec.json.encode(found[0])), Row)
        assert (again, drifts) == (found[0], [])


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_an_unreadable_value_costs_its_field_and_is_reported(name: str, value: object) -> None:
    found, drifts = read({name: value, "number": 5}, Row)
    assert (found.has(name), found.number) == (False, 5)
    ((_, model, field, expected, _),) = drifts
    assert (model, field) == ("Row", name)
    assert expected in ("str", "int", "Decimal", "datetime", "date")


@pytest.mark.parametrize("nothing", ["", "None", None, "soon", [], 0])
def test_a_promised_time_that_is_missing_raises_where_it_is_read(nothing: object) -> None:
    found, drifts = read({"when": nothing, "day": "20260908"}, Strict)
    assert found.day == DAY
    with pytest.raises(MissingValue, match=r"Strict\.when has no value"):
        _ = found.when
    assert [(each.field, each.expected) for each in drifts] == [("when", "datetime")]
    found, drifts = read({"when": 1788888788000, "day": nothing}, Strict)
    assert (found.when, found.has("day"), len(drifts)) == (WHEN, False, 1)


@pytest.mark.parametrize("sent", [183.0, "183.00", 183, "1.83E2"])
def test_a_whole_quantity_prints_as_such(sent: object) -> None:
    for more in ({}, {"number": "1,000"}):
        found, _ = read({"size": sent} | more, Row)
        assert (str(found.size), repr(found.size)) == ("183", "Decimal('183')")


def test_a_number_keeps_all_its_digits() -> None:
    body = b'{"size":0.12345678901234567890123,"strike":1234567.123456789012345}'
    found = decode(body, Row, operation="GET /x", report=Drifts())
    assert found.size == Decimal("0.12345678901234567890123")
    assert found.strike == Decimal("1234567.123456789012345")


def test_few_sizes_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field_types, "_REMEMBERED", 2)
    field_types._KNOWN[Quantity].clear()
    for size in (1, 2, 3, 4):
        found, _ = read({"size": size}, Row)
        assert found.size == size
        assert len(field_types._KNOWN[Quantity]) <= 2


def test_empty_texts_of_these_fields() -> None:
    assert names_of_empty_values(list[Row]) == {
        "id", "strike", "when", "day", "size", "number",
    }  # fmt: skip


def test_a_class_of_the_users_is_checked_by_msgspec() -> None:
    class Theirs:
        pass

    class Mine(msgspec.Struct):
        theirs: Theirs | None = None

    # The annotation is added here, because the name of a class inside a function cannot be
    # resolved.
    Mine.__annotations__["theirs"] = Theirs | None
    found, drifts = read({"theirs": None}, Mine)
    assert (found.theirs, drifts) == (None, [])
    found, drifts = read({"theirs": 5}, Mine)
    assert [each.expected for each in drifts] == ["Theirs"]
