"""What a client was told, read once and checked."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from typing import ClassVar, Final, Literal, Self, cast
from urllib.parse import quote, urlsplit

from msgspec.structs import replace

from .._version import __version__
from .._wire.record import Value
from .._wire.redaction import shown
from ..errors import InvalidBaseUrl, InvalidRequest

DEFAULT_BASE_URL: Final = "https://localhost:5000/v1/api"
DEFAULT_USER_AGENT: Final = f"bezant/{__version__}"
DEFAULT_TIMEOUT: Final = 30.0
DEFAULT_CONNECT_TIMEOUT: Final = 5.0
# The real gateway serves five requests at a time and its own keepalive is one of them.
DEFAULT_CONNECTIONS: Final = 4
DEFAULT_ANSWER_LIMIT: Final = 32 * 1024 * 1024
DEFAULT_MAX_WAIT: Final = 30.0
DEFAULT_RETRIES: Final = 2
# Sockets count milliseconds in 32 bits: beyond 24 days a wait fails with an OverflowError.
MAX_SECONDS: Final = 2_000_000
# Items of a bulk map: enough for some to be waiting whenever the limits let one go.
DEFAULT_CONCURRENCY: Final = 8

TlsMode = Literal["none", "insecure", "verify", "ca", "context"]


class BaseUrl(Value, frozen=True):
    """Where the gateway is.

    Attributes:
        scheme: ``http`` or ``https``.
        host: name or address, without brackets.
        port: TCP port.
        path: the API's path without a trailing slash, such as ``/v1/api``.
    """

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a base URL; without a path it is given ``/v1/api``.

        Raises:
            InvalidBaseUrl: it cannot be one.
        """
        # All up to the last @ may be a password, slashes too where it was not encoded.
        if not isinstance(text, str):
            raise InvalidBaseUrl(f"a base URL is text, not {type(text).__name__}")
        url = re.sub(r"^([A-Za-z]+://)?.*@", r"\1***@", text, flags=re.DOTALL)[:200]
        if not text.strip() or not text.isprintable() or " " in text:
            raise InvalidBaseUrl(f"{url!r} is not a URL; try {DEFAULT_BASE_URL!r}")
        try:
            parts = urlsplit(text)
            host = parts.hostname or ""
            port = parts.port
        except ValueError as error:
            why = "" if "@" in text else f": {error}"
            raise InvalidBaseUrl(f"{url!r} does not parse{why}") from None
        if parts.scheme not in ("http", "https"):
            raise InvalidBaseUrl(
                f"{url!r} must begin with https:// (or http://); try {DEFAULT_BASE_URL!r}"
            )
        if "@" in parts.netloc:
            raise InvalidBaseUrl(f"{url!r} must not hold a user name or password")
        if parts.query or parts.fragment or "?" in text or "#" in text:
            raise InvalidBaseUrl(f"{url!r} must not have a query or a fragment")
        if not host or port == 0 or ("[" in parts.netloc and ":" not in host):
            raise InvalidBaseUrl(f"{url!r} has no host or no usable port")
        if not _is_host(host):
            try:
                host = host.encode("idna").decode("ascii")
            except UnicodeError:
                host = ""
            if not _is_host(host):
                raise InvalidBaseUrl(f"{url!r} has a host that cannot exist")
        path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~-._")
        if any(segment in (".", "..") for segment in path.split("/")) or "//" in path:
            raise InvalidBaseUrl(f"{url!r} has a path with empty or dot segments")
        port = port or (443 if parts.scheme == "https" else 80)
        return cls(parts.scheme, host, port, path or "/v1/api")

    @property
    def authority(self) -> str:
        """Host and port, as they stand in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"

    @property
    def root(self) -> str:
        """The gateway's root: scheme, host and port."""
        return f"{self.scheme}://{self.authority}"

    @property
    def gateway_key(self) -> str:
        """The name under which the gateway's rate limits and penalty are kept.

        All spellings of one host share it, and so do all spellings of this machine.
        """
        return gateway_key(self.host, self.port)

    @property
    def ws_url(self) -> str:
        """Where the WebSocket is."""
        return f"{'wss' if self.scheme == 'https' else 'ws'}://{self.authority}{self.path}/ws"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine by its name or address."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        address = _address(self.host)
        return address is not None and address.is_loopback

    def __str__(self) -> str:
        return self.root + self.path


