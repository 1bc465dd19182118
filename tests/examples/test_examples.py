"""Runs of every example, async and blocking: with a gateway, without one, and without a login."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bezant.sim import SimulatedGateway

FOLDER = Path(__file__).parents[2] / "examples"
# Key: the file of an example. Value: its arguments, and text that it prints if it succeeds.
EXAMPLES = {
    "front_month.py": (["ES"], "front month: ES FUT 20"),
    "health.py": ([], "The session is ready."),
    "holdings_csv.py": ([], "net liquidation,"),
    "list_positions.py": ([], "250 positions in DU1234567"),
    "option_chain.py": (["AAPL"], " P 800"),
    "place_order.py": (["AAPL", "10"], "Filled 10 "),
    "portfolio_report.py": ([], "250 positions in DU1234567"),
    "price_alert.py": (["1"], "AAPL is at "),
    "stream_quotes.py": (["3"], "AAPL is conid 265598"),
}
TWINS = ("async", "sync")


def run(twin: str, name: str, base_url: str) -> subprocess.CompletedProcess[str]:
    settings = {"IBKR_GATEWAY_URL": base_url, "PYTHONIOENCODING": "utf-8"}
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("BEZANT_", "IBKR_"))
    }
    return subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", FOLDER / twin / name, *EXAMPLES[name][0]],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=kept | settings,
        timeout=200,
        check=False,
    )


def complaints(said: str) -> str:
    """Return a program's output without asyncio's debug messages about slow callbacks."""
    return re.sub(r"^Executing <.*> took [\d.]+ seconds\n", "", said, flags=re.MULTILINE)


def test_none_is_left_out() -> None:
    for twin in TWINS:
        assert {file.name for file in (FOLDER / twin).glob("*.py")} == EXAMPLES.keys()


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_with_a_gateway(twin: str, name: str, gateway: SimulatedGateway) -> None:
    done = run(twin, name, gateway.base_url)
    assert (done.returncode, complaints(done.stderr)) == (0, "")
    assert EXAMPLES[name][1] in done.stdout
    if name == "stream_quotes.py":
        _, heads, first, *others = done.stdout.splitlines()
        assert heads.split() == ["last", "bid", "ask", "bid_size", "ask_size"]
        assert len(first.split()) == 5
        assert len(others) == 2


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_without_a_login(twin: str, name: str, gateway: SimulatedGateway) -> None:
    gateway.logout()
    done = run(twin, name, gateway.base_url)
    assert (done.returncode, done.stdout) == (2, "")
    assert gateway.root_url in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_without_a_gateway(twin: str, name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        done = run(twin, name, f"https://127.0.0.1:{taken.getsockname()[1]}/v1/api")
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot connect" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr


def test_a_project_with_tests_of_its_own(tmp_path: Path) -> None:
    project = tmp_path / "trading_bot"
    shutil.copytree(FOLDER / "trading_bot", project, ignore=shutil.ignore_patterns("__pycache__"))
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("BEZANT_", "IBKR_"))
    }
    # pytest finds plugins of installed packages only, and bezant may only be on the import path. So
    # an option names its plugin.
    plugins = ("-p", "bezant.testing", "-p", "no:asyncio", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins],
        cwd=project,
        capture_output=True,
        text=True,
        env=kept | {"PYTHONPATH": str(FOLDER.parent)},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout
