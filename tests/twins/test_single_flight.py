"""Test of single flight, with which concurrent equal calls share one request.

The shared request must end with the call that made it, even if that call is interrupted. Otherwise
other calls would hang.
"""

from __future__ import annotations

import contextlib
import sys
import threading

import pytest

from bezant._sync.http.single_flight import SingleFlight
from tests.twins.test_broken_off_turns import interrupter


@pytest.mark.usefixtures("no_old_garbage")
def test_an_interrupt_anywhere_leaves_no_flight() -> None:
    number = 0
    reached: list[bool] = [True]
    while reached:
        number += 1
        reached.clear()
        flights: SingleFlight[int] = SingleFlight()
        sys.setprofile(interrupter(number, reached))
        try:
            with contextlib.suppress(KeyboardInterrupt):
                flights.run("key", lambda: 1)
        finally:
            sys.setprofile(None)
        found: list[int] = []
        # If the interrupted flight were still registered, the second call would hang. So it runs in
        # a thread.
        later = threading.Thread(
            target=lambda flights=flights, found=found: found.append(flights.run("key", lambda: 2)),
            daemon=True,
        )
        later.start()
        later.join(10)
        assert found == [2], number
    assert number > 5
