"""The client's tests, async and blocking, with the real gateway instead of the simulated one.

Some test modules are left out: `orders`, `shared_pacing` and `stream_soak` start their own
gateways. `test_orders`, `test_pacing` and `test_streams_again` in this folder cover their subjects.
`on_demand` breaks connections behind the gateway. The real gateway then stays silent, and each
break occupies one of its five upstream connections for good. `test_failures` and `test_orders`
cover this.
"""

from __future__ import annotations

import importlib
import inspect

import pytest

_MODULES = (
    "api", "bulk", "client", "faults", "keepalive", "pacing", "session", "stream",
    "stream_faults", "symbols",
)  # fmt: skip
_PLACES = "the limit of five streams is the real gateway's: see test_streams"
_DIFFERENT = {
    "test_what_goes_over_the_wire": "the gateway sends its own cookies in place of the client's",
    "test_a_stream_that_is_connected_again_waits_for_its_place": _PLACES,
    "test_a_stream_does_not_wait_on_a_gateway_that_has_gone_on": _PLACES,
}

for _twin in ("async", "sync"):
    for _name in _MODULES:
        _path = f"tests._{_twin}.test_{_name}"
        pytest.register_assert_rewrite(_path)
        for _test, _function in vars(importlib.import_module(_path)).items():
            if not _test.startswith("test_"):
                continue
            if "gateway" not in inspect.signature(_function).parameters:
                continue
            _renamed = f"{_test}__{_name}_{_twin}"
            if _test in _DIFFERENT:
                _function = pytest.mark.skip(reason=_DIFFERENT[_test])(_function)
            globals()[_renamed] = _function
