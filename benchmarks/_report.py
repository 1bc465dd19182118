"""Writes the result table into docs/benchmarks.md, with the date and the versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks._setting import ROOT
from benchmarks._table import Row, markdown

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PACKAGES = [
    "bezant", "httpx", "httpcore", "requests", "websockets", "websocket-client", "ibind",
    "ib_async", "msgspec",
]  # fmt: skip


def versions() -> str:
    """Return a text: versions of Python and packages, operating system, number of CPU cores."""
    names = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return (
        f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores; {names}"
    )


def write(rows: Sequence[Row]) -> None:
    """Replace the table in docs/benchmarks.md by a table of `rows`."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    when = f"{datetime.now(UTC):%Y-%m-%d}"
    table = f"{BEGIN}\nMeasured on {when}: {versions()}.\n\n{markdown(rows)}\n{END}"
    PAGE.write_text(before + table + after)
