"""Tests that jedi, which IPython, Jupyter and vim use, completes public names."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import bezant

ROOT = Path(__file__).parent.parent.parent
IMPORT = "import bezant\n"
PROGRAMS = {
    "package": "bezant.",
    "assigned": "client = bezant.Client()\nclient.",
    "with": "with bezant.Client() as client:\n    client.",
    "copy": "client = bezant.Client().with_options()\nclient.",
    "async with": "async def main():\n    async with bezant.AsyncClient() as c:\n        c.",
}
# jedi starts a process and a thread that would outlive the test, so it runs in a separate process.
COMPLETE = """
import json, sys, jedi
offered = {}
for name, program in json.load(sys.stdin).items():
    lines = program.splitlines()
    script = jedi.Script(program, project=jedi.Project(sys.argv[1]))
    found = script.complete(len(lines), len(lines[-1]))
    offered[name] = [each.name for each in found]
print(json.dumps(offered))
"""


def test_every_public_name_is_offered() -> None:
    programs = {name: IMPORT + program for name, program in PROGRAMS.items()}
    done = subprocess.run(
        [sys.executable, "-c", COMPLETE, str(ROOT)],
        input=json.dumps(programs), capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    offered = json.loads(done.stdout)
    blocking = {name for name in dir(bezant.Client) if name[0] != "_"}
    asynchronous = {name for name in dir(bezant.AsyncClient) if name[0] != "_"}
    expected = {"package": set(bezant.__all__), "async with": asynchronous}
    missing = {name: expected.get(name, blocking) - set(offered[name]) for name in PROGRAMS}
    assert missing == {name: set() for name in PROGRAMS}
