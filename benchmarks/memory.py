"""Benchmark of a client's memory: idle, while it reads pages, and while it streams."""

from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator

import bezant
from benchmarks import _payloads as payloads
from benchmarks._setting import ROOT, Setting
from benchmarks._sources import Blocking
from benchmarks._table import Row
from benchmarks._timing import Spread, ratios, spread, take_turns

# This code prints the resident memory of the process in KiB. It is appended to each code in IDLE.
PRELUDE = "import gc, re\n"
RESIDENT = (
    "\ngc.collect()\nprint(re.search(r'VmRSS:\\s+(\\d+)', open('/proc/self/status').read())[1])"
)
IDLE = {
    "nothing": "pass",
    "bezant": "import bezant\nclient = bezant.Client({url!r})\nclient.accounts()",
    "httpx": "import httpx\nclient = httpx.Client()\n"
    "client.get({url!r} + '/portfolio/accounts').json()",
    "ibind": "from ibind import IbkrClient\nclient = IbkrClient(url={url!r}, cacert=False)\n"
    "client.portfolio_accounts()",
}  # fmt: skip


def rows(setting: Setting) -> Iterator[Row]:
    if sys.platform == "linux":
        yield from _idle(setting)
    yield _pages(setting)
    yield _stream(setting)


def _resident(code: str) -> float:
    command = [sys.executable, "-W", "ignore", "-c", PRELUDE + code + RESIDENT]
    done = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, timeout=60)
    return float(done.stdout.split()[-1])


def _idle(setting: Setting) -> Iterator[Row]:
    codes = {name: code.format(url=setting.base) for name, code in IDLE.items()}
    measures = {name: lambda code=code: _resident(code) for name, code in codes.items()}
    found = take_turns(measures, setting.rounds(5))
    net = {
        name: [one - none for one, none in zip(each, found["nothing"], strict=True)]
        for name, each in found.items()
        if name != "nothing"
    }
    for peer in ("httpx", "ibind"):
        yield Row(
            "memory",
            "an idle client, with its imports",
            peer,
            ratios(net["bezant"], net[peer]),
            ours=f"{spread(net['bezant']).middle / 1024:.1f} MiB",
        )


def _pages(setting: Setting) -> Row:
    """Compare the peak memory of reading 100 pages of positions with that of 10 pages."""
    with bezant.Client(setting.base, pacing=False) as client:

        def peak(pages: int) -> int:
            gc.collect()
            tracemalloc.start()
            for _, page in zip(range(pages), client.position_pages(payloads.ACCOUNT), strict=False):
                del page
            _, highest = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return highest

        peak(10)
        few, many = peak(10), peak(100)
    value = (many - few) / (90 * payloads.PAGE)
    return Row(
        "memory",
        "additional peak memory per position, page by page",
        "",
        Spread(value, value, value),
        unit="bytes",
        ours=f"{many / 1024:,.0f} KiB in all",
        limit=100.0,
    )


def _stream(setting: Setting) -> Row:
    """Measure how much more memory a stream holds after twice as many messages."""
    source = Blocking(setting, "memory")
    count = 2_000 if setting.quick else 50_000

    def held() -> int:
        left = count
        while left > 0:
            some = min(left, 5_000)
            source.receive(some, lambda: setting.start("burst", "memory", kind="text", count=some))  # noqa: B023
            left -= some
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        first = held()
        last = held()
    finally:
        tracemalloc.stop()
        source.close()
    more = max(last - first, 0) / 1024
    return Row(
        "memory",
        f"memory growth up to {2 * count:,} messages",
        f"from {count:,}",
        Spread(more, more, more),
        unit="KiB",
        limit=64.0,
    )
