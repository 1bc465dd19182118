"""Tests of bezant's pytest plugin: each runs pytest on a small project in another process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from bezant import testing

ROOT = Path(__file__).parents[2]
CONFTEST = """
    import threading

    import bezant.testing

    bezant.testing._TIMEOUT = 60  # so that a busy machine does not fail these tests

    def pytest_sessionfinish():
        assert threading.active_count() == 1, threading.enumerate()
"""


class Project:
    """Folder with a small project and its tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("conftest.py", CONFTEST)
        # With its own settings file, pytest does not use the settings of a parent folder.
        self.write("pytest.ini", "[pytest]\n")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(textwrap.dedent(text))

    def run(self, *arguments: str, expect: str) -> str:
        """Run the project's tests with warnings as errors; check that the output has `expect`."""
        plain = ["-p", "no:randomly", "-p", "no:cacheprovider", "-q", "-W", "error"]
        if not any("asyncio" in each for each in arguments):
            plain += ["-p", "no:asyncio"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "bezant.testing", *plain, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "BEZANT_PACING": "", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        output = done.stdout + done.stderr
        assert re.search(rf"^{expect}\b.* in ", output, re.MULTILINE), output
        return output


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_fixtures_and_markers(project: Project) -> None:
    project.write(
        "small.toml",
        """
        [cash]
        USD = 1000
        [[positions]]
        contract = "AAPL"
        quantity = 7
        """,
    )
    project.write(
        "test_it.py",
        """
        import pytest

        seen = set()

        def test_defaults(ibkr_gateway, ibkr_client):
            assert ibkr_client.all_positions(ibkr_gateway.account_id) == []
            assert ibkr_gateway.orders == []
            ibkr_gateway.logout()
            ibkr_gateway.faults.fail_next("/tickle")
            seen.add(ibkr_gateway)

        def test_nothing_is_left_of_the_test_before(ibkr_gateway, ibkr_client):
            assert ibkr_gateway not in seen
            assert ibkr_gateway.requests == ibkr_gateway.faults.waiting == []
            assert ibkr_client.health()

        @pytest.mark.ibkr(positions=2, account_id="DU7654321")
        class TestNearest:
            @pytest.mark.ibkr(positions=3, time="hand")
            def test_marker(self, ibkr_gateway, ibkr_client):
                assert ibkr_gateway.account_id == "DU7654321"
                assert len(ibkr_client.all_positions("DU7654321")) == 3
                assert ibkr_gateway.orders == []
                before = ibkr_gateway.clock.now()
                ibkr_gateway.clock.advance(60)
                assert ibkr_gateway.clock.now() == before + 60

        @pytest.mark.ibkr(scenario="small.toml")
        def test_scenario(ibkr_gateway, ibkr_client):
            (held,) = ibkr_client.all_positions(ibkr_gateway.account_id)
            assert (held.conid, held.quantity) == (265598, 7)

        @pytest.mark.ibkr(time="fast=60", pacing="enforced", client={"timeout": 60, "retries": 1})
        def test_other_options(ibkr_gateway, ibkr_client):
            assert ibkr_gateway.clock.speed == 60
            assert ibkr_gateway.pacing.enforced
            ibkr_client.accounts()
            assert ibkr_gateway.pacing.violations == []

        def test_nothing_is_held_back(ibkr_client):
            for _ in range(30):
                ibkr_client.accounts()
        """,
    )
    project.run(expect="6 passed")
    project.run("-n", "2", expect="6 passed")


def test_options_of_a_project(project: Project) -> None:
    options = """
        import pytest

        @pytest.fixture
        def ibkr_options():
            return {"positions": 1, "seed": 3, "time": "hand"}  # no order fills
    """
    project.write("conftest.py", textwrap.dedent(CONFTEST) + textwrap.dedent(options))
    project.write(
        "test_it.py",
        """
        import pytest

        def test_one(ibkr_gateway, ibkr_client):
            assert len(ibkr_client.all_positions(ibkr_gateway.account_id)) == 1

        @pytest.mark.ibkr(positions=0)
        def test_none(ibkr_gateway, ibkr_client):
            assert ibkr_client.all_positions(ibkr_gateway.account_id) == []
        """,
    )
    project.run(expect="2 passed")


@pytest.mark.parametrize(
    ("marker", "complaint"),
    [
        ("poistions=3", "has no option poistions; its options are account_id, client"),
        ("3", "takes named options only"),
        ("positions='3'", "@pytest.mark.ibkr or ibkr_options: "),
        ("time=None", "time must be live, hand or fast=N, as text, not None"),
        ("client=None", "client must be a mapping of the clients' arguments"),
        ("client={'timeot': 3}", "unexpected keyword argument 'timeot'"),
        ("time='soon'", "time must be live, hand or fast=N"),
        ("scenario='no.toml'", "no.toml: can't read the scenario"),
    ],
)
def test_a_marker_that_is_wrong(project: Project, marker: str, complaint: str) -> None:
    project.write(
        "test_it.py",
        f"""
        import pytest

        @pytest.mark.ibkr({marker})
        def test_it(ibkr_client):
            pass
        """,
    )
    assert complaint in project.run(expect="1 error")


ASYNC_TESTS = """
    import asyncio

    import pytest
    {imports}
    import bezant

    @pytest.fixture
    def anyio_backend():
        return "asyncio"

    {fixture}
    async def asking(async_ibkr_client):
        await async_ibkr_client.accounts()
        yield async_ibkr_client
        await async_ibkr_client.tickle()

    {marker}
    async def test_client(ibkr_gateway, async_ibkr_client):
        accounts = await async_ibkr_client.accounts()
        assert accounts[0].account_id == ibkr_gateway.account_id

    {marker}
    async def test_in_another_loop(async_ibkr_client):
        assert await async_ibkr_client.accounts()

    {marker}
    async def test_fixture_on_top(asking):
        assert not asking.closed
        async with bezant.AsyncWsClient.connect(asking) as ws:
            assert not ws.closed

    def test_without_a_plugin(async_ibkr_client):
        assert asyncio.run(async_ibkr_client.accounts())
        assert async_ibkr_client.closed

    def test_unused(async_ibkr_client):
        assert not async_ibkr_client.closed
"""


def test_async_client_with_anyio(project: Project) -> None:
    parts = {"imports": "", "fixture": "@pytest.fixture", "marker": "@pytest.mark.anyio"}
    project.write("test_it.py", ASYNC_TESTS.format(**parts))
    project.run("-p", "no:asyncio", expect="5 passed")


@pytest.mark.parametrize("mode", ["strict", "auto"])
@pytest.mark.parametrize("scope", ["function", "module"])
def test_async_client_with_pytest_asyncio(project: Project, mode: str, scope: str) -> None:
    strict = mode == "strict"
    parts = {
        "imports": "import pytest_asyncio",
        "fixture": f"@pytest_asyncio.fixture(loop_scope='{scope}')",
        "marker": f"@pytest.mark.asyncio(loop_scope='{scope}')" if strict else "",
    }
    project.write("test_it.py", ASYNC_TESTS.format(**parts))
    scopes = [f"asyncio_default_{kind}_loop_scope={scope}" for kind in ("fixture", "test")]
    options = ["-o", f"asyncio_mode={mode}", "-o", scopes[0], "-o", scopes[1]]
    project.run("-p", "no:anyio", *options, expect="5 passed")


def test_nothing_is_imported_for_others(project: Project) -> None:
    project.write(
        "test_it.py",
        """
        import sys

        def test_it():
            heavy = {"bezant.sim", "bezant._sync", "bezant._async", "httpx", "uvicorn", "msgspec"}
            assert not heavy & set(sys.modules)
        """,
    )
    # Turn off other installed plugins, because they may import anything.
    project.run("-p", "no:pytest_httpx", "-p", "no:respx", "-p", "no:xdist", expect="1 passed")


def test_the_plugin_is_announced_under_its_own_name() -> None:
    import tomllib

    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    assert points["pytest11"] == {"bezant.testing": testing.__name__}
