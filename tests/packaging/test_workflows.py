"""Tests of the workflows: pinned actions, few permissions, and no publication without a person."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_pinned_and_may_only_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    used = re.findall(r"uses: (.+)", text)
    assert used
    for each in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each
    assert "\npermissions:\n  contents: read\n" in text
    assert "secrets." not in text
    jobs = re.split(r"^  (?=[\w-]+:\n)", text.partition("\njobs:\n")[2], flags=re.MULTILINE)[1:]
    assert jobs
    for job in jobs:
        assert "timeout-minutes:" in job
        if ": write" in job:
            assert "environment:" in job  # the environment asks a person


def test_each_action_has_one_version() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    used = set(re.findall(r"uses: (\S+)", text))
    assert len({each.partition("@")[0] for each in used}) == len(used)


def test_a_person_starts_each_publication() -> None:
    release = (FOLDER / "release.yml").read_text(encoding="utf-8")
    assert "\non:\n  release:\n    types: [published]\n\npermissions" in release
    docs = (FOLDER / "docs.yml").read_text(encoding="utf-8")
    publish = docs.partition("\n  publish:\n")[2]
    assert publish.startswith("    if: github.event_name == 'workflow_dispatch'")
    for path in WORKFLOWS:
        text = path.read_text(encoding="utf-8")
        uploads = "gh-action-pypi-publish" in text or "deploy-pages" in text
        assert uploads == (path.name in {"docs.yml", "release.yml"})
