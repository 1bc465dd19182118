"""Tests that the table of endpoints is complete, has no duplicates, and agrees with all code."""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import bezant
import bezant.models
from bezant import operations
from bezant._core.http.operation import Operation, OrderCall
from bezant._core.operations._base import Endpoint
from bezant._core.operations._index import OPERATIONS, RAW
from bezant._core.operations._lookup import find, known, row_at
from bezant._core.pacing.limits import LIMITS

from .catalogue import (
    ADDITIONS,
    BY_CALL,
    DOCUMENT,
    ENDPOINTS,
    GROUPS,
    MODELS,
    OAUTH_GROUPS,
    answer_of,
    class_of,
    group_of,
    name_of,
    shared,
)

ROOT = Path(__file__).parents[2]
each_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.operation.name)


def test_every_operation_of_the_document_and_the_additions_once() -> None:
    document, additions = shared(DOCUMENT), shared(ADDITIONS)
    wanted = [
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item
    ]
    assert len(wanted) == 167
    added = [f"{each['method']} {each['path']}" for each in additions["added"]]
    assert len(added) == 17
    undocumented = [f"{each['method']} {each['path']}" for each in additions["undocumented"]]
    undocumented.remove("GET /ws")  # not a call, but the WebSocket's handshake
    assert len(undocumented) == 7
    found = [each.operation.name for each in ENDPOINTS]
    assert sorted(found) == sorted(wanted + added + undocumented)
    assert len(set(found)) == len(found) == 191


def test_operation_ids_are_those_of_the_document() -> None:
    document, additions = shared(DOCUMENT), shared(ADDITIONS)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert BY_CALL[f"{method.upper()} {path}"].id == operation["operationId"]
    for each in additions["added"]:
        assert BY_CALL[f"{each['method']} {each['path']}"].id == each["operation_id"]


def test_the_committed_digest_keeps_the_count() -> None:
    calls = sorted(each.operation.name for each in ENDPOINTS)
    kept = tomllib.loads((ROOT / "tools/api_overlay/digest.toml").read_text())
    text = "\n".join(calls).encode()
    assert kept == {"count": 191, "sha256": hashlib.sha256(text).hexdigest()}


def test_ids_and_methods_are_unique() -> None:
    assert len({each.id for each in ENDPOINTS}) == len(ENDPOINTS)
    assert len({(group_of(each), name_of(each)) for each in ENDPOINTS}) == len(ENDPOINTS)


def test_the_public_table_says_the_same() -> None:
    assert len(OPERATIONS) == len(operations.OPERATIONS) == len(ENDPOINTS)
    for each in ENDPOINTS:
        entry = operations.OPERATIONS[each.id]
        assert (entry.id, entry.method, entry.path) == (
            each.id,
            each.operation.method,
            each.operation.path,
        )
        assert entry.needs_oauth == each.operation.needs_oauth
        assert (entry.group, entry.python_name) == (group_of(each), name_of(each))
        assert (entry.idempotent, entry.limit, entry.summary) == (
            each.operation.idempotent,
            each.operation.limit,
            each.summary,
        )


@each_endpoint
def test_a_method_and_its_endpoint_fit(endpoint: Endpoint) -> None:
    method = getattr(class_of(group_of(endpoint), "async"), name_of(endpoint))
    placed = [*endpoint.path, *endpoint.query, *endpoint.header, *endpoint.body]
    placed += ["query"] if endpoint.extra else []
    placed += ["body"] if endpoint.sends in ("whole", "signed") else []
    parameters = dict(inspect.signature(method).parameters)
    del parameters["self"]
    assert sorted(parameters) == sorted(placed)
    assert all(each.kind is inspect.Parameter.KEYWORD_ONLY for each in parameters.values())
    for name in endpoint.path:
        assert parameters[name].default is inspect.Parameter.empty
    assert operations.OPERATIONS[endpoint.id].response_type == answer_of(endpoint)
    template = endpoint.operation.path
    assert set(endpoint.path.values()) == {part.split("}")[0] for part in template.split("{")[1:]}
    assert endpoint.operation.root == template.startswith(("/gw/", "/oauth2/"))


