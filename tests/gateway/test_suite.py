"""The tests of the client, both twins, with the real gateway in the simulated one's place."""

from __future__ import annotations

import importlib
import inspect

import pytest

_MODULES = (
    "api", "bulk", "client", "faults", "keepalive", "on_demand", "pacing", "session", "stream",
    "stream_faults", "symbols",
)  # fmt: skip
_DIFFERENT = {
    "test_what_goes_over_the_wire": "the gateway sends its own cookies in place of the client's",
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
