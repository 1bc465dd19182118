"""Table of other servers that may respond instead of the gateway: how to recognize each of them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from ..._wire.record import Record
from .messages import Response

# Only this many bytes at the start of a page are searched.
_HEAD: Final = 20_000


class Responder(Record, frozen=True):
    """One kind of server that may respond instead of the gateway, such as a proxy.

    Attributes:
        says: text for error messages: which server has responded, and what the user should do.
        server: pattern to search in the header ``Server``; empty if any value matches.
        body: pattern to search in the body; empty if any body matches.
        statuses: the HTTP statuses that match; empty if all match.
    """

    says: str
    server: str = ""
    body: str = ""
    statuses: tuple[int, ...] = ()


_FILTERED: Final = (
    "this is IBKR's edge, not the gateway: it refuses many data-centre addresses, and bodies that "
    "its content filter takes for an attack, such as a text with '>='; use another network, or "
    "change the text"
)
TABLE: Final[tuple[Responder, ...]] = (
    Responder(
        "this is AirPlay of macOS, not the gateway: switch the AirPlay Receiver off in the system "
        "settings, or run the gateway on another port",
        server=r"^AirTunes",
    ),
    Responder(_FILTERED, server=r"^AkamaiGHost", statuses=(400, 401, 403)),
    Responder(
        _FILTERED,
        body=r"access denied.{0,2000}reference(\s|&#32;|&nbsp;)*(#|&#35;)",
        statuses=(400, 401, 403),
    ),
    Responder(
        "this is a web server in front of the gateway, which cannot reach it: start the gateway, "
        "or correct that server's settings",
        body=r"<(title|h1)>\s*50[234] .{0,100}(bad gateway|unavailable|time-?out)",
        statuses=(502, 503, 504),
    ),
    Responder(
        "this is the gateway's own error for every request: look into its log; an entry such as "
        "'*' of ips.allow in its conf.yaml is a usual cause, because entries are regular "
        "expressions",
        body=r"^internal server error$",
        statuses=(500,),
    ),
)
# Matches texts on the login pages of proxies, which the gateway's own login page does not have.
_PROXY: Final = (
    r"cloudflare access|cloudflareaccess\.com|/cdn-cgi/access/|authelia|authentik|keycloak|"
    r"oauth2[-_ ]?proxy|pomerium|\bokta\b|auth0\.com|login\.microsoftonline|accounts\.google\.com"
)
_IBKR: Final = r"(^|\.)(ibkr|interactivebrokers)\.[a-z.]+$"
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
PROXY_ADVICE: Final = (
    "a login proxy is in front of the gateway; pass its credentials as Client(headers=...) or "
    "Client(auth=...)"
)
# Matches OpenSSL's error texts for a server that does not speak TLS.
_NO_TLS: Final = r"wrong.version.number|record layer failure|unknown protocol|http request"


def responder_of(response: Response) -> str:
    """Return a text about the other server that sent an error; empty if the gateway sent it."""
    head = response.body[:_HEAD].decode("latin-1").strip()
    for row in TABLE:
        if row.statuses and response.status not in row.statuses:
            continue
        if row.server and not re.search(
            row.server, response.headers.get("server", ""), re.IGNORECASE
        ):
            continue
        if row.body and not re.search(row.body, head, re.IGNORECASE | re.DOTALL):
            continue
        return row.says
    return ""


def proxy_of_page(response: Response) -> bool:
    """Return whether a page is the login page of a proxy in front of the gateway."""
    head = response.body[:_HEAD].decode("latin-1")
    return re.search(_PROXY, head, re.IGNORECASE) is not None


def proxy_of_location(location: str) -> str:
    """Return the host of a redirect if it looks like the login page of a proxy; else ""."""
    try:
        host = urlsplit(location).hostname or ""
    except ValueError:
        return ""
    if host in _LOOPBACK or re.search(_IBKR, host):
        return ""
    return (
        host
        if re.search(_PROXY + r"|login|log-in|sign-?in|oauth|/auth", location, re.IGNORECASE)
        else ""
    )


def tls_advice(detail: str) -> str:
    """Return what the user should do about a failed TLS handshake, given OpenSSL's error text."""
    if re.search(_NO_TLS, detail, re.IGNORECASE):
        return (
            "the server does not speak TLS; use http:// in base_url, or listenSsl: true in the "
            "gateway's conf.yaml"
        )
    return "check the client's argument verify"
