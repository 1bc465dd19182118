"""Parses the gateway's base URL, and derives the key under which its rate limits are stored."""

from __future__ import annotations

import ipaddress
import re
import string
from typing import Final, Self
from urllib.parse import quote, urlsplit

from ..._wire.record import Record
from ...errors import InvalidBaseUrl

DEFAULT_BASE_URL: Final = "https://localhost:5000/v1/api"


class BaseUrl(Record, frozen=True):
    """URL of the gateway's API, parsed and validated.

    Attributes:
        scheme: ``http`` or ``https``.
        host: name or address, without brackets.
        port: TCP port.
        path: path of the API, without a slash at the end, such as ``/v1/api``.
    """

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a base URL; a URL without a path gets the path ``/v1/api``.

        Raises:
            InvalidBaseUrl: the text cannot be the base URL of a gateway.
        """
        if not isinstance(text, str):
            raise InvalidBaseUrl(
                f"base_url must be text such as {DEFAULT_BASE_URL!r}, not {type(text).__name__}"
            )
        # The error must not show a password. Everything up to the last @ is hidden, because a
        # password may contain unencoded slashes.
        hidden = re.sub(r"(?s)^([A-Za-z]+://)?.*@", r"\1***@", text) if "@" in text else text
        url = hidden[:200]
        if not text.strip() or not text.isprintable() or " " in text:
            raise InvalidBaseUrl(f"{url!r} is not a URL; try {DEFAULT_BASE_URL!r}")
        try:
            parts = urlsplit(text)
            host = parts.hostname or ""
            port = parts.port
        except ValueError as error:
            why = "" if "@" in text else f": {error}"
            raise InvalidBaseUrl(f"{url!r} is not a URL{why}; try {DEFAULT_BASE_URL!r}") from None
        if parts.scheme not in ("http", "https"):
            raise InvalidBaseUrl(
                f"{url!r} must begin with https:// (or http://); try {DEFAULT_BASE_URL!r}"
            )
        if "@" in parts.netloc:
            raise InvalidBaseUrl(
                f"{url!r} contains a user name or password; remove it, the login is in the browser"
            )
        if parts.query or parts.fragment or "?" in text or "#" in text:
            raise InvalidBaseUrl(f"{url!r} has a query or a fragment; remove it")
        if not host or port == 0 or ("[" in parts.netloc and ":" not in host):
            raise InvalidBaseUrl(
                f"{url!r} has no host or an invalid port; try {DEFAULT_BASE_URL!r}"
            )
        if not _is_host(host):
            try:
                host = host.encode("idna").decode("ascii")
            except UnicodeError:
                host = ""
            if not _is_host(host):
                raise InvalidBaseUrl(f"the host name in {url!r} is invalid; check its spelling")
        path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~-._")
        if any(segment in (".", "..") for segment in path.split("/")) or "//" in path:
            raise InvalidBaseUrl(
                f"the path in {url!r} has empty or dot segments ('//', '.', '..'); remove them"
            )
        port = port or (443 if parts.scheme == "https" else 80)
        return cls(parts.scheme, host, port, path or "/v1/api")

    @property
    def authority(self) -> str:
        """Host and port in the form of a URL; the scheme's default port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"

    @property
    def root(self) -> str:
        """URL of the gateway without a path: scheme, host and port."""
        return f"{self.scheme}://{self.authority}"

    @property
    def gateway_key(self) -> str:
        """Key under which the gateway's rate limits and IBKR's penalty are stored.

        All spellings of a host have the same key, and so have all loopback names and addresses.
        """
        return gateway_key(self.host, self.port)

    @property
    def ws_url(self) -> str:
        """URL of the gateway's WebSocket."""
        return f"{'wss' if self.scheme == 'https' else 'ws'}://{self.authority}{self.path}/ws"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is a loopback name or address."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        address = _address(self.host)
        return address is not None and address.is_loopback

    @property
    def is_gateway(self) -> bool:
        """Whether the host runs a gateway; False for IBKR's own host, which OAuth clients use."""
        host = self.host.lower().removesuffix(".")
        return host != "ibkr.com" and not host.endswith(".ibkr.com")

    def __str__(self) -> str:
        return self.root + self.path


_DECIMAL: Final = frozenset(string.digits)
_HEXADECIMAL: Final = frozenset("0123456789abcdef")
_IN_NAMES: Final = frozenset(f"{string.ascii_letters}{string.digits}_-")
# Names that operating systems give to the loopback addresses in their hosts files.
_LOOPBACK_NAMES: Final = frozenset(
    {
        *("localhost", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback"),
        *("localhost.localdomain", "localhost4.localdomain4", "localhost6.localdomain6"),
    }
)


def gateway_key(host: str, port: int) -> str:
    """Return the key under which a gateway's rate limits and IBKR's penalty are stored.

    IBKR counts the requests of a session and blocks an IP address, no matter which scheme or
    spelling of the host was used. Different spellings of a host therefore have the same key, and so
    have all loopback addresses and names.

    Args:
        host: name or address, without brackets.
        port: TCP port.
    """
    name = host.lower().removesuffix(".")
    address = _address(name) or _short_address(name)
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address is None:
        if name in _LOOPBACK_NAMES or name.endswith(".localhost"):
            name = "localhost"
    # A connection to the unspecified address (0.0.0.0 or ::) reaches this machine, too.
    elif address.is_loopback or address.is_unspecified:
        name = "localhost"
    else:
        name = f"[{address}]" if address.version == 6 else str(address)
    return f"{name}:{port}"


def _short_address(host: str) -> ipaddress.IPv4Address | None:
    """Parse an IPv4 address as the C library does, which accepts fewer than four numbers.

    The last number fills the remaining bytes, and each number may be hexadecimal or octal: 127.1,
    0x7f.0.0.1 and 2130706433 are the same address.
    """
    parts = host.split(".")
    if len(parts) > 4 or not all(map(_is_number, parts)):
        return None
    try:
        numbers = [_number(one) for one in parts]
    except ValueError:
        return None
    *front, last = numbers
    if any(one > 255 for one in front) or last >= 256 ** (4 - len(front)):
        return None
    for place, one in enumerate(front):
        last += one << (24 - 8 * place)
    return ipaddress.IPv4Address(last)


def _is_number(text: str) -> bool:
    if text.startswith("0x"):
        return len(text) <= 10 and _HEXADECIMAL.issuperset(text[2:])
    return 0 < len(text) <= 16 and _DECIMAL.issuperset(text)


def _number(text: str) -> int:
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    return int(text, 8 if text.startswith("0") else 10)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_host(host: str) -> bool:
    if ":" in host:
        return _address(host) is not None
    first, *others = host.removesuffix(".").split(".")
    return (
        len(host) <= 253
        and not (first.startswith("-") or first.endswith("-"))
        and all(label and _IN_NAMES.issuperset(label) for label in (first, *others))
    )
