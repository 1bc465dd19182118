"""Every operation of the table through the real gateway, both twins, strictly decoded."""

from __future__ import annotations

import pytest

from tests.gateway.chain import Chain
from tests.sim import test_sim_operations as direct


@pytest.mark.parametrize("group", direct.GROUPS)
def test_blocking(gateway: Chain, group: str) -> None:
    direct.test_blocking(gateway, group)


@pytest.mark.parametrize("group", direct.GROUPS)
def test_async(gateway: Chain, group: str) -> None:
    direct.test_async(gateway, group)