@each_endpoint
def test_docstrings_describe_every_parameter(endpoint: Endpoint) -> None:
    documentation = (
        inspect.getdoc(getattr(class_of(group_of(endpoint), "async"), name_of(endpoint))) or ""
    )
    assert f"``{endpoint.operation.name}``" in documentation
    assert "Raises:" in documentation
    for name in [*endpoint.path, *endpoint.query, *endpoint.header, *endpoint.body]:
        assert f"\n    {name}: " in documentation
    unknown = "OutcomeUnknown" in documentation
    assert unknown is not endpoint.operation.idempotent


def test_a_group_needs_oauth_or_does_not() -> None:
    """Either all operations of a group need OAuth, or none does.

    Separate classes offer the two kinds of groups. The gateway serves no operation that needs
    OAuth.
    """
    needs = [each for each in ENDPOINTS if each.operation.needs_oauth]
    assert len(needs) == 73
    assert all(each in needs for each in ENDPOINTS if each.operation.root)
    assert {group_of(each) for each in needs} == set(OAUTH_GROUPS)
    assert all(group_of(each) not in OAUTH_GROUPS for each in ENDPOINTS if each not in needs)
    for twin in ("async", "sync"):
        api = importlib.import_module(f"bezant._{twin}.api")
        through, only = (getattr(api, name) for name in sorted(api.__all__))
        assert {name for name in vars(only) if not name.startswith("_")} == set(OAUTH_GROUPS)
        offered = {name for name in vars(through) if not name.startswith("_")}
        assert offered == set(GROUPS) - set(OAUTH_GROUPS)


def test_every_limit_belongs_to_an_operation() -> None:
    rows = [row_at(place) for place in (*OPERATIONS.values(), *RAW.values())]
    assert {each.limit for each in rows} == {"", *LIMITS}


def test_only_calls_that_are_not_idempotent_concern_orders() -> None:
    for place in (*OPERATIONS.values(), *RAW.values()):
        operation = row_at(place)
        if operation.effect == "order":
            assert not operation.idempotent
            assert operation.priority in ("order", "cancel")
        else:
            assert operation.order is None
        if not operation.idempotent and operation.method != "POST":
            assert operation.effect != "none", operation.name


def raw(method: str, path: str) -> Operation:
    return Operation(method, path, idempotent=method == "GET", effect="account")


@pytest.mark.parametrize(
    ("method", "path", "place"),
    [
        ("GET", "/portfolio/DU1/ledger", "portfolio.GET_PORTFOLIO_LEDGER"),
        ("GET", "/portfolio/{a}/ledger", "portfolio.GET_PORTFOLIO_LEDGER"),
        ("GET", "/portfolio/positions/1", "portfolio.GET_POSITIONS_FOR_CONID"),
        ("POST", "/iserver/account/orders", "orders.SUBMIT_ORDERS_OF_ACCOUNTS"),
        ("POST", "/iserver/account/orders/group", "orders.SUBMIT_ORDERS_OF_GROUP"),
        ("POST", "/iserver/account/DU1/orders", "orders.SUBMIT_NEW_ORDERS"),
        ("POST", "/iserver/account/DU1/order", "orders.SUBMIT_ONE_ORDER"),
        ("POST", "/iserver/account/DU1/order/whatif", "orders.PREVIEW_ONE_ORDER"),
        ("POST", "/iserver/%61ccount/D%2FU/orders", "orders.SUBMIT_NEW_ORDERS"),
        ("POST", "/iserver/account%2FDU1/orders", "orders.SUBMIT_NEW_ORDERS"),
        ("GET", "/tickle", "session.TICKLE_BY_GET"),
        ("PATCH", "/tickle", None),
        ("GET", "/portfolio//ledger", None),
        ("POST", "/iserver/%61ccount/nothing/at/all", None),
    ],
)
def test_a_raw_call_finds_its_row(method: str, path: str, place: str | None) -> None:
    assert find(method, path) == place
    operation = raw(method, path)
    found = known(operation)
    if place is None:
        assert found is operation
    else:
        row = row_at(place)
        assert (found.method, found.path) == (method, path)
        assert (found.effect, found.order) == (row.effect, row.order)
        assert (found.requires, found.limit) == (row.requires, row.limit)


