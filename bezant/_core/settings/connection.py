"""Connection settings: TLS, proxy, headers, and the store for shared rate limits."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal, cast
from urllib.parse import urlsplit

from ..._wire.record import Record
from ..._wire.redaction import Secret, shown
from ...errors import InvalidRequest
from .base_url import BaseUrl

SecretHeader = tuple[str, Secret]
TlsMode = Literal["none", "insecure", "verify", "ca", "context"]


class Tls(Record, frozen=True):
    """Rule for the verification of the gateway's certificate, for both HTTP and the WebSocket.

    Attributes:
        mode: ``none``: the connection does not use TLS. ``insecure``: any certificate is accepted.
            ``verify``: the certificate is verified. ``ca``: it is verified against a file of CA
            certificates. ``context``: the user's own ``ssl.SSLContext`` decides.
        ca_file: path of the file of CA certificates, for mode ``ca``.
        context: the user's ``ssl.SSLContext``, for mode ``context``.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"context"})

    mode: TlsMode
    ca_file: str = ""
    context: object = None


def choose_tls(base_url: BaseUrl, verify: object) -> Tls:
    """Return how to verify the gateway's certificate, given the argument ``verify``.

    ``"auto"`` accepts any certificate from a loopback host, because the gateway ships with a
    certificate that is self-signed and expired. For all other hosts, ``"auto"`` verifies the
    certificate.

    Raises:
        InvalidRequest: ``verify`` has no allowed value.
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
    raise InvalidRequest(
        'verify must be "auto", True, False, the path of a file of CA certificates or an '
        f"ssl.SSLContext, not {shown(verify)}"
    )


def choose_proxy(base_url: BaseUrl, proxy: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy for HTTP and the WebSocket; None for a direct connection.

    A connection to a loopback host never uses a proxy, because a proxy on another machine cannot
    reach the gateway on this machine.

    Raises:
        InvalidRequest: ``proxy`` is not the URL of an HTTP proxy.
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
            return _checked_proxy(lower[name], f"the environment variable {name.upper()}")
    return None


def _checked_proxy(proxy: object, name: str) -> str:
    # The error does not show the URL, because it may contain a password.
    try:
        parts = urlsplit(proxy) if isinstance(proxy, str) and proxy.isprintable() else None
        fine = parts and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not isinstance(proxy, str) or not fine:
        raise InvalidRequest(
            f"{name} must be the URL of an HTTP proxy, such as http://HOST:PORT; pass proxy='' for "
            "a direct connection"
        )
    return proxy


class Credentials(Record, frozen=True):
    """Headers for a proxy in front of the gateway. All of them count as secrets.

    Attributes:
        headers: headers that are added to every request.
        source: the user's function that is called before each request and returns further headers
            for it; None if there is no function.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"headers", "source"})

    headers: tuple[SecretHeader, ...]
    source: Callable[[], object] | None = None


class PacingStore(Record, frozen=True):
    """Store in which several processes share the rate limits of one gateway.

    Attributes:
        kind: ``file`` or ``redis``.
        where: path of the file, or URL of the Redis server.
        name: name under which the store keeps the gateway's limits.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"where"})  # `where` may contain a password

    kind: Literal["file", "redis"]
    where: str
    name: str


def choose_pacing(
    pacing: object, base_url: BaseUrl, environ: Mapping[str, str]
) -> tuple[bool, PacingStore | None]:
    """Return whether calls are paced, and the store for limits shared with other processes.

    The store is None if the limits are not shared.

    Raises:
        InvalidRequest: ``pacing`` has no allowed value.
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
        "pacing must be True, False, 'file:PATH' or 'redis://HOST:PORT/NUMBER', optionally "
        "followed by #NAME to name the gateway; the environment variable BEZANT_PACING must be on, "
        "off or such a text"
    )


def _is_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.netloc or parts.path) and parts.port != 0 and "://" in url
    except ValueError:
        return False
