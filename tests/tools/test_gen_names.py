"""Tests of the lists of public names that tools/gen_names.py writes."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import gen_names

ROOT = Path(__file__).parent.parent.parent

PACKAGE = """
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from .b import Second, first
    from .a import LIMIT

_HOMES = {}

__all__ = []
"""


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / "gen_names.py"), "--root", str(root), *arguments],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def value(source: str, name: str) -> object:
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise AssertionError(name)


def test_the_lists_come_from_the_names_listed_by_hand() -> None:
    text = gen_names.rendered(PACKAGE)
    assert value(text, "_HOMES") == {"a": ("LIMIT",), "b": ("Second", "first")}
    assert value(text, "__all__") == ["LIMIT", "Second", "__version__", "first"]
    assert gen_names.rendered(text) == text


def test_a_module_without_homes_lists_its_classes() -> None:
    text = gen_names.rendered(
        "__all__ = ['Old']\nclass B: ...\nclass _Hidden: ...\nclass A(B): ...\n"
    )
    assert value(text, "__all__") == ["A", "B"]


def test_a_name_has_one_home() -> None:
    with pytest.raises(ValueError, match="Second: listed twice"):
        gen_names.rendered(PACKAGE.replace("LIMIT", "Second"))
    with pytest.raises(ValueError, match="__all__ is missing"):
        gen_names.rendered("class A: ...\n")


def test_a_new_error_needs_its_class_and_one_line(tmp_path: Path) -> None:
    for path in (*gen_names.PACKAGES, *gen_names.CLASSES):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    assert run(tmp_path, "--check").returncode == 0
    errors = tmp_path / "bezant/errors.py"
    errors.write_text(
        errors.read_text(encoding="utf-8") + "\n\nclass Halted(BezantError):\n    pass\n",
        encoding="utf-8",
    )
    package = tmp_path / "bezant/__init__.py"
    package.write_text(
        package.read_text(encoding="utf-8").replace(
            "        HttpError,\n", "        Halted,\n        HttpError,\n"
        ),
        encoding="utf-8",
    )
    stale = run(tmp_path, "--check")
    assert stale.returncode == 1
    assert "run python tools/gen_names.py" in stale.stdout
    assert "Halted" not in value(package.read_text(encoding="utf-8"), "__all__")  # type: ignore[operator]
    assert run(tmp_path).returncode == 0
    for file in (errors, package):
        assert "Halted" in value(file.read_text(encoding="utf-8"), "__all__")  # type: ignore[operator]
    assert run(tmp_path, "--check").returncode == 0


def test_a_list_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    for path in (*gen_names.PACKAGES, *gen_names.CLASSES):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x = 1\n", encoding="utf-8")
    done = run(tmp_path)
    assert done.returncode == 1
    assert "bezant/__init__.py: __all__ is missing" in done.stderr
