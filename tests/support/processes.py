"""Subprocesses that can be interrupted."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def hearing_ctrl_c() -> Iterator[None]:
    """Start subprocesses in here that have SIGINT as it normally is.

    A test run in the background of a shell hands an ignored SIGINT down, of which Python makes no
    KeyboardInterrupt.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
