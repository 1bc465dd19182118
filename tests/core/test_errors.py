"""Tests of the exception classes: attributes, class tree, copying and pickling."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import bezant
from bezant import errors
from bezant.errors import BezantError
from bezant.models.orders import OrderPreview

from .samples import TOKEN

ALL: list[type[BezantError]] = [
    each
    for each in (getattr(errors, name) for name in errors.__all__)
    if issubclass(each, BezantError)
]
STATUS = bezant.AuthStatus(authenticated=True, message="m")
HOLDING = bezant.Holding(
    kind="cash", description="cash", currency="USD", quantity=None, market_value=None, value=None
)
LISTING = bezant.Listing(conid=1, symbol="A", exchange="NYSE", name="A CORP", is_us=True)
EXTRAS: list[tuple[type[BezantError], dict[str, Any]]] = [
    (errors.OutcomeUnknown, {"status": 503}),
    (errors.ApiError, {"status": 0, "body": ""}),
    (errors.Refused, {"status": 200, "body": "", "response": None}),
    (errors.RateLimited, {"status": 429, "body": "", "retry_after": None}),
    (errors.UpstreamError, {"status": 500, "body": "", "retryable": False}),
    (errors.SessionError, {"status": None}),
    (errors.DecodeError, {"body": ""}),
    (errors.IncompleteHoldings, {"problems": ()}),
    (errors.SymbolError, {"symbol": "", "candidates": ()}),
    (errors.WsConnectFailed, {"status": None}),
    (errors.WsClosed, {"code": 1006, "reason": ""}),
]
VALUES: dict[str, Any] = {
    "status": 418,
    "body": "text",
    "response": STATUS,
    "retry_after": 12.5,
    "retryable": True,
    "symbol": "A",
    "problems": (HOLDING,),
    "candidates": [LISTING],
    "code": 1000,
    "reason": "bye",
}


def made(kind: type[BezantError]) -> tuple[BezantError, dict[str, Any]]:
    """Return an error of a class with all its arguments, and a dict of these arguments."""
    names = [extra for base, extra in EXTRAS if issubclass(kind, base)]
    values = {name: VALUES[name] for name in (names[-1] if names else ())}
    if issubclass(kind, errors.SessionError):
        values["status"] = STATUS
    return kind("it failed", operation="GET /x", **values), values


@pytest.mark.parametrize("kind", ALL, ids=lambda each: each.__name__)
@pytest.mark.parametrize(
    "travel",
    [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
def test_errors_travel_with_all_that_they_carry(kind: type[BezantError], travel: Any) -> None:
    error, values = made(kind)
    arrived = travel(error)
    assert type(arrived) is kind
    assert str(arrived) == str(error) == "GET /x: it failed"
    assert arrived.message == "it failed"
    assert arrived.operation == "GET /x"
    assert arrived.retryable is error.retryable
    for name, value in values.items():
        expected = tuple(value) if name == "candidates" else value
        assert getattr(arrived, name) == expected


@pytest.mark.parametrize("kind", ALL, ids=lambda each: each.__name__)
def test_errors_need_nothing_but_words(kind: type[BezantError]) -> None:
    error = kind("it failed")
    assert str(error) == "it failed"
    assert error.operation is None
    assert TOKEN not in repr(error)


def test_a_refused_preview_has_its_figures() -> None:
    preview = OrderPreview(error="no", warn="21/careful")
    assert errors.PreviewRefused("no", response=preview).preview is preview


@pytest.mark.parametrize("name", errors.__all__)
def test_errors_bear_the_name_that_users_catch_them_by(name: str) -> None:
    kind = getattr(errors, name)
    assert (kind.__module__, kind.__qualname__) == ("bezant.errors", name)


RETRYABLE = {
    "AccountBusy",
    "ConnectFailed",
    "ConnectionLost",
    "CredentialsUnavailable",
    "HttpTimeout",
    "IncompleteList",
    "NeverArrived",
    "NoAccounts",
    "NoSession",
    "NotEstablished",
    "OrdersUnknown",
    "PacingError",
    "PrerequisiteFailed",
    "RateLimited",
    "StaleData",
    "WsClosed",
    "WsConnectFailed",
    "WsTimeout",
}


def test_which_errors_may_be_tried_again() -> None:
    assert {each.__name__ for each in ALL if each("x").retryable} == RETRYABLE
    assert errors.UpstreamError("x", retryable=True).retryable
    assert not any(each("x").retryable for each in ALL if issubclass(each, errors.OutcomeUnknown))


@pytest.mark.parametrize(
    ("kind", "also"),
    [
        (errors.InvalidBaseUrl, ValueError),
        (errors.InvalidRequest, ValueError),
        (errors.HttpTimeout, TimeoutError),
        (errors.WsTimeout, TimeoutError),
        (errors.TlsFailed, errors.ConnectFailed),
        (errors.CompetingSession, errors.NoSession),
        (errors.NoAccounts, errors.NotEstablished),
        (errors.OutcomeUnknown, errors.HttpError),
        (errors.ResponseTooLarge, errors.DecodeError),
        (errors.DriftWarning, UserWarning),
    ],
)
def test_errors_can_be_caught_as(kind: type[Exception], also: type[Exception]) -> None:
    assert issubclass(kind, also)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """The module's docstring shows the same tree of classes as the code."""
    assert errors.__doc__ is not None
    path: list[str] = []
    drawn: dict[str, str] = {}
    for line in errors.__doc__.splitlines():
        stripped = line.lstrip(" │├└─")
        name = stripped.split(" ")[0]
        if name not in errors.__all__:
            continue
        depth = (len(line) - len(stripped)) // 4 - 1
        path[depth:] = [name]
        if depth:
            drawn[name] = path[depth - 1]
    assert drawn == {
        each.__name__: each.__bases__[0].__name__ for each in ALL if each is not BezantError
    }


def test_all_errors_are_public() -> None:
    assert sorted(errors.__all__) == errors.__all__
    assert set(errors.__all__) <= set(bezant.__all__)
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__module__ == errors.__name__ and name[0] != "_"
    }
    assert defined == set(errors.__all__)