# Names that systems give the loopback addresses in their tables of hosts.
_LOOPBACK_NAMES: Final = frozenset(
    {
        *("localhost", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback"),
        *("localhost.localdomain", "localhost4.localdomain4", "localhost6.localdomain6"),
    }
)


def gateway_key(host: str, port: int) -> str:
    """Return the name under which a gateway's rate limits and penalty are kept.

    IBKR counts requests per session and punishes the IP address, whatever scheme or spelling of
    the host was used. All loopback addresses and names are therefore one host.

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
    # Connecting to the unspecified address reaches this machine.
    elif address.is_loopback or address.is_unspecified:
        name = "localhost"
    else:
        name = f"[{address}]" if address.version == 6 else str(address)
    return f"{name}:{port}"


def _short_address(host: str) -> ipaddress.IPv4Address | None:
    """Read an IPv4 address as the C library does: up to four numbers, the last one fills the rest.

    Each number may be hexadecimal or octal: 127.1, 0x7f.0.0.1 and 2130706433 are one address.
    """
    parts = host.split(".")
    if len(parts) > 4 or not all(
        re.fullmatch(r"0x[0-9a-f]{0,8}|[0-9]{1,16}", one) for one in parts
    ):
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
    return len(host) <= 253 and bool(
        re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_-]+)*\.?", host)
    )


class Tls(Value, frozen=True):
    """How the peer's certificate is checked; the same for REST and for the WebSocket.

    Attributes:
        mode: no TLS, unchecked, checked, checked against a CA file, or a context of the user's.
        ca_file: the file for mode ``ca``.
        context: the user's ``ssl.SSLContext`` for mode ``context``.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"context"})

    mode: TlsMode
    ca_file: str = ""
    context: object = None


def choose_tls(base_url: BaseUrl, verify: object) -> Tls:
    """Decide how certificates are checked.

    ``"auto"`` accepts any certificate from a loopback host, because the gateway ships with one
    that is self-signed and expired, and checks everywhere else.

    Raises:
        InvalidRequest: ``verify`` is nothing that is understood.
    """
    if base_url.scheme == "http":
        return Tls("none")
    if verify == "auto":
        return Tls("insecure" if base_url.is_loopback else "verify")
    if verify is True:
        return Tls("verify")
    if verify is False:
        return Tls("insecure")
    if isinstance(verify, str | os.PathLike):
        return Tls("ca", ca_file=os.fspath(cast("str | os.PathLike[str]", verify)))
    if hasattr(verify, "wrap_socket"):
        return Tls("context", context=verify)
    raise InvalidRequest('verify must be "auto", True, False, a path or an ssl.SSLContext')


def choose_proxy(base_url: BaseUrl, proxy: str | None, environ: Mapping[str, str]) -> str | None:
    """Decide which proxy is used, once for REST and for the WebSocket.

    Never one for a loopback host: a proxy elsewhere cannot reach the gateway on this machine.

    Raises:
        InvalidRequest: it is no URL of an HTTP proxy.
    """
    if base_url.is_loopback:
        return None
    if proxy is not None:
        return _checked_proxy(proxy, "proxy") if proxy != "" else None
    lower = {key.lower(): value for key, value in environ.items() if value}
    for skipped in lower.get("no_proxy", "").split(","):
        suffix = skipped.strip().lstrip("*").lstrip(".").lower()
        if skipped.strip() == "*" or (
            suffix and (base_url.host == suffix or base_url.host.endswith("." + suffix))
        ):
            return None
    for name in (f"{base_url.scheme}_proxy", "all_proxy"):
        if name in lower:
            return _checked_proxy(lower[name], f"{name.upper()} in the environment")
    return None


def _checked_proxy(proxy: object, name: str) -> str:
    # What is wrong is not shown: it may hold a password.
    try:
        parts = urlsplit(proxy) if isinstance(proxy, str) and proxy.isprintable() else None
        fine = parts and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not isinstance(proxy, str) or not fine:
        raise InvalidRequest(
            f"{name} must be the URL of an HTTP proxy, such as http://HOST:PORT; proxy='' uses none"
        )
    return proxy


class PacingStore(Value, frozen=True):
    """Where several processes share how often they ask one gateway.

    Attributes:
        kind: ``file`` or ``redis``.
        where: the file's path or the server's URL.
        name: which gateway it is, among those that are kept there.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"where"})  # it may hold a password

    kind: Literal["file", "redis"]
    where: str
    name: str


def choose_pacing(
    pacing: object, base_url: BaseUrl, environ: Mapping[str, str]
) -> tuple[bool, PacingStore | None]:
    """Decide whether calls are held back, and where that is shared with other processes.

    Raises:
        InvalidRequest: it is nothing that is understood.
    """
    if pacing is None:
        pacing = environ.get("BEZANT_PACING", "").strip()
        if str(pacing).lower() in ("", "on", "1", "true", "yes"):
            return True, None
        if str(pacing).lower() in ("off", "0", "false", "no"):
            return False, None
    if isinstance(pacing, bool):
        return pacing, None
    if isinstance(pacing, str):
        rest, _, name = pacing.partition("#")
        name = name or base_url.gateway_key
        kind, _, where = rest.partition(":")
        if kind == "file" and where.removeprefix("//"):
            return True, PacingStore("file", where.removeprefix("//"), name)
        if kind in ("redis", "rediss", "unix") and _is_server(rest):
            return True, PacingStore("redis", rest, name)
    raise InvalidRequest(
        "pacing must be True, False, file:PATH or redis://HOST:PORT/NUMBER, with #NAME behind it "
        "where several gateways are told apart; BEZANT_PACING in the environment the same, or on "
        "or off"
    )


def _is_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.netloc or parts.path) and parts.port != 0 and "://" in url
    except ValueError:
        return False


class Settings(Value, frozen=True):
    """Everything a client was told.

    Attributes:
        base_url: where the gateway is.
        tls: how its certificate is checked.
        timeout: seconds for a whole call, from the first byte sent to the last received.
        connect_timeout: seconds to connect, TLS handshake included.
        user_agent: the User-Agent header.
        max_connections: connections at a time.
        max_answer_bytes: the longest answer that is read.
        proxy: URL of a proxy, or None.
        strict: raise on drift instead of reporting it.
        pacing: whether calls are held back to IBKR's limits.
        pacing_store: where that is shared with other processes; None where it is not.
        max_wait: seconds for which a call may be held back.
        retries: how often a call without an effect is made again.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"proxy"})

    base_url: BaseUrl
    tls: Tls
    timeout: float = DEFAULT_TIMEOUT
    connect_timeout: float = DEFAULT_CONNECT_TIMEOUT
    user_agent: str = DEFAULT_USER_AGENT
    max_connections: int = DEFAULT_CONNECTIONS
    max_answer_bytes: int = DEFAULT_ANSWER_LIMIT
    proxy: str | None = None
    strict: bool = False
    pacing: bool = True
    pacing_store: PacingStore | None = None
    max_wait: float = DEFAULT_MAX_WAIT
    retries: int = DEFAULT_RETRIES

    def __post_init__(self) -> None:
        check_seconds("timeout", self.timeout)
        check_seconds("connect_timeout", self.connect_timeout)
        check_seconds("max_wait", self.max_wait)
        agent = cast("object", self.user_agent)
        if not isinstance(agent, str) or not re.fullmatch(r"[\x21-\x7e][\x20-\x7e]*", agent):
            # An empty one earns 403 at IBKR's edge.
            raise InvalidRequest("user_agent must be printable ASCII and not empty")
        for name, least in (("max_connections", 1), ("max_answer_bytes", 1), ("retries", 0)):
            check_count(name, getattr(self, name), least)

    def with_changes(self, changes: Mapping[str, object]) -> Self:
        """Return a copy with some per-call settings changed (None keeps a setting)."""
        given = {name: value for name, value in changes.items() if value is not None}
        return replace(self, **given)  # checked in __post_init__


