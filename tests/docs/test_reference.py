"""Test that the reference lists every public name."""

from __future__ import annotations

import re
from pathlib import Path

import bezant
import bezant.errors
import bezant.models

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference.md"


def test_every_public_name_is_in_the_reference() -> None:
    named = set(re.findall(r"^::: bezant\.(\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert {"errors", "models"} <= named
    wanted = {
        name
        for name in bezant.__all__
        if not name.startswith(("Async", "__"))
        and name not in bezant.errors.__all__
        and name not in bezant.models.__all__
    }
    assert wanted - named == set()
