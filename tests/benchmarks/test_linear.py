"""Tests that reading takes linear time, with smaller inputs than in the soak tests."""

from __future__ import annotations

import pytest

from benchmarks.soak import linear


def test_a_reader_that_takes_quadratic_time_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def quadratic(text: str) -> float:
        return len(text) ** 2 / 1e9

    monkeypatch.setattr(linear, "readers", lambda: {"quadratic": quadratic})
    monkeypatch.setattr(linear, "texts", lambda: {"digits": "1"})
    monkeypatch.setattr(linear, "_seconds", lambda reader, text: reader(text))
    with pytest.raises(AssertionError, match="quadratic: digits"):
        list(linear.figures(quick=True))


def test_a_reader_is_named_with_its_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "readers", lambda: {"len": len})
    assert next(iter(linear.figures(quick=True)))[0] == "linear: len"


def test_all_readers_take_all_texts() -> None:
    for reader in linear.readers().values():
        for text in linear.texts().values():
            reader(text * 20)
