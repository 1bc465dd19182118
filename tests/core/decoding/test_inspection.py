"""Tests of msgspec's inspection of types: once per type, while a lock is held."""

from __future__ import annotations

from decimal import Decimal
from types import TracebackType
from typing import Any

import msgspec
import pytest

import bezant._core.decoding.decoder
from bezant import DecodeError, InvalidRequest, Position
from bezant._core.decoding import inspection
from bezant._core.decoding.decoder import convert_row, decode, decoder
from bezant._core.decoding.empty_values import Decoder
from bezant._core.decoding.inspection import Reentered, convert, inspect, use_lock
from bezant._core.http.request import encode_body
from bezant._core.http.response import check_type

from ..samples import READ, Drifts


class Counting:
    """Lock that counts how often it is taken."""

    def __init__(self) -> None:
        self.taken = 0

    def __enter__(self) -> None:
        self.taken += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Counting:
    # With this, monkeypatch restores the real lock after the test.
    monkeypatch.setattr(inspection, "_lock", inspection._lock)
    found = Counting()
    use_lock(found)
    return found


def fresh(name: str = "Fresh") -> Any:
    return msgspec.defstruct(name, [("number", Decimal | None, None), ("whole", int | None, None)])


def test_a_type_is_inspected_once_and_under_the_lock(lock: Counting) -> None:
    kind = fresh()
    for _ in range(3):
        assert decode(b'{"number":1}', kind, operation="GET /x", report=print).number == 1
    assert lock.taken == 1
    for _ in range(3):
        assert convert({"number": 1}, kind).number == 1
    assert lock.taken == 2
    decode(b'{"number":""}', kind, operation="GET /x", report=print)
    assert lock.taken == 3  # the search for empty fields inspects the type once more
    encode_body(kind(number=Decimal(1)), "POST /x")
    assert lock.taken == 3
    check_type(fresh(), READ)
    assert lock.taken > 3


def test_an_inspection_works_after_a_failed_one() -> None:
    with pytest.raises(TypeError):
        inspect(lambda: msgspec.json.Decoder(int | list[int] | list[str]))
    assert inspect(lambda: 1) == 1


def in_the_middle(check: Any) -> Any:
    """Run `check` during an inspection, when a signal handler or a finaliser could run it."""
    return inspect(check)


def test_nothing_is_inspected_during_an_inspection() -> None:
    with pytest.raises(Reentered):
        in_the_middle(lambda: inspect(lambda: 1))
    # Inspections work again after the refused one.
    assert in_the_middle(lambda: 2) == 2


def test_a_response_is_read_during_an_inspection() -> None:
    kind = fresh()

    def check() -> Any:
        return decode(b'{"number":"1,000","whole":2}', kind, operation="GET /x", report=print)

    found = in_the_middle(check)
    assert (found.number, found.whole) == (1000, 2)
    known = in_the_middle(lambda: decode(b"[]", list[Position], operation="GET /x", report=print))
    assert known == []


def test_a_row_is_read_during_an_inspection() -> None:
    kind = fresh()
    drifts = Drifts()
    row = in_the_middle(lambda: convert_row({"number": "5"}, kind, operation="sor", report=drifts))
    assert row.number == 5
    union = msgspec.defstruct("Union", [("either", float | list[float] | None, None)])
    row = in_the_middle(
        lambda: convert_row({"either": [5.5]}, union, operation="sor", report=drifts)
    )
    assert drifts.fields == ["either"]


def test_empty_fields_are_repaired_during_an_inspection() -> None:
    kind = fresh()
    fast = Decoder(kind)
    with pytest.raises(msgspec.ValidationError):
        in_the_middle(lambda: fast.decode(b'{"number":""}'))
    assert fast.decode(b'{"number":""}').number is None


def test_requests_are_built_during_an_inspection() -> None:
    kind: Any = fresh()
    assert in_the_middle(lambda: encode_body(kind(whole=1), "POST /x"))
    in_the_middle(lambda: check_type(kind, READ))
    with pytest.raises(InvalidRequest):
        check_type(list[object()], READ)  # type: ignore[misc]


def test_types_created_at_run_time_are_not_kept_forever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bezant._core.decoding.decoder, "_REMEMBERED", 2)
    monkeypatch.setattr(bezant._core.decoding.decoder, "_decoders", {})
    monkeypatch.setattr(inspection, "_REMEMBERED", 2)
    monkeypatch.setattr(inspection, "_inspected", set())
    for _ in range(10):
        decoder(fresh())
        convert({}, fresh())
    assert len(bezant._core.decoding.decoder._decoders) <= 2
    assert len(inspection._inspected) <= 2


def test_a_type_that_msgspec_refuses_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises((TypeError, DecodeError)):
            decode(b"[]", int | list[int] | list[str], operation="GET /x", report=print)  # type: ignore[arg-type]
