"""Tests of the code in the README and in the documentation pages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from bezant.sim import SimulatedGateway
from tools.check_users_code import BLOCK

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#:]+?\.md)\)")


def blocks() -> Iterator[ParameterSet]:
    for page in PAGES:
        for number, code in enumerate(BLOCK.findall(page.read_text()), 1):
            yield pytest.param(code, id=f"{page.relative_to(ROOT)}-{number}")


@pytest.mark.parametrize("code", list(blocks()))
def test_code_block(code: str) -> None:
    with SimulatedGateway(positions=250, quote_interval=0.02) as gateway:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            env={
                **os.environ,
                "IBKR_GATEWAY_URL": gateway.base_url,
                "CF_ACCESS_CLIENT_ID": "id",
                "CF_ACCESS_CLIENT_SECRET": "secret",
            },
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target
