"""A little of the storm, in both twins."""

from __future__ import annotations

import pytest

from benchmarks.soak import storm
from benchmarks.soak._twin import TWINS, Twin


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.name)
def test_what_clients_say_in_a_storm_is_what_the_exchange_has(twin: Twin) -> None:
    assert "nothing sent twice" in storm.storm(twin, 80)[1]
