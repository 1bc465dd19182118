"""Tests of the table of error messages that tools/list_errors.py prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools import list_errors

ROOT = Path(__file__).parent.parent.parent

MODULE = """
def f(x):
    if x:
        raise ValueError(f"x must be 1, not {x!r}")
    msg = "not " + "a number"
    if not x:
        raise TypeError(msg) from None
    try:
        g()
    except KeyError:
        raise
    raise made(x)


def h():
    raise errors.NotFound("nothing exists", operation="GET /x")
"""


def test_each_raise_is_a_row() -> None:
    assert list(list_errors.rows_of(MODULE, "a.py")) == [
        ("a.py:4", "ValueError", "x must be 1, not {x}"),
        ("a.py:7", "TypeError", "not a number"),
        ("a.py:12", "made", "{x}"),
        ("a.py:16", "errors.NotFound", "nothing exists"),
    ]


def test_the_table_covers_the_package_without_the_generated_twin() -> None:
    found = list_errors.rows([ROOT / "bezant"])
    assert len(found) > 200
    assert not [row for row in found if row.place.startswith("bezant/_sync")]


def test_the_command_prints_a_table() -> None:
    done = subprocess.run(
        [sys.executable, "tools/list_errors.py", "bezant/operations.py"],
        capture_output=True, text=True, timeout=120, check=True, cwd=ROOT,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert (
        "InvalidRequest  words must be text such as 'place order', not {shown(words)}" in lines[1]
    )
