"""Process that makes various calls: ``python -m benchmarks.soak._worker URL STORE TWIN COUNT``.

``STORE`` holds the rate limits that several processes share; ``TWIN`` is `blocking` or `async`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from benchmarks.soak._twin import TWINS, Script, Twin, close

APPLE = 265598


def load(twin: Twin, url: str, store: str, count: int) -> Script[int]:
    client = twin.Client(url, pacing=store, retries=0)

    def one(number: int) -> Any:
        kinds: tuple[Callable[[], Any], ...] = (
            lambda: client.api.market_data.get_md_snapshot(conids=[APPLE], fields=["31"]),
            lambda: client.request("GET", f"/iserver/contract/{APPLE}/info"),
            lambda: client.request("GET", "/iserver/accounts"),
        )
        return kinds[number % len(kinds)]()

    try:
        results = yield lambda: client.gather(one, range(count))
    finally:
        yield lambda: close(client)
    return len(results)


def main() -> None:
    url, store, name, count = sys.argv[1:]
    [twin] = [each for each in TWINS if each.name == name]
    print(twin.run(load(twin, url, store, int(count))))


if __name__ == "__main__":
    main()