def test_a_raw_call_keeps_its_host_and_shape() -> None:
    modify = known(raw("POST", "/iserver/account/DU1/order/7"))
    assert (modify.order, modify.wrap_as) == (OrderCall.PLACE, "")
    signed = known(raw("GET", "/gw/api/v1/accounts"))
    assert (signed.effect, signed.root) == ("none", False)


def test_operations_with_side_effects_are_not_idempotent() -> None:
    effective = ("place", "submit", "create", "cancel", "modify", "delete", "confirm", "transfer")
    for each in ENDPOINTS:
        if name_of(each).split("_")[0] in effective:
            assert not each.operation.idempotent, each.operation.name
        if each.operation.method == "GET":
            assert each.operation.idempotent, each.operation.name


@pytest.mark.parametrize("group", GROUPS)
def test_both_trees_have_the_same_methods(group: str) -> None:
    def signatures(kind: str) -> dict[str, Any]:
        return {
            name: (str(inspect.signature(method)), inspect.getdoc(method))
            for name, method in vars(class_of(group, kind)).items()
            if not name.startswith("_")
        }

    assert signatures("async") == signatures("sync")
    assert len(signatures("async")) == sum(group_of(each) == group for each in ENDPOINTS)


def test_nothing_is_written_in_ibkrs_words() -> None:
    """Generated files contain no sentence of IBKR's document."""
    document = shared(DOCUMENT)
    sentences: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                if key in ("description", "summary") and isinstance(value, str):
                    for part in value.replace("<br>", ".").replace("\n", ".").split("."):
                        text = " ".join(part.split()).lower()
                        if len(text.split()) >= 7:
                            sentences.add(text)
                walk(value)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    walk(document)
    assert len(sentences) > 500
    for folder in ("bezant/models", "bezant/_async/api", "bezant/_core/operations", "tools"):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in (".py", ".toml", ".json"):
                text = " ".join(file.read_text().split()).lower()
                assert [each for each in sentences if each in text] == [], file


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return done.stdout.strip()


LOADED = (
    "import sys; print(sorted(n for n in sys.modules if n.startswith(("
    "'bezant._core.operations.', 'bezant._sync.api.', 'bezant._async.api.')) "
    "or n.startswith('bezant.models.') and n.split('.')[2] not in "
    "('_base', '_contracts', '_portfolio', '_session', 'stream') and "
    "not n.split('.')[2].startswith('_')))"
)


def loaded(code: str) -> list[str]:
    names: list[str] = ast.literal_eval(run(f"{code}; {LOADED}"))
    return names


def test_importing_loads_no_group() -> None:
    assert loaded("import bezant") == []
    names = loaded("import bezant; c = bezant.Client('https://localhost:1/v1/api'); c.api")
    # Without a call through `api`, only these tables of operations are loaded: the client's own
    # calls need them. Their methods and models are not loaded.
    own = {"_base", "accounts", "portfolio", "session"}
    assert set(names) == {f"bezant._core.operations.{each}" for each in own}


def test_a_group_loads_alone() -> None:
    code = "import bezant; c = bezant.Client('https://localhost:1/v1/api'); c.api.portfolio"
    names = loaded(code)
    assert "bezant._sync.api.portfolio" in names
    own = ("accounts", "portfolio", "session")
    kept = ("_arrange", "_base", "common", *own)
    assert [each for each in names if each.rsplit(".", 1)[1] not in kept] == []
    assert [
        each for each in names if "api." in each and each.endswith(("accounts", "session"))
    ] == []


def test_the_public_table_loads_no_model() -> None:
    code = "import bezant.operations as o; assert len(o.OPERATIONS) == 191"
    assert [each for each in loaded(code) if "models" in each] == []
    assert [each for each in loaded(code) if "api" in each] == []


def test_models_are_frozen_and_exported() -> None:
    assert len(MODELS) > 150
    names = [each.__name__ for each in MODELS]
    assert len(set(names)) == len(names)
    by_hand = {*bezant.models.__all__, *bezant.__all__}
    assert by_hand.isdisjoint(names)
    for model in MODELS:
        assert model.__struct_config__.frozen
        module = sys.modules[model.__module__]
        assert model.__name__ in module.__all__
