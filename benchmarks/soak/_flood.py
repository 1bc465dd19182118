"""Process that floods a gateway with reads: ``python -m benchmarks.soak._flood URL STORE TWIN``.

``STORE`` holds the rate limits that several processes share; ``TWIN`` is `blocking` or `async`. The
process runs until it is killed.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sized
from functools import partial
from typing import Any

import bezant
from benchmarks.soak._twin import TWINS, Script, Twin, close

APPLE = 265598
# A read that gets no response times out after this many seconds.
PATIENCE = 3.0


def flood(client: Any, place: int, ended: Sized) -> Script[None]:
    """Send reads until `ended` has an item.

    One read in five is slow, and about one in seventeen gets no response.

    Args:
        client: the client.
        place: number of this loop among those of the process.
        ended: collection to which the caller adds an item to end the flood.
    """
    patient = client.with_options(timeout=PATIENCE, max_wait=20)
    history = {"conid": APPLE, "period": "1d", "bar": "1h"}
    quick = {"conids": APPLE, "fields": "31"}

    def read(number: int) -> Any:
        if number % 5 == 0:
            return patient.request("GET", "/iserver/marketdata/history", params=history)
        if number % 17 == 1:
            return patient.request("GET", f"/iserver/contract/{APPLE}/info")
        return patient.request("GET", "/iserver/marketdata/snapshot", params=quick)

    number = place
    while not ended:
        number += 1
        with contextlib.suppress(bezant.BezantError):
            yield partial(read, number)


def _forever(twin: Twin, url: str, store: str) -> Script[None]:
    client = twin.Client(url, pacing=store, retries=0, max_connections=8)
    try:
        print("begun", flush=True)
        yield lambda: twin.together([flood(client, place, ()) for place in range(8)])
    finally:
        yield lambda: close(client)


def main() -> None:
    url, store, name = sys.argv[1:]
    [twin] = [each for each in TWINS if each.name == name]
    twin.run(_forever(twin, url, store), alone=False)


if __name__ == "__main__":
    main()
