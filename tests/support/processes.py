"""Subprocesses for tests of Ctrl-C."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def hearing_ctrl_c() -> Iterator[None]:
    """Start subprocesses in this context with the default handling of SIGINT.

    A test run in the background of a shell inherits an ignored SIGINT and passes it on; Python then
    raises no KeyboardInterrupt.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def without_coverage(test: Callable[[], None]) -> Callable[[], None]:
    """Run a test that interrupts itself in a separate process if coverage is measured.

    coverage uses a lock written in Python, which an interrupt can leave locked.
    """

    @functools.wraps(test)
    def run() -> None:
        if sys.gettrace() is None:
            test()
            return
        where = f"{sys.modules[test.__module__].__file__}::{test.__name__}"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", where],
            env=unmeasured(), cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    return run


def unmeasured() -> dict[str, str]:
    """Return the environment for a process without coverage measurement."""
    foreign = ("COVERAGE_", "COV_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
