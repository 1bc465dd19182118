"""Tests of responses from servers other than the gateway."""

from __future__ import annotations

from typing import Any

import pytest

from bezant import (
    BezantError,
    DecodeError,
    NotAuthenticated,
    PermissionDenied,
    UnexpectedRedirect,
    UpstreamError,
)
from bezant._core.http.error_mapping import transport_error
from bezant._core.http.messages import Response, TransportError, Trouble
from bezant._core.http.response import read

from ..samples import READ, Drifts, answer

AKAMAI = (
    b"<HTML><HEAD>\n<TITLE>Access Denied</TITLE>\n</HEAD><BODY>\n<H1>Access Denied</H1>\n"
    b"You don't have permission to access this server.<P>\nReference&#32;&#35;18&#46;abc\n"
)
PROXY_PAGE = (
    b"<!DOCTYPE html><title>Sign in - Cloudflare Access</title><form><input type=password></form>"
)
NGINX = b"<html><head><title>502 Bad Gateway</title></head><hr><center>nginx/1.25</center></html>"
ACCESS = "https://team.cloudflareaccess.com/cdn-cgi/access/login/gw.example.com?kid=abc"


def error_of(response: Response) -> BezantError:
    with pytest.raises(BezantError) as caught:
        read(response, READ, Any, Drifts())
    return caught.value


@pytest.mark.parametrize(
    ("response", "kind", "says"),
    [
        (answer(b"", 403, server="AirTunes/775.3.1"), PermissionDenied, "AirPlay"),
        (answer(AKAMAI, 403, content_type="text/html"), PermissionDenied, "IBKR's edge"),
        (answer(AKAMAI, 401, content_type="text/html"), PermissionDenied, "IBKR's edge"),
        (answer(b"", 403, server="AkamaiGHost"), PermissionDenied, "content filter"),
        (answer(NGINX, 502), UpstreamError, "in front of the gateway"),
        (answer(b"Internal Server Error", 500), UpstreamError, "ips.allow"),
        (answer(b"", 302, location=ACCESS), UnexpectedRedirect, "login proxy"),
        (
            answer(b"", 302, location="https://id.example.com/oauth2/start"),
            UnexpectedRedirect,
            "login proxy",
        ),
        (answer(PROXY_PAGE, content_type="text/html"), PermissionDenied, "login proxy"),
    ],
)
def test_servers_that_are_not_the_gateway(
    response: Response, kind: type[BezantError], says: str
) -> None:
    error = error_of(response)
    assert type(error) is kind
    assert says in str(error)


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (answer(b"", 403), PermissionDenied),
        (answer(b"", 401), NotAuthenticated),
        (answer(b"", 503, server="AkamaiGHost"), UpstreamError),
        (answer(b"", 302, location="https://api.ibkr.com/sso/Dispatcher"), NotAuthenticated),
        (answer(b"", 302, location="https://localhost:5000/login"), UnexpectedRedirect),
        (answer(b"", 302, location="https://example.com/moved"), UnexpectedRedirect),
        (answer(b"", 302, location="/oauth/x"), UnexpectedRedirect),
        (answer(b"", 302, location="https://[x/login"), UnexpectedRedirect),
        (answer(b"<html><title>News</title></html>"), DecodeError),
    ],
)
def test_the_gateway_itself(response: Response, kind: type[BezantError]) -> None:
    error = error_of(response)
    assert type(error) is kind
    assert "this is" not in str(error)
    assert "proxy" not in str(error)


def test_a_server_without_tls() -> None:
    for detail, says in (
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "use http:// in base_url"),
        ("certificate verify failed", "argument verify"),
    ):
        trouble = TransportError(Trouble.TLS, detail, sent=False)
        error = transport_error(trouble, READ, where="https://localhost:5000", timeout=5)
        assert says in str(error)
