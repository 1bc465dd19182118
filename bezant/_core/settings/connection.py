"""TLS, the proxy and the store of shared pacing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import ClassVar, Literal, cast
from urllib.parse import urlsplit

from ..._wire.record import Record
from ...errors import InvalidRequest
from .base_url import BaseUrl

TlsMode = Literal["none", "insecure", "verify", "ca", "context"]


class Tls(Record, frozen=True):
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


class PacingStore(Record, frozen=True):
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
