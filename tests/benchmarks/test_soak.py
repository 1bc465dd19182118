"""Short runs of the soak tests' loads and attacks, with the async and the blocking client."""

from __future__ import annotations

import pytest

from benchmarks.soak import attack, storm
from benchmarks.soak._twin import TWINS, Twin
from tests.support.processes import without_coverage


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.name)
def test_results_of_clients_in_a_storm_agree_with_the_exchange(twin: Twin) -> None:
    assert "nothing sent twice" in storm.storm(twin, 80)[1]


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.name)
def test_hostile_responses_give_typed_errors_and_no_order_twice(twin: Twin) -> None:
    assert "OutcomeUnknown" in attack.hostile_calls(twin, 0.5)[1]


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.name)
def test_hostile_frames_give_typed_messages(twin: Twin) -> None:
    assert "messages" in attack.hostile_streams(twin, 0.5)[1]


@pytest.mark.parametrize("tls", [False, True])
def test_a_client_survives_cancellation(tls: bool) -> None:
    assert "the client works" in attack.cancellations(0.5, 4, tls=tls)[1]


@without_coverage
def test_a_client_survives_ctrl_c() -> None:
    assert "each next call worked" in attack.interrupts(0.5, tls=False)[1]
