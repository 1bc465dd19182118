"""Tests of responses that are not JSON in the documented form."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import Any

import pytest

from bezant import DecodeError, NotAuthenticated, OutcomeUnknown, Refused, ResponseTooLarge
from bezant._core.http import files
from bezant._core.http.files import BinaryResponse
from bezant._core.http.messages import Response
from bezant._core.http.response import read
from bezant._core.operations import orders, portfolio, reports, tax_vouchers
from bezant._core.operations._base import Endpoint
from bezant.models.orders import OrderReply
from bezant.models.portfolio import SubaccountPage
from tests.core.samples import ACCOUNT, Drifts

PDF = b"%PDF-1.7 \x00\xff"


def result(endpoint: Endpoint, type_: Any, body: bytes, content_type: str = "") -> Any:
    drifts = Drifts()
    headers = {"content-type": content_type or "application/json"}
    held = read(Response(200, headers, body), endpoint.operation, type_, drifts)
    assert drifts == []
    return held


def envelope(value: bytes, **more: object) -> bytes:
    data = {"value": base64.b64encode(value).decode(), "mimeType": "application/pdf", **more}
    return json.dumps({"data": data}).encode()


def test_a_file_as_it_is() -> None:
    file = result(tax_vouchers.DOWNLOAD_VOUCHER, BinaryResponse, PDF, "application/pdf")
    assert file == BinaryResponse(content=PDF, content_type="application/pdf")
    assert repr(file) == "<BinaryResponse application/pdf, 11 bytes>"


@pytest.mark.parametrize(
    "body",
    [
        envelope(PDF),
        envelope(PDF, gzip=False),
        envelope(gzip.compress(PDF, mtime=0), gzip=True),
        envelope(gzip.compress(PDF, mtime=0)),
    ],
)
def test_a_file_in_an_envelope(body: bytes) -> None:
    file = result(reports.GET_STATEMENT, BinaryResponse, body)
    assert file == BinaryResponse(content=PDF, content_type="application/pdf")


def test_a_compressed_file_that_stays_one() -> None:
    packed = gzip.compress(PDF, mtime=0)
    assert (
        result(reports.GET_STATEMENT, BinaryResponse, envelope(packed, gzip=False)).content
        == packed
    )


def test_json_that_holds_no_file() -> None:
    file = result(reports.GET_STATEMENT, BinaryResponse, b'{"a": 1}')
    assert file == BinaryResponse(content=b'{"a": 1}', content_type="application/json")


@pytest.mark.parametrize("value", ["!", base64.b64encode(b"\x1f\x8bx").decode()])
def test_a_file_that_cannot_be_read(value: str) -> None:
    body = json.dumps({"data": {"value": value, "gzip": True}}).encode()
    with pytest.raises(DecodeError, match="cannot be unpacked"):
        result(reports.GET_STATEMENT, BinaryResponse, body)


def test_a_file_that_grows_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_LONGEST_FILE", 1000)
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    packed = packer.compress(bytes(100_000)) + packer.flush()
    with pytest.raises(ResponseTooLarge):
        result(reports.GET_STATEMENT, BinaryResponse, envelope(packed, gzip=True))


def test_a_login_page_is_no_file() -> None:
    page = b'<html><form action="/sso/Dispatcher"><input type="password"></form></html>'
    with pytest.raises(NotAuthenticated):
        result(tax_vouchers.DOWNLOAD_VOUCHER, BinaryResponse, page, "text/html")
    statement = b"<html><body>Statement</body></html>"
    file = result(reports.GET_STATEMENT, BinaryResponse, statement, "text/html")
    assert file.content == statement


def test_an_error_is_no_file() -> None:
    with pytest.raises(Refused):
        result(reports.GET_STATEMENT, BinaryResponse, b'{"error": "no statement"}')


@pytest.mark.parametrize("body", [b' {"order_id": "7"}', b'[{"order_id": 7}]'])
def test_one_object_where_a_list_is_documented(body: bytes) -> None:
    replies = result(orders.SUBMIT_NEW_ORDERS, list[OrderReply], body)
    assert replies == [OrderReply(order_id=7)]


@pytest.mark.parametrize("body", [b"[%b]", b'{"subaccounts": [%b]}'])
def test_a_list_where_an_object_is_documented(body: bytes) -> None:
    page = result(
        portfolio.GET_MANY_SUBACCOUNTS, SubaccountPage, body % json.dumps(ACCOUNT).encode()
    )
    assert [each.id for each in page.subaccounts] == ["DU1000001"]


def test_a_list_that_breaks_off() -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        result(orders.SUBMIT_NEW_ORDERS, list[OrderReply], b'{"order_id": ')
    assert isinstance(caught.value.__cause__, DecodeError)


@pytest.mark.parametrize("error", ["None", "", "n/a", None])
def test_an_error_field_without_an_error(error: object) -> None:
    body = json.dumps({"error": error, "order_id": 7}).encode()
    assert result(orders.CONFIRM_ORDER_REPLY, list[OrderReply], body)[0].order_id == 7
