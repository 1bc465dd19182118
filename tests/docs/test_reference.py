"""Tests of the generated pages of the reference."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import bezant
import bezant.errors
import bezant.models
import bezant.sim
from bezant.operations import OPERATIONS

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"


def test_the_pages_are_what_the_tool_writes() -> None:
    tool = [sys.executable, str(ROOT / "tools" / "gen_reference.py"), "--check"]
    done = subprocess.run(tool, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_public_name_is_in_the_reference() -> None:
    pages = [each.read_text(encoding="utf-8") for each in (DOCS / "reference").glob("*.md")]
    named = [name for text in pages for name in re.findall(r"^::: bezant\.(.+)$", text, re.M)]
    assert len(named) == len(set(named))
    wanted = {
        name
        for name in bezant.__all__
        if not name.startswith(("Async", "__"))
        and name not in bezant.errors.__all__
        and name not in bezant.models.__all__
    }
    wanted |= {f"sim.{name}" for name in bezant.sim.__all__}
    assert wanted | {"operations", "testing"} == set(named)


def test_every_error_has_a_section() -> None:
    text = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^## (\w+)$", text, re.MULTILINE)) == sorted(bezant.errors.__all__)


@pytest.mark.parametrize("group", sorted({each.group for each in OPERATIONS.values()}))
def test_every_operation_has_a_section_with_its_call(group: str) -> None:
    text = (DOCS / "operations" / f"{group}.md").read_text(encoding="utf-8")
    sections = {each.partition("\n")[0]: each for each in text.split("\n## ")[1:]}
    operations = [each for each in OPERATIONS.values() if each.group == group]
    assert sorted(sections) == sorted(each.python_name for each in operations)
    for each in operations:
        section = sections[each.python_name]
        assert f"`{each.method} {each.path}`" in section
        assert each.summary.split(";")[0].rstrip(".").replace("``", "`") in section
        assert each.id in section
        assert "\nReturns " in section
