"""Order states, by the spellings of their names."""

from __future__ import annotations

import pytest

from bezant._wire.order_status import (
    FILLED,
    INACTIVE,
    PRE_SUBMITTED,
    STATES,
    UNKNOWN,
    OrderState,
    plain_spelling,
    state_of,
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
