"""Tests of the documentation pages that list every field of every model and message."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bezant.models
from bezant._wire.market_data_fields import FIELDS
from bezant.models._base import Portable

ROOT = Path(__file__).parent.parent.parent
PAGES = [*(ROOT / "docs" / "models").glob("*.md"), ROOT / "docs" / "messages.md"]


def listed() -> dict[str, dict[str, list[str]]]:
    """Return the table cells of each field, by the heading (a model) and the field's name."""
    found: dict[str, dict[str, list[str]]] = {}
    for page in PAGES:
        for section in page.read_text(encoding="utf-8").split("\n## ")[1:]:
            title, _, text = section.partition("\n")
            rows = [
                re.split(r" (?<!\\)\| ", row) for row in re.findall(r"^\| (`.*) \|$", text, re.M)
            ]
            assert title not in found
            found[title] = {cells[0].strip("`"): cells[1:] for cells in rows}
    return found


def test_the_pages_are_what_the_tool_writes() -> None:
    tool = [sys.executable, str(ROOT / "tools" / "gen_fields.py"), "--check"]
    done = subprocess.run(tool, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_field_has_a_type_a_meaning_and_its_wire_key() -> None:
    pages = listed()
    missing: list[str] = []
    count = 0
    for module in pkgutil.walk_packages(bezant.models.__path__, "bezant.models."):
        for model in vars(importlib.import_module(module.name)).values():
            if not (isinstance(model, type) and issubclass(model, Portable)):
                continue
            if model.__module__ != module.name or model.__name__ in HIDDEN:
                continue
            pairs = zip(model.__struct_fields__, model.__struct_encode_fields__, strict=True)
            for name, wire in pairs:
                count += 1
                kind, meaning, key = pages.get(model.__name__, {}).get(name, ["", "", ""])
                own = wire.startswith("bezant:") or (name == "raw" and key == "")
                if not kind or not meaning or key != ("" if own else f"`{wire}`"):
                    missing.append(f"{model.__module__}.{model.__name__}.{name}")
    assert not missing
    assert count > 2000


# Base classes of models. They occur in no response, so the pages need not list them.
HIDDEN = {"StateModel"}


@pytest.mark.parametrize("name", ["last", "bid", "changed", "values", "updated"])
def test_the_properties_of_quotes_are_listed(name: str) -> None:
    assert name in listed()["Properties of MarketData"]


def test_every_market_data_field_is_listed() -> None:
    rows = listed()["Fields of MarketData"]
    assert {name: row[2] for name, row in rows.items()} == {
        each.name: f"`{each.code}`" for each in FIELDS
    }
