"""Tests of the table "Where do I put ...?" in CONTRIBUTING.md.

For each kind of change, it suffices to edit the files that the table names.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT.parent / "shared" / "spec" / "ibkr-openapi-2.29.json"
COPIED = ("bezant", "tools", "docs", "pyproject.toml")

TOPIC = '''"""Trading halts: ``shl``."""

from __future__ import annotations

from typing import Final

from ....models.stream import HaltUpdate
from ..reading import model_rows
from ..topic import SubscriptionRequest, Topic


def request() -> SubscriptionRequest:
    """Return a request for halts."""
    return SubscriptionRequest("hl", {})


HALTS: Final = Topic(
    name="shl", messages=(HaltUpdate,), parse=model_rows("args", HaltUpdate, "shl"), key="hl"
)
'''
MESSAGE = '''

class HaltUpdate(MessageModel, frozen=True, kw_only=True):
    """A halt of one contract (topic ``shl``).

    Attributes:
        conid: the contract's id.
        raw: the row as received.
    """

    conid: int | None = None
    raw: Mapping[str, Any] = {}
'''
METHOD = '''    async def subscribe_halts(self) -> AsyncSubscription:
        """Receive `HaltUpdate` for each halt (topic ``shl``)."""
        return AsyncSubscription(self, await self._subscribe(halts.request()))

'''
OPERATION = """
["GET /iserver/halts"]
raw = true
name = "get_halts"
summary = "Return the contracts whose trading is halted."
requires = "accounts"
"""
IMPORT_RULES = """
from importlinter.cli import lint_imports
raise SystemExit(lint_imports(no_cache=True))
"""
USE_TOPIC = """
import bezant
from bezant._core.stream.parser import parse
from bezant._sync.stream.subscribing import Subscribing
(message,) = parse(b'{"topic": "shl", "args": [{"conid": 1}]}', print)
assert type(message) is bezant.HaltUpdate and message.conid == 1, message
assert callable(Subscribing.subscribe_halts)
"""
USE_ERROR = """
import bezant
assert issubclass(bezant.TradingHalted, bezant.ApiError)
assert "TradingHalted" in bezant.__all__
"""
USE_OPERATION = """
from bezant._core.http.operation import Operation
from bezant._core.operations._lookup import known
row = known(Operation("GET", "/iserver/halts", idempotent=True))
assert row.requires == "accounts" and row.idempotent, row
"""


class Copy:
    """Copy of the project, and the files that a test changed in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.touched: set[str] = set()

    def change(self, path: str, *edits: tuple[str, str], new: str | None = None) -> None:
        """Replace texts in a file, each of which must occur once; or write a new file."""
        self.touched.add(path)
        file = self.root / path
        if new is not None:
            assert not file.exists()
            file.write_text(new, encoding="utf-8")
            return
        text = file.read_text(encoding="utf-8")
        for old, replacement in edits:
            assert text.count(old) == 1, (path, old)
            text = text.replace(old, replacement)
        file.write_text(text, encoding="utf-8")

    def run(self, *command: str) -> None:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.root, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def accepted(self) -> None:
        """Check the changed copy: run the generators, the linter and the import rules."""
        self.run("tools/gen_names.py")
        self.run("tools/gen_sync.py")
        self.run("-m", "ruff", "check", "bezant", "tools")
        self.run("-c", IMPORT_RULES)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(source, tmp_path / name)
    # The generator of the blocking code reads these folders as well.
    for name in ("tests", "examples"):
        for twin in ("_async", "async"):
            if (ROOT / name / twin).is_dir():
                shutil.copytree(ROOT / name / twin, tmp_path / name / twin)
    return Copy(tmp_path)


def listed(change: str) -> Callable[[str], bool]:
    """Return a function that checks whether CONTRIBUTING.md lists a path for a kind of change."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| {change}")]
    patterns = [
        re.sub(r"<\w+>", r"[a-z_]+", re.escape(path).replace(r"\<", "<").replace(r"\>", ">"))
        for path in re.findall(r"`([\w/<>.]+)`", row)
    ]
    return lambda path: any(re.fullmatch(pattern, path) for pattern in patterns)


def test_a_topic_needs_only_the_listed_files(copy: Copy) -> None:
    copy.change(
        "bezant/models/stream/account.py",
        ('    "AccountUpdate",\n', '    "AccountUpdate",\n    "HaltUpdate",\n'),
        (
            "AccountMessage: TypeAlias = ",
            f"{MESSAGE.lstrip()}\n\nAccountMessage: TypeAlias = HaltUpdate | ",
        ),
    )
    copy.change("bezant/_core/stream/topics/halts.py", new=TOPIC)
    copy.change(
        "bezant/_core/stream/topics/registry.py",
        ("from .ladder import", "from .halts import HALTS\nfrom .ladder import"),
        ("    LADDER,\n", "    HALTS,\n    LADDER,\n"),
    )
    copy.change(
        "bezant/_async/stream/subscribing.py",
        ("import bars, ladder,", "import bars, halts, ladder,"),
        ("    async def subscribe_pnl(", f"{METHOD}    async def subscribe_pnl("),
    )
    for path in ("bezant/__init__.py", "bezant/models/__init__.py"):
        file = copy.root / path
        first = file.read_text(encoding="utf-8").replace(
            "        Gap,\n", "        Gap,\n        HaltUpdate,\n", 1
        )
        file.write_text(first, encoding="utf-8")
        copy.touched.add(path)
    copy.run("-m", "ruff", "format", "bezant/_async", "bezant/models")
    copy.accepted()
    copy.run("-c", USE_TOPIC)
    assert [path for path in sorted(copy.touched) if not listed("a WebSocket topic")(path)] == []


def test_an_error_needs_only_the_listed_files(copy: Copy) -> None:
    errors = copy.root / "bezant/errors.py"
    text = errors.read_text(encoding="utf-8")
    text += '\n\nclass TradingHalted(ApiError):\n    """Trading in the contract is halted."""\n'
    errors.write_text(text, encoding="utf-8")
    package = copy.root / "bezant/__init__.py"
    text = package.read_text(encoding="utf-8")
    text = text.replace(
        "        TooManyLines,\n", "        TooManyLines,\n        TradingHalted,\n", 1
    )
    package.write_text(text, encoding="utf-8")
    copy.touched |= {"bezant/errors.py", "bezant/__init__.py"}
    copy.accepted()
    copy.run("-c", USE_ERROR)
    assert [path for path in sorted(copy.touched) if not listed("an error")(path)] == []


@pytest.mark.skipif(not DOCUMENT.exists(), reason="IBKR's document is not there")
def test_an_operation_needs_only_the_listed_files(copy: Copy) -> None:
    path = "tools/api_overlay/accounts.toml"
    text = (copy.root / path).read_text(encoding="utf-8")
    (copy.root / path).write_text(text + OPERATION, encoding="utf-8")
    copy.touched.add(path)
    copy.run("tools/gen_api.py", str(DOCUMENT))
    copy.accepted()
    copy.run("-c", USE_OPERATION)
    assert [path for path in sorted(copy.touched) if not listed("an operation")(path)] == []
