"""Tests of mocking bezant's calls with tools for httpx, as docs/testing.md describes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
import respx

import bezant

if TYPE_CHECKING:
    from pytest_httpx import HTTPXMock

GATEWAY = "https://localhost:5000"
URL = f"{GATEWAY}/v1/api/iserver/accounts"
ACCOUNTS = {"accounts": ["DU1"]}


def ask(transport: object) -> object:
    with bezant.Client(GATEWAY, transport=transport) as client:
        return client.request("GET", "/iserver/accounts")


def ask_async(transport: object) -> object:
    async def main() -> object:
        async with bezant.AsyncClient(GATEWAY, transport=transport) as client:
            return await client.request("GET", "/iserver/accounts")

    return asyncio.run(main())


def test_pytest_httpx(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=URL, json=ACCOUNTS, is_reusable=True)
    assert ask(httpx.HTTPTransport()) == ACCOUNTS
    assert ask_async(httpx.AsyncHTTPTransport()) == ACCOUNTS
    assert len(httpx_mock.get_requests()) == 2


def test_respx_by_its_router() -> None:
    router = respx.Router()
    accounts = router.get(URL).respond(json=ACCOUNTS)
    assert ask(httpx.MockTransport(router.handler)) == ACCOUNTS
    assert ask_async(httpx.MockTransport(router.async_handler)) == ACCOUNTS
    assert accounts.call_count == 2


def test_respx_by_its_fixture(respx_mock: respx.MockRouter) -> None:
    accounts = respx_mock.get(URL).respond(json=ACCOUNTS)
    assert ask(httpx.HTTPTransport()) == ACCOUNTS
    assert ask_async(httpx.AsyncHTTPTransport()) == ACCOUNTS
    assert accounts.call_count == 2


def test_a_timeout_of_a_mock_leaves_an_order_unknown(respx_mock: respx.MockRouter) -> None:
    respx_mock.post(URL).mock(side_effect=httpx.ReadTimeout)
    client = bezant.Client(GATEWAY, transport=httpx.HTTPTransport(), pacing=False)
    with client, pytest.raises(bezant.OutcomeUnknown):
        client.request("POST", "/iserver/accounts")
