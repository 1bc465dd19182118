"""Check the code that users read and write with strict mypy and strict pyright, against a wheel.

The script checks the code blocks of README, of the pages in docs and of docstrings, the examples
and the programs in tests/typing. Run the script with a Python in which bezant's wheel, mypy and
pyright are installed. The script copies the code into an empty folder, so that the code imports the
installed wheel and never the source tree. `python tools/check_users_code.py --list` prints the code
instead.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import bezant

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
FOLDERS = ("examples/async", "examples/sync", "examples/trading_bot", "tests/typing/programs")
# Names that a docstring's code block may use without defining them. Value: the type of the name, in
# blocking code and in async code.
GIVEN = {
    "client": ("bezant.Client", "bezant.AsyncClient"),
    "ws": ("bezant.WsClient", "bezant.AsyncWsClient"),
    "conids": ("list[int]", "list[int]"),
    "fetch": ("Callable[[int], str]", "Callable[[int], Awaitable[str]]"),
}


def pages() -> Iterator[tuple[str, str]]:
    """Yield the code blocks of README and docs, each with a name for its file."""
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for number, code in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), 1):
            name = "_".join(page.relative_to(ROOT).with_suffix("").parts)
            yield f"{name.removeprefix('docs_')}_{number}", code


def docstrings() -> Iterator[tuple[str, str]]:
    """Yield the code blocks of docstrings, each with a name for its file."""
    for path in sorted((ROOT / "bezant").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "```python" not in text:
            continue
        name = "_".join(path.relative_to(ROOT).with_suffix("").parts)
        number = 0
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                for code in BLOCK.findall(ast.get_docstring(node) or ""):
                    number += 1
                    yield f"{name}_{number}", code


def programs() -> Iterator[tuple[str, str]]:
    """Yield the examples and the programs in tests/typing, each with a name for its file."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).glob("*.py")):
            name = "_".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name, path.read_text(encoding="utf-8")


def collected() -> dict[str, str]:
    """Return all code by name."""
    return {
        re.sub(r"\W", "_", name): code
        for source in (pages(), docstrings(), programs())
        for name, code in source
    }


def completed(fragment: str) -> str:
    """Complete the code of a docstring to a program, with the imports and names that it lacks."""
    waits = re.search(r"\b(async|await)\b", fragment) is not None
    body = textwrap.indent(fragment, "    ")
    function = f"{'async ' * waits}def fragment() -> None:\n{body}"
    names = [node for node in ast.walk(ast.parse(function)) if isinstance(node, ast.Name)]
    missing = {each.id for each in names} - {
        each.id for each in names if isinstance(each.ctx, ast.Store)
    }
    given = [f"{name}: {kinds[waits]}" for name, kinds in GIVEN.items() if name in missing]
    imports = [f"from bezant import {name}" for name in sorted(missing & set(bezant.__all__))]
    if any("Callable" in each for each in given):
        imports.append(f"from collections.abc import {'Awaitable, ' * waits}Callable")
    if any("bezant." in each for each in given) or "bezant" in missing:
        imports.append("import bezant")
    if "import bezant\n" in fragment or fragment.startswith(("from ", "import ")):
        return fragment
    function = function.replace("fragment()", f"fragment({', '.join(given)})")
    return "\n".join([*imports, "", "", function])


def main() -> int:
    """Run both checkers; return the exit status 0 if neither finds an error."""
    code = collected()
    if "--list" in sys.argv:
        print(*code, sep="\n")
        return 0
    if Path(bezant.__file__).is_relative_to(ROOT / "bezant"):
        print("this is the source tree; run it with a Python that has the wheel", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fragments = {each for each, _ in docstrings()}
        for each, text in code.items():
            whole = completed(text) if each in fragments else text
            (folder / f"{each}.py").write_text(whole, encoding="utf-8")
        shutil.copy(ROOT / "examples/trading_bot/trading_bot.py", folder / "trading_bot.py")
        settings = {"typeCheckingMode": "strict", "reportMissingTypeStubs": "none"}
        (folder / "pyrightconfig.json").write_text(json.dumps(settings))
        checks = (["mypy", "--strict", "."], ["pyright", "--pythonpath", sys.executable, "."])
        codes = [
            subprocess.run([sys.executable, "-m", *each], cwd=folder, check=False).returncode
            for each in checks
        ]
    return max(codes)


if __name__ == "__main__":
    raise SystemExit(main())
