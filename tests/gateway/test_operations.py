"""Tests of every operation through the real gateway, async and blocking: typed, then raw."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec
import pytest

from bezant import Client, OAuthRequired, UnexpectedRedirect
from bezant._runtime._shared.http_packages import httpx
from bezant.operations import OPERATIONS, OperationEntry, by_path
from tests.gateway.chain import Chain
from tests.gateway.twins import Twin, forget_questions
from tests.sim.api.test_examples import GROUPS, OAUTH_GROUPS, Caller, in_order, method_of

ROOTS = ("/gw/", "/oauth2/")
LOCAL = {"reauthenticate"}
"""Operations to which the gateway responds itself, without the upstream."""


async def call(client: Any, entry: OperationEntry, caller: Caller) -> Any:
    method = method_of(getattr(client, "blocking", client), entry)
    answer = method(**caller.arguments(entry, method))
    return await answer if inspect.isawaitable(answer) else answer


@pytest.mark.parametrize("group", GROUPS)
async def test_typed(gateway: Chain, twin: Twin, group: str) -> None:
    caller = Caller(gateway)
    options = {"pacing": False, "retries": 0, "strict": True, "timeout": 5}
    async with twin.client(gateway.base_url, **options) as client:
        await client.accounts()
        # Otherwise the first P&L of a session is empty, which the client refuses.
        gateway._state.session.gains_asked = True
        for entry in in_order(group):
            seen = len(gateway.requests)
            answer = None
            if entry.needs_oauth:
                with pytest.raises(OAuthRequired):
                    await call(client, entry, caller)
            else:
                answer = await call(client, entry, caller)
            new = [by_path(each.method, each.path) for each in gateway.requests[seen:]]
            if entry.needs_oauth or entry.python_name in LOCAL:
                assert entry not in new
            else:
                assert new[-1] is entry
                caller.look(entry, answer)


@pytest.mark.parametrize("group", GROUPS)
async def test_raw(gateway: Chain, twin: Twin, group: str) -> None:
    """The requests of typed calls, sent again as raw calls, reach the server unchanged."""
    caller = Caller(gateway)
    options = {"pacing": False, "retries": 0, "timeout": 5}
    async with twin.client(gateway.base_url, **options) as client:
        await client.accounts()
        # Otherwise the first P&L of a session is empty, which the client refuses.
        gateway._state.session.gains_asked = True
        passed = [each for each in in_order(group) if not each.needs_oauth]
        for entry in passed:
            answer = await call(client, entry, caller)
            if entry.python_name not in LOCAL:
                caller.look(entry, answer)
        sent = gateway.requests
        gateway.reset()
        for each in sent:
            body = {"json": msgspec.json.decode(each.body)} if each.body else {}
            path = each.target.partition("?")[0].removeprefix("/v1/api")
            # The raw replies answer questions of the typed calls, which are no longer open.
            forget_questions()
            await client.request(each.method, path, params=each.query, type=None, **body)
        again = gateway.requests
    assert [(each.method, each.target) for each in again] == [
        (each.method, each.target) for each in sent
    ]
    assert [len(each.body) > 0 for each in again] == [len(each.body) > 0 for each in sent]


@pytest.mark.parametrize("group", sorted(OAUTH_GROUPS))
def test_the_gateway_passes_on_nothing_below_its_root(gateway: Chain, group: str) -> None:
    """The gateway does not forward these operations.

    It redirects to IBKR's server, and the client raises an error.
    """
    caller = Caller(gateway)
    transport = httpx.HTTPTransport(verify=False)
    options: dict[str, Any] = {"pacing": False, "retries": 0, "timeout": 5}
    with Client(gateway.base_url, transport=transport, **options) as client:
        seen = len(gateway.requests)
        for entry in in_order(group):
            if entry.path.startswith(ROOTS):
                method = method_of(client, entry)
                with pytest.raises(UnexpectedRedirect, match=r"'http://api\.test:[0-9]+/"):
                    method(**caller.arguments(entry, method))
        assert len(gateway.requests) == seen


def test_every_method_is_among_them() -> None:
    passed = {each.method for each in OPERATIONS.values() if not each.needs_oauth}
    assert passed == {"GET", "POST", "PUT", "DELETE"}
