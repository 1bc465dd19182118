"""Benchmark of the start-up time: imports, and a process that makes a single call."""

from __future__ import annotations

import compileall
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks._setting import ROOT, Setting
from benchmarks._table import Row, duration
from benchmarks._timing import Measure, ratios, spread, take_turns

IMPORTS = {
    "import bezant": "import bezant",
    "bezant.Client": "from bezant import Client",
    "httpx": "import httpx",
    "requests": "import requests",
    "ibind": "import ibind",
    "ib_async": "import ib_async",
}
JOBS = {
    "bezant": "import bezant\nwith bezant.Client({url!r}) as client:\n    client.accounts()",
    "httpx": "import httpx\nhttpx.get({url!r} + '/portfolio/accounts', verify=False).json()",
    "requests": "import warnings, requests\nwarnings.simplefilter('ignore')\n"
    "requests.get({url!r} + '/portfolio/accounts', verify=False).json()",
    "ibind": "from ibind import IbkrClient\n"
    "IbkrClient(url={url!r}, cacert=False).portfolio_accounts()",
}


def process(code: str) -> Measure:
    """Return a measure that runs some Python code in a new process."""

    def measure() -> float:
        begin = time.perf_counter()
        command = [sys.executable, "-c", code]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, timeout=60)
        return time.perf_counter() - begin

    return measure


def rows(setting: Setting) -> Iterator[Row]:
    # Compile all files first, as an installation does. In an editable installation, the first
    # import would compile them.
    compileall.compile_dir(ROOT / "bezant", quiet=2)
    measures = {"nothing": process("pass")}
    measures |= {name: process(code) for name, code in IMPORTS.items()}
    found = _turns(measures, setting.rounds(15))
    nothing = found.pop("nothing")
    # Subtract the time of a process that imports nothing. Keep at least 10 µs, to divide by it.
    net = {
        name: [max(one - none, 1e-5) for one, none in zip(costs, nothing, strict=True)]
        for name, costs in found.items()
    }
    for ours, peer, limit in (
        ("import bezant", "httpx", 1 / 3),
        ("bezant.Client", "httpx", None),
        ("bezant.Client", "requests", None),
        ("bezant.Client", "ibind", None),
        ("bezant.Client", "ib_async", None),
    ):
        yield Row(
            "starting",
            ours if ours.startswith("import") else f"from bezant import {ours[7:]}",
            f"import {peer}",
            ratios(net[ours], net[peer]),
            ours=duration(spread(net[ours]).middle),
            limit=limit,
        )
    jobs = {name: process(code.format(url=setting.tls_base)) for name, code in JOBS.items()}
    found = _turns(jobs, setting.rounds(15))
    for peer in list(jobs)[1:]:
        yield Row(
            "starting",
            "a process with one call, TLS",
            peer,
            ratios(found["bezant"], found[peer]),
            ours=duration(spread(found["bezant"]).middle),
            limit=1.0 if peer == "ibind" else None,
        )


def _turns(measures: dict[str, Measure], rounds: int) -> dict[str, list[float]]:
    for each in measures.values():  # load the files into the operating system's cache
        each()
    return take_turns(measures, rounds)
