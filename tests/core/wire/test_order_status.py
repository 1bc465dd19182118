"""Tests of order states, and of the spellings of their names."""

from __future__ import annotations

import pytest

from bezant._wire.order_status import (
    CREATED,
    FILLED,
    INACTIVE,
    PRE_SUBMITTED,
    STATES,
    UNKNOWN,
    OrderState,
    plain_spelling,
    state_of,
    state_of_order,
)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("PreSubmitted", PRE_SUBMITTED),
        ("pre_submitted", PRE_SUBMITTED),
        (" Pre Submitted ", PRE_SUBMITTED),
        ("FILLED", FILLED),
        ("Inactive", INACTIVE),
        ("SomethingNew", UNKNOWN),
        ("", UNKNOWN),
        (None, UNKNOWN),
        (["Filled"], UNKNOWN),
    ],
    ids=repr,
)
def test_states_by_their_spellings(status: object, state: OrderState) -> None:
    assert state_of(status) is state


def test_every_spelling_names_one_state() -> None:
    spellings = [plain_spelling(name) for state in STATES for name in state.spellings]
    assert len(spellings) == len(set(spellings))
    for state in STATES:
        for name in state.spellings:
            assert state_of(name) is state
            assert state_of(plain_spelling(name)) is state


@pytest.mark.parametrize(
    "status", ["ApiCancelled", "Canceled", "Cancelled", "Expired", "Filled", "Rejected"]
)
def test_orders_that_have_ended(status: str) -> None:
    assert (state_of(status).working, state_of(status).final) == (False, True)


@pytest.mark.parametrize(
    "status",
    ["PendingSubmit", "Submitted", "PendingCancel", "PreCancelled", "WarnState", "NewState"],
)
def test_orders_that_can_still_be_filled(status: str) -> None:
    assert (state_of(status).working, state_of(status).final) == (True, False)


def test_inactive_orders_are_neither() -> None:
    assert (INACTIVE.working, INACTIVE.final) == (False, False)


@pytest.mark.parametrize(
    ("status", "detail", "state"),
    [
        ("Inactive", "Pending Submit", CREATED),
        ("Inactive", "PreSubmitted", CREATED),
        ("Inactive", "Submitted", CREATED),
        ("Inactive", None, INACTIVE),
        ("Inactive", "0", INACTIVE),
        ("Inactive", "Inactive", INACTIVE),
        ("Inactive", "Rejected", state_of("Rejected")),
        ("Inactive", "Cancelled", state_of("Cancelled")),
        ("PendingCancel", "Submitted", state_of("PendingCancel")),
        ("Cancelled", "Cancelled", state_of("Cancelled")),
        ("Filled", "2", FILLED),
        (None, "Cancelled", UNKNOWN),
    ],
)
def test_both_states_of_an_order_decide(status: object, detail: object, state: OrderState) -> None:
    assert state_of_order(status, detail) is state
    assert (CREATED.working, CREATED.final) == (True, False)
