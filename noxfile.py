"""Everything that can be run about the project; ``nox -l`` lists it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "virtualenv"
nox.options.sessions = ["check", "tests", "examples", "docs"]
nox.options.reuse_existing_virtualenvs = True
# A machine with one Python tests on that one; nox says which it skipped.
nox.options.error_on_missing_interpreters = False

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
NEWEST_COMMON = PYTHONS[0]


def install(session: nox.Session, *groups: str) -> None:
    """Install the project with all extras and some development groups, at the pinned versions."""
    packages = [each for group in groups for each in nox.project.dependency_groups(PROJECT, group)]
    session.install("-c", "constraints.txt", "-e", ".[all]", *packages)


@nox.session(python=NEWEST_COMMON)
def check(session: nox.Session) -> None:
    """Generators up to date, lint, format, types."""
    install(session, "check")
    session.run("python", "tools/gen_api.py", "--check")
    session.run("python", "tools/gen_sync.py", "--check")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "bezant", "--ignoreexternal")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The tests, with branch coverage."""
    install(session, "test")
    session.env["COVERAGE_FILE"] = str(Path(session.create_tmp()) / "coverage")
    session.run("coverage", "erase")
    arguments = session.posargs or ["tests", "-q", "-n", "auto"]
    session.run("coverage", "run", "-m", "pytest", *arguments)
    if session.posargs:
        return
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--include=bezant/_core/*", "--fail-under=100")
    session.run("coverage", "report", "--omit=bezant/_core/*", "--fail-under=95")


@nox.session(python=NEWEST_COMMON)
def gateway(session: nox.Session) -> None:
    """The client through the real Client Portal Gateway, on loopback, with an invented upstream."""
    tools = ["java", "keytool"] if os.environ.get("CPGW_HOME") else ["java", "keytool", "npm"]
    missing = [each for each in tools if shutil.which(each) is None]
    if missing:
        session.skip(f"the real gateway needs {', '.join(missing)}, which this machine has not")
    install(session, "test")
    session.run("pytest", *(session.posargs or ["tests/gateway", "-q"]))


@nox.session(python=NEWEST_COMMON)
def examples(session: nox.Session) -> None:
    """Every example against the simulated gateway, and against nothing."""
    install(session, "test")
    session.run("pytest", "tests/examples", *session.posargs)


@nox.session(python=NEWEST_COMMON)
def docs(session: nox.Session) -> None:
    """Build the pages, and run the code in them."""
    install(session, "test", "docs")
    session.run("pytest", "tests/docs")
    session.run("zensical", "build", "--clean", "--strict")


@nox.session(python=NEWEST_COMMON)
def bench(session: nox.Session) -> None:
    """bezant beside its peers, on loopback; ``-- --quick`` only shows that all of it works."""
    peers = nox.project.dependency_groups(PROJECT, "bench")
    # The peers are measured as their users get them today; a quick run is about us, not about them.
    versions = ["-c", "constraints.txt"] if "--quick" in session.posargs else ["--upgrade"]
    session.install(*versions, "-e", ".[sim]", *peers)
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(python=NEWEST_COMMON)
def soak(session: nox.Session) -> None:
    """Faults, days, a week of streaming, limits, priority; ``-- --quick`` for a little of it."""
    install(session)
    session.run("python", "-m", "benchmarks.soak", *session.posargs)
