"""Tests of the backoff: pauses between attempts grow up to a maximum."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant._core.http.backoff import Backoff


def test_each_pause_is_longer_by_the_factor_up_to_the_maximum() -> None:
    backoff = Backoff(2.0, 20.0, factor=3.0)
    assert [backoff.delay(failures) for failures in range(1, 6)] == [2, 6, 18, 20, 20]


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 0.75), (0.5, 1.0), (1.0, 1.25)])
def test_chance_picks_the_jitter(chance: float, pause: float) -> None:
    assert Backoff(1.0, 60.0, jitter=(0.75, 1.25)).delay(1, chance) == pause


def test_the_jitter_stays_at_the_maximum() -> None:
    """Pauses at the maximum still vary, so that clients do not all reconnect at the same moment."""
    backoff = Backoff(1.0, 60.0, jitter=(0.75, 1.25))
    assert backoff.delay(50, 0.0) == 45
    assert backoff.delay(50, 1.0) == 60


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_no_pause_exceeds_the_maximum(failures: int, chance: float) -> None:
    assert 0 <= Backoff(0.25, 4.0, jitter=(0.0, 1.0)).delay(failures, chance) <= 4
