"""Every operation of the table through the real gateway, both twins: typed, then raw."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec
import pytest

from bezant import UnexpectedRedirect
from bezant.operations import OPERATIONS, OperationEntry, by_path
from tests.gateway.chain import Chain
from tests.gateway.twins import Twin, forget_questions
from tests.sim.api.test_examples import GROUPS, Caller, in_order

ROOTS = ("/gw/", "/oauth2/")
"""Paths at the host's root; the gateway does not forward them, but redirects to IBKR's server."""

LOCAL = {"reauthenticate"}
"""Operations to which the gateway responds itself."""


async def call(client: Any, entry: OperationEntry, caller: Caller) -> Any:
    api = client.blocking.api if hasattr(client, "blocking") else client.api
    method = getattr(getattr(api, entry.group), entry.python_name)
    answer = method(**caller.arguments(entry, method))
    return await answer if inspect.isawaitable(answer) else answer


@pytest.mark.parametrize("group", GROUPS)
async def test_typed(gateway: Chain, twin: Twin, group: str) -> None:
    caller = Caller(gateway)
    options = {"pacing": False, "retries": 0, "strict": True, "timeout": 5}
    async with twin.client(gateway.base_url, **options) as client:
        await client.accounts()
        for entry in in_order(group):
            seen = len(gateway.requests)
            answer = None
            if entry.path.startswith(ROOTS):
                with pytest.raises(UnexpectedRedirect, match=r"'http://api\.test:[0-9]+/"):
                    await call(client, entry, caller)
            else:
                answer = await call(client, entry, caller)
            new = [by_path(each.method, each.path) for each in gateway.requests[seen:]]
            if entry.path.startswith(ROOTS) or entry.python_name in LOCAL:
                assert entry not in new
            else:
                assert new[-1] is entry
                caller.look(entry, answer)


@pytest.mark.parametrize("group", GROUPS)
async def test_raw(gateway: Chain, twin: Twin, group: str) -> None:
    """The requests of the typed calls, repeated as raw calls, arrive unchanged."""
    caller = Caller(gateway)
    options = {"pacing": False, "retries": 0, "timeout": 5}
    async with twin.client(gateway.base_url, **options) as client:
        await client.accounts()
        passed = [each for each in in_order(group) if not each.path.startswith(ROOTS)]
        for entry in passed:
            answer = await call(client, entry, caller)
            if entry.python_name not in LOCAL:
                caller.look(entry, answer)
        sent = gateway.requests
        gateway.reset()
        for each in sent:
            body = {"json": msgspec.json.decode(each.body)} if each.body else {}
            path = each.target.partition("?")[0].removeprefix("/v1/api")
            forget_questions()  # the replies are for the questions of the first round
            await client.request(each.method, path, params=each.query, type=None, **body)
        again = gateway.requests
    assert [(each.method, each.target) for each in again] == [
        (each.method, each.target) for each in sent
    ]
    assert [len(each.body) > 0 for each in again] == [len(each.body) > 0 for each in sent]


def test_every_method_is_among_them() -> None:
    passed = {each.method for each in OPERATIONS.values() if not each.path.startswith(ROOTS)}
    assert passed == {"GET", "POST", "PUT", "DELETE"}