def check_count(name: str, value: object, least: int) -> None:
    """Refuse what is not a whole number of at least so many.

    Raises:
        InvalidRequest: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidRequest(
            f"{name} must be a whole number of at least {least}, not {shown(value)}"
        )


def check_callable(name: str, value: object) -> None:
    """Refuse what cannot be called, before the moment when it would have to be; None is none.

    Raises:
        InvalidRequest: it cannot.
    """
    if value is not None and not callable(value):
        raise InvalidRequest(f"{name} must be a function, not {shown(value)}")


def check_seconds(name: str, value: float) -> None:
    """Refuse what is not a number of seconds above 0, or longer than can be waited for.

    Raises:
        InvalidRequest: it is not.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 < value <= MAX_SECONDS
    ):
        raise InvalidRequest(
            f"{name} must be a positive number of seconds up to {MAX_SECONDS:,}, not {shown(value)}"
        )


def resolve(
    base_url: str | None,
    environ: Mapping[str, str],
    *,
    verify: object,
    proxy: str | None,
    timeout: float,
    connect_timeout: float,
    user_agent: str,
    max_connections: int,
    max_answer_bytes: int,
    strict: bool,
    pacing: bool | str | None = None,
    max_wait: float = DEFAULT_MAX_WAIT,
    retries: int | None = None,
) -> Settings:
    """Combine arguments and environment: arguments first, then ``BEZANT_*``, then ``IBKR_*``."""
    where = _url_of(environ) if base_url is None else BaseUrl.parse(base_url)
    held, store = choose_pacing(pacing, where, environ)
    return Settings(
        base_url=where,
        tls=choose_tls(where, verify),
        timeout=timeout,
        connect_timeout=connect_timeout,
        user_agent=user_agent,
        max_connections=max_connections,
        max_answer_bytes=max_answer_bytes,
        proxy=choose_proxy(where, proxy, environ),
        strict=strict,
        pacing=held,
        pacing_store=store,
        max_wait=max_wait,
        retries=_count("BEZANT_RETRIES", environ) if retries is None else retries,
    )


def _url_of(environ: Mapping[str, str]) -> BaseUrl:
    for name in ("BEZANT_GATEWAY_URL", "IBKR_GATEWAY_URL"):
        # Files that such variables are read from end with a line break.
        if text := environ.get(name, "").strip():
            try:
                return BaseUrl.parse(text)
            except InvalidBaseUrl as error:
                raise InvalidBaseUrl(f"{name} in the environment: {error}") from None
    return BaseUrl.parse(DEFAULT_BASE_URL)


def _count(name: str, environ: Mapping[str, str]) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return DEFAULT_RETRIES
    if not re.fullmatch(r"[0-9]{1,3}", text):
        raise InvalidRequest(f"the environment variable {name} must be a count, not {text[:20]!r}")
    return int(text)
