"""Formats the generated files with ruff, by the project's settings."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

RUFF = (sys.executable, "-m", "ruff")
# ruff's rules for the order of imports and of __all__.
FIXES = "I001,RUF022"


def _ruff(root: Path, target: str, text: str, *arguments: str) -> str:
    config = root / "pyproject.toml"
    settings = ("--config", str(config)) if config.is_file() else ("--isolated",)
    done = subprocess.run(
        [*RUFF, *arguments, "-q", "--no-cache", *settings, "--stdin-filename", target, "-"],
        input=text.encode(),
        capture_output=True,
        cwd=root,
        check=False,
    )
    if done.returncode:
        words = " ".join(done.stderr.decode(errors="replace").split())
        raise RuntimeError(f"ruff cannot format {target}: {words}")
    return done.stdout.decode()


def _formatted(root: Path, target: str, text: str) -> bytes:
    if not target.endswith(".py"):
        return text.encode()
    fixes = ("--fix-only", "--exit-zero", "--extend-select", FIXES, "--fixable", FIXES)
    return _ruff(root, target, _ruff(root, target, text, "check", *fixes), "format").encode()


def formatted(root: Path, texts: dict[str, str]) -> dict[str, bytes]:
    """Format the Python files among `texts` with ruff, and return all files as bytes, by path."""
    with ThreadPoolExecutor() as pool:
        done = pool.map(lambda target: _formatted(root, target, texts[target]), texts)
        return dict(zip(texts, done, strict=True))
