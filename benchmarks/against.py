"""Compares the speed of the current bezant with that of another commit.

Each version is installed into its own environment, with the same versions of all dependencies. Two
processes measure the two versions in turn, so that other load on the machine slows both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import _payloads as payloads
from benchmarks._setting import ROOT, Setting
from benchmarks._table import Row, duration
from benchmarks._timing import Measure, ratios, spread, take_turns

WORKER = Path(__file__).with_name("_revision_worker.py")
# Each row has the name of a subject in `benchmarks._revision_worker`, its name in the table, and
# the number of calls or messages per measurement.
SUBJECTS = [
    ("get", "GET, blocking", 100),
    ("tls", "GET over TLS, blocking", 100),
    ("raw", "GET with request(), blocking", 100),
    ("async", "GET, async", 100),
    ("async-20", "GET, async, 20 at a time", 100),
    ("positions", "10,000 positions, blocking", 1),
    ("stream", "text frames, blocking", 8000),
    ("stream-async", "text frames, async", 8000),
]
LIMIT = 1.05
START = "import bezant\nwith bezant.Client({url!r}) as client:\n    client.accounts()"


class Version:
    """One installed version of bezant, and a process that measures it."""

    def __init__(self, name: str, python: Path, setting: Setting) -> None:
        self.name = name
        self.python = python
        ports = [str(setting.port), str(setting.tls_port)]
        self._process = subprocess.Popen(
            [python, WORKER, name, *ports, payloads.ACCOUNT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=python.parent,
            env=_environment(),
        )
        self.where = self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker of {self.name} ended; see its error above")
        return line.strip()

    def measure(self, what: str, number: int) -> float:
        """Let the version's process measure a subject; return the seconds per call or message."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"what": what, "number": number}) + "\n")
        self._process.stdin.flush()
        return float(self._line())

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.terminate()
        self._process.wait(10)


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """Check out a commit into a temporary folder, and yield the folder.

    Raises:
        SystemExit: git does not know the commit.
    """
    with tempfile.TemporaryDirectory(prefix="bezant-against-") as folder:
        tree = Path(folder) / "tree"
        add = ["git", "worktree", "add", "--quiet", "--detach", str(tree), revision]
        if subprocess.run(add, cwd=ROOT, check=False).returncode:
            raise SystemExit(f"cannot check out {revision!r}; give a commit that git knows")
        try:
            yield tree
        finally:
            remove = ["git", "worktree", "remove", "--force", str(tree)]
            subprocess.run(remove, cwd=ROOT, check=True)


def install(tree: Path, folder: Path) -> Path:
    """Install a source tree into a new environment, and return the path of its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-c", str(ROOT / "constraints.txt"), str(tree)], check=True)
    return python


def rows(setting: Setting, revision: str) -> Iterator[Row]:
    """Yield the rows of the table, which compare this code's times with another commit's."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bezant-env-")))
        tree = stack.enter_context(checked_out(revision))
        pythons = {
            "now": install(ROOT, folder / "now"),
            "then": install(tree, folder / "then"),
        }
        versions: dict[str, Version] = {}
        for name, python in pythons.items():
            versions[name] = version = Version(name, python, setting)
            stack.callback(version.close)
            if not Path(version.where).is_relative_to(folder):
                raise RuntimeError(f"{name} measures {version.where}, not the installed version")
        for what, words, number in SUBJECTS:
            amount = setting.number(number) if number < 1000 or not setting.quick else 1000
            measures = {name: _measure(version, what, amount) for name, version in versions.items()}
            yield _row("streams" if "frames" in words else "calls", words, revision, measures,
                       rounds=setting.rounds(31), limit=LIMIT)  # fmt: skip
        code = START.format(url=setting.tls_base)
        jobs = {name: _process(python, code) for name, python in pythons.items()}
        yield _row("starting", "a process with one call, TLS", revision, jobs,
                   rounds=setting.rounds(15), limit=None)  # fmt: skip


def _row(
    subject: str, what: str, revision: str, measures: Mapping[str, Measure], *, rounds: int,
    limit: float | None,
) -> Row:  # fmt: skip
    for measure in measures.values():
        measure()
    found = take_turns(measures, rounds)
    cost = duration(spread(found["now"]).middle)
    value = ratios(found["now"], found["then"])
    return Row(subject, what, revision, value, ours=cost, limit=limit)


def _measure(version: Version, what: str, number: int) -> Measure:
    return lambda: version.measure(what, number)


def _process(python: Path, code: str) -> Measure:
    def measure() -> float:
        begin = time.perf_counter()
        command = [str(python), "-c", code]
        subprocess.run(command, check=True, cwd=python.parent, env=_environment(), timeout=60)
        return time.perf_counter() - begin

    return measure


def _environment() -> dict[str, str]:
    """Return the environment variables, except PYTHONPATH: it could select another bezant."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
