"""Tests of unexpected content in the responses to an order.

Each response gives a typed result, or an error that says whether the outcome is known.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bezant import AsyncClient, BezantError, OutcomeUnknown
from bezant.models.orders import OrderReply, OrderTicket
from tests.support.raw import Peer, RawGateway, RawRequest, Script

ACCOUNTS = b'{"accounts":["DU1"]}'
TICKET = OrderTicket(
    side="BUY", order_type="MKT", time_in_force="DAY", quantity=1, client_order_id="mine-1"
)


def placed(more: bytes) -> bytes:
    return b'[{"order_id":"987","order_status":"Submitted",' + more + b"}]"


# Each of these responses names the order and its status, and has unexpected content as well.
TOLD = {
    "Latin-1 in an unknown field": placed(b'"note":"Aktie M\xfcller"'),
    "Latin-1 in a key": placed(b'"M\xfcller":1'),
    "Latin-1 in a known field": placed(b'"local_order_id":"M\xfcller"'),
    "a number of 5,000 digits": placed(b'"seq":' + b"1" * 5000),
    "a fraction of 5,000 digits": placed(b'"seq":0.' + b"1" * 5000),
    "a number of 5,000 digits in a known field": placed(b'"local_order_id":' + b"1" * 5000),
    "a huge exponent": placed(b'"seq":1e999999999'),
    "NaN": placed(b'"seq":NaN'),
    "Infinity in a known field": placed(b'"encrypt_message":-Infinity'),
    "half a surrogate pair": placed(b'"note":"\\ud800","local_order_id":"a\\udc00"'),
    "a whole surrogate pair": placed(b'"note":"\\ud83d\\ude00"'),
    "a control character": placed(b'"note":"a\x01b\nc"'),
    "a byte order mark": b"\xef\xbb\xbf" + placed(b'"note":1'),
    "a key twice": placed(b'"order_id":"987"'),
    "nested 100 deep": placed(b'"x":' + b"[" * 100 + b"]" * 100),
    "1 MB of an unknown field": placed(b'"x":"' + b"y" * 1_000_000 + b'"'),
    "an object alone": b'{"order_id":987,"order_status":"Submitted","x":"\xff"}',
    "everything": placed(b'"a":"\xff\\ud800","b":NaN,"c":1e99999,"d":' + b"9" * 6000),
}
# From these responses, the client cannot read what happened to the order.
SILENT = {
    "nested 100,000 deep": placed(b'"x":' + b"[" * 100_000 + b"]" * 100_000),
    "UTF-16": placed(b'"x":1').decode().encode("utf-16"),
    "UTF-32": placed(b'"x":1').decode().encode("utf-32"),
    "cut off": placed(b'"x":1')[:-3],
    "cut within a character": b'[{"order_id":"987","note":"\xc3',
    "empty": b"",
    "blank": b" \r\n\t ",
    "a page": b"<html><title>" + b"<title" * 1000 + b"\xff</html>",
    "bytes": bytes(range(256)) * 10,
    "null": b"null",
    "a word": b"NaN",
    "a number": b"1" * 5000,
    "an empty list": b"[]",
    "a list of NaN": b"[NaN]",
    "an object of NaN": b'{"x":NaN}',
}
HEADERS = (
    "Set-Cookie: M\xfcller=\xff; Path=/",
    "Set-Cookie: =; ; ;=;expires=\xff",
    "Set-Cookie: " + ";" * 5000,
    "X-M: \xe9\xff",
    "Retry-After: \xb2",
)


def says(body: bytes, *headers: str) -> Script:
    """Return a script that responds with `body`, except to the accounts query before the order."""

    def script(request: RawRequest, peer: Peer) -> None:
        if request.target == "/v1/api/iserver/accounts" and request.method == "GET":
            peer.json(ACCOUNTS)
            return
        lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]
        peer.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    return script


async def place(client: AsyncClient) -> list[OrderReply]:
    return await client.api.orders.submit_new_orders(account_id="DU1", orders=[TICKET])


JSON = "Content-Type: application/json"


@pytest.mark.filterwarnings("ignore::bezant.DriftWarning")
@pytest.mark.parametrize("what", TOLD)
async def test_an_order_that_the_response_names(raw: RawGateway, what: str) -> None:
    raw.script(says(TOLD[what], JSON, *HEADERS))
    async with AsyncClient(raw.base_url, pacing=False) as client:
        (reply,) = await place(client)
        assert (reply.order_id, reply.status) == (987, "Submitted")
    assert sum(each.method == "POST" for each in raw.requests) == 1


@pytest.mark.parametrize("what", SILENT)
async def test_an_order_whose_response_says_nothing_about_it(raw: RawGateway, what: str) -> None:
    raw.script(says(SILENT[what], JSON))
    async with AsyncClient(raw.base_url, pacing=False, retries=3) as client:
        with pytest.raises(OutcomeUnknown) as caught:
            await place(client)
    assert caught.value.client_order_ids == ("mine-1",)
    assert not caught.value.retryable
    assert sum(each.method == "POST" for each in raw.requests) == 1


@pytest.mark.filterwarnings("ignore::bezant.DriftWarning")
@pytest.mark.parametrize(
    "header",
    [
        "Content-Type: application/json; charset=iso-8859-1",
        "Content-Type: application/json; charset=nonsense",
        "Content-Type: \xff",
        "Content-Type: text/plain",
        "Content-Type: text/html",
        "X-Nothing: 1",
    ],
)
async def test_the_content_type_of_a_response_is_not_trusted(raw: RawGateway, header: str) -> None:
    raw.script(says(TOLD["Latin-1 in an unknown field"], header))
    async with AsyncClient(raw.base_url, pacing=False) as client:
        assert (await place(client))[0].order_id == 987


async def test_a_response_that_only_claims_to_be_compressed(raw: RawGateway) -> None:
    current = [b""]
    raw.script(
        lambda request, peer: says(current[0], JSON, "Content-Encoding: gzip")(request, peer)
    )
    async with AsyncClient(raw.base_url, pacing=False, timeout=2) as client:
        for current[0] in (b"no gzip", gzip.compress(placed(b'"x":1'))[:30], b"\x1f\x8b"):
            with pytest.raises(OutcomeUnknown) as caught:
                await place(client)
            assert caught.value.client_order_ids == ("mine-1",)


class Ours(msgspec.Struct):
    order_id: int = 0
    anything: Any = None
    number: Decimal | None = None


class Failing(msgspec.Struct):
    order_id: Any = None

    def __post_init__(self) -> None:
        raise KeyError(self.order_id)


@dataclass
class Plain:
    order_id: int = 0


TYPES: list[Any] = [
    Any, None, str, bytes, dict, list, dict[str, Any], list[dict[str, Any]], list[Ours], Ours,
    list[Plain], list[Failing], list[OrderReply], int, list[Decimal],
]  # fmt: skip


async def error_of(client: AsyncClient, method: str, type_: Any) -> BezantError | None:
    path = "/iserver/account/DU1/orders"
    try:
        await client.request(method, path, json={"orders": [TICKET]}, type=type_)
    except BezantError as error:
        return error
    return None


@pytest.mark.filterwarnings("ignore::bezant.DriftWarning")
@pytest.mark.parametrize("type_", TYPES, ids=str)
async def test_raw_calls_with_types_of_the_users_own(raw: RawGateway, type_: Any) -> None:
    bodies = [*TOLD.values(), *SILENT.values()]
    current = [b""]
    raw.script(lambda request, peer: says(current[0], JSON)(request, peer))
    async with AsyncClient(raw.base_url, pacing=False, retries=0) as client:
        for current[0] in bodies:
            error = await error_of(client, "POST", type_)
            assert not isinstance(error, OutcomeUnknown) or error.client_order_ids == ("mine-1",)
            assert not isinstance(await error_of(client, "GET", type_), OutcomeUnknown)


@pytest.mark.parametrize("status", ["400 Bad Request", "500 Oops", "503 Later", "404 Not", "429 X"])
async def test_failures_with_alien_words(raw: RawGateway, status: str) -> None:
    bodies = [
        b'{"error":"M\xfcller \\ud800","x":NaN}', b'{"error":' + b"9" * 6000 + b"}",
        b'{"error":"' + b"-eyJ" * 50_000 + b'"}', b"<html>" + b"<title" * 50_000,
        b'{"error":' + b"[" * 900 + b"]" * 900 + b"}", b"\xff\xfe",
    ]  # fmt: skip
    current = [b""]
    raw.script(lambda _, peer: peer.json(current[0], status))
    async with AsyncClient(raw.base_url, pacing=False, retries=0) as client:
        for current[0] in bodies:
            with pytest.raises(BezantError) as caught:
                await client.request("POST", "/iserver/account/DU1/orders", json={"orders": []})
            json.dumps(str(caught.value)).encode("ascii")
            assert len(str(caught.value)) < 1500
            client.end_penalty()
