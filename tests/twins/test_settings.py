"""Tests that the clients' signatures, docstrings and documentation have all settings.

`Settings` declares these settings.
"""

from __future__ import annotations

import inspect
import re
import typing
from pathlib import Path
from typing import Any

import pytest

from bezant import AsyncClient, Client
from bezant._core.settings.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
# Settings that come from an argument of the client or, without it, from the environment.
CHOSEN = {"base_url", "proxy", "pacing", "retries", "cache"}
# Settings of connections. Copies of a client share its connections, so they cannot change these.
CONNECTION = {
    *("base_url", "tls", "max_connections", "proxy", "pacing", "pacing_store", "credentials"),
    "cache",
}
# Settings that are no arguments of the client, but follow from its other arguments.
HIDDEN = {"tls", "pacing_store", "credentials"}
NO_SETTING = {"verify", "on_drift", "transport", "headers", "auth"}
DECLARED = inspect.signature(Settings).parameters
twins = pytest.mark.parametrize("client", [AsyncClient, Client])


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    found = dict(inspect.signature(function).parameters)
    found.pop("self", None)
    return found


@twins
def test_a_client_takes_every_setting(client: Any) -> None:
    found = parameters(client)
    assert set(found) == set(DECLARED) - HIDDEN | NO_SETTING
    hints, declared = typing.get_type_hints(client.__init__), typing.get_type_hints(Settings)
    for name in set(found) - CHOSEN - NO_SETTING:
        assert found[name].default == DECLARED[name].default, name
        assert hints[name] == declared[name], name
    for name in CHOSEN:
        assert found[name].default is None, name


@twins
def test_a_copy_takes_the_settings_that_concern_no_connection(client: Any) -> None:
    found = parameters(client.with_options)
    assert set(found) == set(DECLARED) - CONNECTION
    hints, declared = typing.get_type_hints(client.with_options), typing.get_type_hints(Settings)
    for name, each in found.items():
        assert each.default is None
        assert hints[name] == declared[name] | None, name


@twins
def test_the_docstring_and_the_page_explain_every_setting(client: Any) -> None:
    page = PAGE.read_text(encoding="utf-8")
    table = page[page.index("## Settings") : page.index("A client opens no connection")]
    explained = re.findall(r"^    (\w+): ", inspect.getdoc(client) or "", re.MULTILINE)
    for name in parameters(client):
        assert name in explained
        assert f"`{name}`" in table
    for name in ("timeout", "connect_timeout", "max_connections"):
        default = f"{DECLARED[name].default:g}"
        assert re.search(rf"^\| `{name}` .* {default} \|$", table, re.MULTILINE), name
