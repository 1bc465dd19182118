"""Helpers for tests that interrupt processes, as Ctrl-C does."""

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

    A shell starts background processes with SIGINT ignored, and their subprocesses inherit this.
    Python then raises no KeyboardInterrupt.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def without_coverage(test: Callable[[], None]) -> Callable[[], None]:
    """Decorate a test that interrupts itself: under coverage, it runs in a separate process.

    coverage has a lock written in Python, which an interrupt can leave locked. The separate process
    is not measured.
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
    """Return environment variables for a process whose coverage is not measured."""
    foreign = ("COVERAGE_", "COV_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
