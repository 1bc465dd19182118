"""Tests of the modules that bezant loads, and of those that its core must not import."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import bezant
import bezant.models

CORE = Path(bezant.__file__).parent / "_core"
WIRE = CORE.with_name("_wire")
FILES = sorted([*CORE.rglob("*.py"), *WIRE.rglob("*.py")])
BANNED = (
    "asyncio",
    "threading",
    "time",
    "socket",
    "ssl",
    "httpx",
    "httpcore",
    "websockets",
    "websocket",
)


def module_of(file: Path) -> str:
    parts = file.relative_to(CORE.parent.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def imported(file: Path) -> set[str]:
    """Return the top-level names of the packages that a file imports, except bezant."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_is_a_core() -> None:
    assert {"bezant._core.decoding.decoder", "bezant._core.stream.parser"} <= set(
        map(module_of, FILES)
    )


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_no_core_module_imports_io_or_waiting(file: Path) -> None:
    assert not imported(file) & set(BANNED)


GUARDED = """
    import importlib, importlib.abc, sys

    banned, outside, modules = {banned!r}, {outside!r}, {modules!r}
    import msgspec  # first, because msgspec itself may import banned modules
    for name in outside:
        importlib.import_module(name)

    class Guard(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in banned:
                raise ImportError(f"the core imported {{name}}")
            return None

    sys.meta_path.insert(0, Guard())
    # Python asks no finder for a loaded module, so check the core's imports in `__import__` too.
    original = __import__

    def guarded(name, globals=None, locals=None, fromlist=(), level=0):
        importer = (globals or {{}}).get("__name__", "")
        if importer.startswith("bezant.") and not level and name.partition(".")[0] in banned:
            raise ImportError(f"{{importer}} imported {{name}}")
        return original(name, globals, locals, fromlist, level)

    import builtins
    builtins.__import__ = guarded
    {extra}
    for name in modules:
        importlib.import_module(name)
        assert name in sys.modules
    print(*(each for each in sys.modules if each.startswith("bezant")))
"""


def guarded(extra: str = "") -> str:
    outside = sorted(set().union(*map(imported, FILES)) - {"__future__", *BANNED})
    return GUARDED.format(
        banned=BANNED, outside=outside, modules=[module_of(each) for each in FILES], extra=extra
    )


def test_the_core_loads_where_nothing_can_wait_or_send() -> None:
    loaded = run(guarded()).split()
    assert {module_of(each) for each in FILES} <= set(loaded)
    assert not [each for each in loaded if each.startswith(("bezant._runtime", "bezant._async"))]


@pytest.mark.parametrize("name", BANNED)
def test_the_guard_sees_every_banned_import(name: str) -> None:
    # Run an import as if a module of the core contained it.
    extra = f"exec('import {name}', {{'__name__': 'bezant._core.http.response'}})"
    with pytest.raises(AssertionError, match=f"imported {name}"):
        run(guarded(extra))


def test_importing_bezant_loads_nothing_heavy() -> None:
    heavy = ("httpx", "httpcore", "websockets", "websocket", "msgspec", "asyncio", "ssl")
    loaded = run("import bezant, sys; print(*sys.modules)").split()
    assert "bezant" in loaded
    assert not [each for each in loaded if each.partition(".")[0] in heavy]
    ours = {each for each in loaded if each.startswith("bezant.")}
    assert ours == {"bezant._version"}


LATE = (
    "asyncio",
    "click",
    "httpx",
    "rich",
    "websocket",
    "websockets",
    "zoneinfo",
    "bezant._async",
    "bezant._sync.api",
    "bezant._sync.bulk",
    "bezant._sync.http.order_turn",
    "bezant._sync.http.shared_limits",
    "bezant._sync.session.keepalive",
    "bezant._sync.session.session",
    "bezant._sync.stream.client",
    "bezant.models.bulk",
    "bezant._core.decoding.repair",
    "bezant._core.marketdata",
    "bezant._core.pacing.shared",
    "bezant._wire.market_data",
    "bezant._core.stream.state",
    "bezant.models.stream",
    "bezant.models.orders",
    "bezant.sim",
    "bezant.cli",
)


def test_a_blocking_client_loads_nothing_that_is_not_asked_for() -> None:
    loaded = run("from bezant import Client; import sys; print(*sys.modules)").split()
    assert "bezant._sync.client" in loaded
    assert not [name for name in loaded if name.startswith(LATE)]
    # A call over TLS must not load httpx either.
    loaded = run("""
        import sys
        from bezant import Client, ConnectFailed
        with Client("https://127.0.0.1:1", verify=True, pacing=False, retries=0) as client:
            try:
                client.accounts()
            except ConnectFailed:
                print(*sys.modules)
    """).split()
    names = ("click", "httpx", "rich", "websocket", "websockets", "bezant._core.stream")
    assert "httpcore" in loaded
    assert not [name for name in loaded if name.partition(".")[0] in names or name in names]
    code = """
        import sys
        from bezant import Client
        with Client("http://localhost:1", pacing=False, retries=0) as client:
            assert client.session.state.value == "unknown"
            assert "bezant._sync.session.session" in sys.modules
            assert client.api.orders
            assert "bezant.models.orders" in sys.modules
            assert "bezant.models.banking" not in sys.modules
    """
    run(code)


def test_every_model_resolves_and_is_kept() -> None:
    for name in bezant.models.__all__:
        assert getattr(bezant.models, name) is getattr(bezant.models, name)
        assert name in vars(bezant.models)
        assert name in dir(bezant.models)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = bezant.models.nonsense


def test_every_public_name_resolves_and_is_kept() -> None:
    for name in bezant.__all__:
        value = getattr(bezant, name)
        assert value is getattr(bezant, name)
        assert name in vars(bezant)
        assert name in dir(bezant)


def in_order(names: list[str]) -> list[str]:
    """Sort names as ruff does: constants first, then classes, then the rest."""
    return sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


def test_the_public_names_are_sorted_and_have_homes() -> None:
    names = [name for names in bezant._HOMES.values() for name in names]
    assert bezant.__all__ == in_order(bezant.__all__)
    assert bezant.__all__ == in_order([*names, "__version__"])
    assert bezant.models.__all__ == in_order(bezant.models.__all__)
    assert list(bezant._HOMES) == sorted(bezant._HOMES)


@pytest.mark.parametrize("package", [bezant, bezant.models], ids=["bezant", "models"])
def test_type_checkers_see_the_same_names(package: Any) -> None:
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        (node.module, each.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    assert seen == {(home, name) for home, names in package._HOMES.items() for name in names}


def test_other_names_do_not_exist() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = bezant.nonsense
