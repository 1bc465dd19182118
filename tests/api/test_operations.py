"""Tests of searching operations by id, path and words."""

from __future__ import annotations

from typing import Any

import pytest

from bezant import InvalidRequest
from bezant.operations import OPERATIONS, OperationEntry, by_path, search


def test_by_id() -> None:
    entry = OPERATIONS["getPortfolioSummary"]
    assert (entry.group, entry.python_name) == ("portfolio", "get_portfolio_summary")
    assert str(entry) == "portfolio.get_portfolio_summary: GET /portfolio/{accountId}/summary"
    assert OPERATIONS["getOpenOrders"].limit == "GET /iserver/account/orders"
    assert not OPERATIONS["submitNewOrder"].idempotent
    with pytest.raises(TypeError):
        OPERATIONS["x"] = entry  # type: ignore[index]


@pytest.mark.parametrize(
    ("method", "path", "id_"),
    [
        ("GET", "/portfolio/{accountId}/ledger", "getPortfolioLedger"),
        ("get", "/v1/api/portfolio/DU1/ledger?x=1", "getPortfolioLedger"),
        ("GET", "/portfolio/{a}/position/{b}", "getPositionByConid"),
        ("GET", "/portfolio/positions/265598", "getAllAccountsForConid"),
        ("GET", "/fyi/notifications/more", "undocumented_get_fyi_notifications_more"),
        ("PUT", "/fyi/deliveryoptions/email", "modifyFyiEmails"),
        ("POST", "/gw/api/v1/bank-instructions:bulk", "post_gw_api_v1_bank_instructions_bulk"),
        ("GET", "/gw/api/v1/requests/5/status", "getRequestsStatus"),
        ("PATCH", "/gw/api/v1/requests/5/status", "patch_gw_api_v1_requests_requestid_status"),
    ],
)
def test_by_path(method: str, path: str, id_: str) -> None:
    entry = by_path(method, path)
    assert entry is not None
    assert entry.id == id_


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/tickle"), ("GET", "/nothing"), ("GET", ""), ("GET", "/portfolio//ledger")],
)
def test_no_such_path(method: str, path: str) -> None:
    assert by_path(method, path) is None


@pytest.mark.parametrize("entry", OPERATIONS.values(), ids=lambda each: each.id)
def test_every_operation_is_found_by_its_own_path(entry: OperationEntry) -> None:
    assert by_path(entry.method, entry.path) is entry
    assert entry in search(entry.python_name.replace("_", " "))
    assert entry in search(entry.summary)


def test_search() -> None:
    assert "getMarginSummary" in [each.id for each in search("margin")]
    assert search("LEDGER")[0].id == "getPortfolioLedger"
    assert search("scanner run")[0].id == "getScannerResults"
    assert search("") == search("nothing that is called so") == []


def test_arguments_of_the_search_are_text() -> None:
    nothing: Any = None
    with pytest.raises(InvalidRequest, match="words must be text"):
        search(nothing)
    with pytest.raises(InvalidRequest, match="method must be text"):
        by_path(nothing, "/tickle")
    with pytest.raises(InvalidRequest, match="path must be text"):
        by_path("GET", nothing)
