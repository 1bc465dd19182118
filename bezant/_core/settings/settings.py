"""Validated settings of a client, from its arguments and the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, Self, cast

from msgspec.structs import replace

from ..._version import __version__
from ..._wire.record import Record
from ..._wire.redaction import shown
from ...errors import InvalidBaseUrl, InvalidRequest
from .base_url import DEFAULT_BASE_URL, BaseUrl
from .checks import check_count, check_seconds
from .connection import Credentials, PacingStore, Tls, choose_pacing, choose_proxy, choose_tls

DEFAULT_USER_AGENT: Final = f"bezant/{__version__}"
DEFAULT_RETRIES: Final = 2
# Number of items that ``client.map`` works on at a time. It is larger than the number of calls in
# flight, so that an item is always ready when a rate limit lets the next call pass.
DEFAULT_CONCURRENCY: Final = 8


class Settings(Record, frozen=True):
    """Settings of a client with their default values.

    The signatures of the client classes repeat the names, types and defaults, so that editors show
    them. A test checks that they agree.

    Attributes:
        base_url: URL of the gateway's API.
        tls: verification of the gateway's certificate.
        timeout: longest time, in seconds, from a request's first byte sent to its response's last
            byte received.
        connect_timeout: longest time, in seconds, for connecting, including the TLS handshake.
        user_agent: the User-Agent header.
        max_connections: maximum number of connections to the gateway.
        max_response_bytes: maximum length of a response's body, in bytes.
        proxy: URL of a proxy; None for a direct connection.
        strict: whether an error is raised if a response field has another type than declared; if
            False, the field is reported as `Drift` and no error is raised.
        pacing: whether calls wait so that they stay within IBKR's rate limits.
        pacing_store: store for rate limits shared with other processes; None if not shared.
        max_wait: longest time, in seconds, that a call waits because of the rate limits; a call
            that would have to wait longer raises an error.
        retries: how many times an idempotent call is retried after a transient failure.
        cache: path of the file in which contracts are kept; None for memory only.
        max_market_data_lines: number of contracts for which IBKR sends market data at a time.
        credentials: headers for a proxy in front of the gateway; None for none.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"proxy"})

    base_url: BaseUrl
    tls: Tls
    timeout: float = 30.0
    connect_timeout: float = 5.0
    user_agent: str = DEFAULT_USER_AGENT
    # The gateway serves five requests at a time, and one of them may be its own keepalive.
    max_connections: int = 4
    max_response_bytes: int = 32 * 1024 * 1024
    proxy: str | None = None
    strict: bool = False
    pacing: bool = True
    pacing_store: PacingStore | None = None
    max_wait: float = 30.0
    retries: int = DEFAULT_RETRIES
    cache: str | None = None
    max_market_data_lines: int = 100
    credentials: Credentials | None = None

    def __post_init__(self) -> None:
        check_seconds("timeout", self.timeout)
        check_seconds("connect_timeout", self.connect_timeout)
        check_seconds("max_wait", self.max_wait)
        agent = cast("object", self.user_agent)
        text = agent if isinstance(agent, str) else ""
        if not text or text[0] == " " or not (text.isascii() and text.isprintable()):
            # IBKR's servers respond to an empty User-Agent with status 403.
            raise InvalidRequest(
                "user_agent must be text of printable ASCII characters that does not begin with a "
                f"blank, not {shown(agent)}"
            )
        counts = ("max_connections", 1), ("max_response_bytes", 1), ("max_market_data_lines", 1)
        for name, least in (*counts, ("retries", 0)):
            check_count(name, getattr(self, name), least)

    def with_changes(self, changes: Mapping[str, object]) -> Self:
        """Return a copy with some settings changed; a value of None leaves its setting as it is."""
        given = {name: value for name, value in _settings_in(changes) if value is not None}
        return replace(self, **given)  # __post_init__ validates the changes


def _settings_in(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, arguments[name]) for name in Settings.__struct_fields__ if name in arguments)


def resolve(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Return the settings from a client's arguments and the environment variables.

    Arguments have precedence over variables ``BEZANT_*``, and these over variables ``IBKR_*``.

    Args:
        arguments: arguments of a client by name. Arguments that are not settings are ignored.
        environ: the environment variables.
    """
    base_url = arguments.get("base_url")
    where = _url_of(environ) if base_url is None else BaseUrl.parse(base_url)
    pacing, store = choose_pacing(arguments.get("pacing"), where, environ)
    retries = arguments.get("retries")
    settings = dict(_settings_in(arguments))
    settings.update(
        base_url=where,
        tls=choose_tls(where, arguments["verify"]),
        proxy=choose_proxy(where, arguments["proxy"], environ),
        pacing=pacing,
        pacing_store=store,
        retries=_retries_of(environ) if retries is None else retries,
        cache=_cache_of(arguments.get("cache"), environ),
        credentials=_credentials(where, arguments.get("headers"), arguments.get("auth")),
    )
    return Settings(**settings)


def _cache_of(given: object, environ: Mapping[str, str]) -> str | None:
    if given is None:
        return environ.get("BEZANT_CACHE", "").strip() or None
    try:
        path: object = os.fspath(cast("str | os.PathLike[str]", given))
    except TypeError:
        path = None
    if not isinstance(path, str) or "\0" in path:
        raise InvalidRequest(
            f"cache must be the path of a file, or '' for memory only, not {shown(given)}"
        )
    return path or None


def _credentials(base_url: BaseUrl, headers: object, auth: object) -> Credentials | None:
    if headers is None and auth is None:
        return None
    from .credentials import choose_credentials  # imported here: rarely needed

    return choose_credentials(base_url, headers, auth)


def _url_of(environ: Mapping[str, str]) -> BaseUrl:
    for name in ("BEZANT_GATEWAY_URL", "IBKR_GATEWAY_URL"):
        # A variable whose value was read from a file may end with a line break.
        if text := environ.get(name, "").strip():
            try:
                return BaseUrl.parse(text)
            except InvalidBaseUrl as error:
                raise InvalidBaseUrl(f"the environment variable {name}: {error}") from None
    return BaseUrl.parse(DEFAULT_BASE_URL)


def _retries_of(environ: Mapping[str, str]) -> int:
    name = "BEZANT_RETRIES"
    text = environ.get(name, "").strip()
    if not text:
        return DEFAULT_RETRIES
    if not re.fullmatch(r"[0-9]{1,3}", text):
        raise InvalidRequest(
            f"the environment variable {name} must be a whole number from 0 to 999, not "
            f"{text[:20]!r}"
        )
    return int(text)
