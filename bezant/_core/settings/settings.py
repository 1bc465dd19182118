"""What a client was told, read once and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Final, Self, cast

from msgspec.structs import replace

from ..._version import __version__
from ..._wire.record import Record
from ...errors import InvalidBaseUrl, InvalidRequest
from .base_url import DEFAULT_BASE_URL, BaseUrl
from .checks import check_count, check_seconds
from .connection import PacingStore, Tls, choose_pacing, choose_proxy, choose_tls

DEFAULT_USER_AGENT: Final = f"bezant/{__version__}"
DEFAULT_TIMEOUT: Final = 30.0
DEFAULT_CONNECT_TIMEOUT: Final = 5.0
# The real gateway serves five requests at a time and its own keepalive is one of them.
DEFAULT_CONNECTIONS: Final = 4
DEFAULT_RESPONSE_LIMIT: Final = 32 * 1024 * 1024
DEFAULT_MAX_WAIT: Final = 30.0
DEFAULT_RETRIES: Final = 2
# Items of a bulk map: enough for some to be waiting whenever the limits let one go.
DEFAULT_CONCURRENCY: Final = 8


class Settings(Record, frozen=True):
    """Everything a client was told.

    Attributes:
        base_url: where the gateway is.
        tls: how its certificate is checked.
        timeout: seconds for a whole call, from the first byte sent to the last received.
        connect_timeout: seconds to connect, TLS handshake included.
        user_agent: the User-Agent header.
        max_connections: connections at a time.
        max_response_bytes: the longest answer that is read.
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
    max_response_bytes: int = DEFAULT_RESPONSE_LIMIT
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
        for name, least in (("max_connections", 1), ("max_response_bytes", 1), ("retries", 0)):
            check_count(name, getattr(self, name), least)

    def with_changes(self, changes: Mapping[str, object]) -> Self:
        """Return a copy with some per-call settings changed (None keeps a setting)."""
        given = {name: value for name, value in changes.items() if value is not None}
        return replace(self, **given)  # checked in __post_init__


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
    max_response_bytes: int,
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
        max_response_bytes=max_response_bytes,
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
