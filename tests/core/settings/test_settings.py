"""Tests of base URLs, certificates, proxies and the other settings."""

from __future__ import annotations

import ipaddress
import math
import ssl
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bezant import InvalidBaseUrl, InvalidRequest
from bezant._core.settings.base_url import DEFAULT_BASE_URL, BaseUrl, gateway_key
from bezant._core.settings.checks import MAX_SECONDS, check_count, check_seconds
from bezant._core.settings.connection import Tls, TlsMode, choose_pacing, choose_proxy, choose_tls
from bezant._core.settings.settings import DEFAULT_USER_AGENT, Settings, resolve

from ..samples import TOKEN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://localhost:5000/v1/api", "https://localhost:5000/v1/api"),
        ("https://localhost:5000", "https://localhost:5000/v1/api"),
        ("https://localhost:5000/v1/api/", "https://localhost:5000/v1/api"),
        ("HTTPS://LocalHost:5000/", "https://localhost:5000/v1/api"),
        ("http://localhost", "http://localhost/v1/api"),
        ("http://localhost:80", "http://localhost/v1/api"),
        ("https://api.ibkr.com:443/v1/api", "https://api.ibkr.com/v1/api"),
        ("https://localhost:/v1/api", "https://localhost/v1/api"),
        ("https://[::1]:5000/gw", "https://[::1]:5000/gw"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://host_name.lan.:5000", "https://host_name.lan.:5000/v1/api"),
    ],
)
def test_base_urls(text: str, expected: str) -> None:
    assert str(BaseUrl.parse(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "localhost:5000",
        "ftp://localhost",
        "https://",
        "https://:5000",
        "https://localhost:0",
        "https://localhost:99999",
        "https://localhost:x",
        "https://[::1",
        "https://[v1.a]",
        "https://[::zz]",
        "https://local host",
        "https://localhost/\n",
        "https://localhost/a//b",
        "https://localhost/../b",
        "https://localhost/?x=1",
        "https://localhost/?",
        "https://localhost/#x",
        "https://user@localhost",
        "https://a..b",
        "https://-a",
        "https://ü..b",
        "https://" + "a" * 254,
        "https://a%20b",
    ],
)
def test_an_invalid_base_url_is_refused(text: str) -> None:
    with pytest.raises(InvalidBaseUrl) as caught:
        BaseUrl.parse(text)
    assert isinstance(caught.value, ValueError)


def test_a_base_url_is_text() -> None:
    with pytest.raises(InvalidBaseUrl):
        BaseUrl.parse(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "https://me:{}@localhost",
        "https://me:{}@x@localhost:5000/v1",
        "https://me:x/{}@localhost",
        "https://me:x@{}@localhost",
        "https://me:{}℀@localhost",
        "https://{}@localhost:x",
        "me:{}@localhost",
        "https:// me:{}@localhost",
    ],
)
def test_a_password_in_a_url_is_not_shown(text: str) -> None:
    with pytest.raises(InvalidBaseUrl) as caught:
        BaseUrl.parse(text.format(TOKEN))
    assert TOKEN not in str(caught.value)


urlish = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["https://", "http://", "HTTPS://", "//", ""]),
        st.from_regex(r"([a-zA-Z0-9.-]{1,12}|\[[0-9a-f:.%]{2,12}\])(:[0-9]{0,6})?", fullmatch=True)
        | st.text(max_size=8),
        st.text(max_size=12).map(lambda path: "/" + path) | st.just(""),
    ),
)


@given(text=st.text() | urlish)
@example("https://[fe80::1%eth0]:5000")
@example("https://Kelvin.example")
@example("https://straße.example/%zz")
def test_a_base_url_parses_to_itself_or_not_at_all(text: str) -> None:
    try:
        url = BaseUrl.parse(text)
    except InvalidBaseUrl:
        return
    assert BaseUrl.parse(str(url)) == url
    assert str(url).isascii()
    assert url.ws_url.startswith("ws")
    assert url.ws_url.endswith(f"://{url.authority}{url.path}/ws".partition("://")[2])


def test_the_parts_of_a_base_url() -> None:
    url = BaseUrl.parse("https://[::1]:5000/v1/api")
    assert (url.scheme, url.host, url.port, url.path) == ("https", "::1", 5000, "/v1/api")
    assert url.root == "https://[::1]:5000"
    assert url.ws_url == "wss://[::1]:5000/v1/api/ws"
    assert BaseUrl.parse("http://localhost").ws_url == "ws://localhost/v1/api/ws"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("gateway.localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("api.ibkr.com", False),
    ],
)
def test_certificates_are_left_unchecked_for_loopback_only(host: str, loopback: bool) -> None:
    url = BaseUrl.parse(f"https://{host}:5000")
    assert url.is_loopback is loopback
    assert choose_tls(url, "auto").mode == ("insecure" if loopback else "verify")


LOOPBACK = [
    *("localhost", "LOCALHOST", "localhost.", "Gateway.localhost", "localhost.localdomain"),
    *("127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1", "127.0.1", "127.256", "127.0.0.1."),
    *("2130706433", "0x7f000001", "0x7f.1", "0177.0.0.01", "0", "0.0.0.0", "0x"),
    *("[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::FFFF:7f00:2]", "[::1%lo]", "[::]"),
    *("\uff11\uff12\uff17.0.0.1", "ip6-localhost"),
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_all_spellings_of_loopback_are_one_gateway(host: str) -> None:
    assert BaseUrl.parse(f"https://{host}:5000").gateway_key == "localhost:5000"
    assert BaseUrl.parse(f"http://{host}:5000/other").gateway_key == "localhost:5000"
    assert BaseUrl.parse(f"https://{host}").gateway_key == "localhost:443"
    assert BaseUrl.parse(f"http://{host}").gateway_key == "localhost:80"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("GW.Example.com.", "gw.example.com"),
        ("b\xfccher.example", "xn--bcher-kva.example"),
        ("B\xdcCHER.example.", "xn--bcher-kva.example"),
        ("localhost.example.com", "localhost.example.com"),
        ("10.1", "10.0.0.1"),
        ("[::ffff:10.0.0.1]", "10.0.0.1"),
        ("[FE80:0::1]", "[fe80::1]"),
        ("127.08.0.1", "127.08.0.1"),
        ("256.1", "256.1"),
        ("4294967296", "4294967296"),
        ("1.2.3.4.5", "1.2.3.4.5"),
    ],
)
def test_other_hosts_differ_by_name_and_port(host: str, name: str) -> None:
    assert BaseUrl.parse(f"https://{host}:5000").gateway_key == f"{name}:5000"
    assert BaseUrl.parse(f"http://{host}:5001").gateway_key == f"{name}:5001"


@st.composite
def spellings(draw: st.DrawFn, address: st.SearchStrategy[int]) -> tuple[int, str]:
    """Draw an IPv4 address and a spelling of it: one to four decimal, octal or hex numbers."""
    value = draw(address)
    count = draw(st.integers(1, 4))
    numbers = [value >> (24 - 8 * place) & 255 for place in range(count - 1)]
    numbers.append(value & ((1 << (8 * (5 - count))) - 1))
    forms = draw(st.lists(st.sampled_from(["d", "#x", "#o"]), min_size=count, max_size=count))
    return value, ".".join(
        f"{number:{form}}".replace("0o", "0") for number, form in zip(numbers, forms, strict=True)
    )


@given(spellings(st.integers(0x7F000000, 0x7FFFFFFF)), st.booleans(), st.integers(1, 65535))
def test_every_loopback_address_has_one_key(spelled: tuple[int, str], dot: bool, port: int) -> None:
    host = spelled[1] + "." * dot
    assert gateway_key(host, port) == f"localhost:{port}"


@given(spellings(st.integers(1, 0xFFFFFFFF).filter(lambda one: one >> 24 != 0x7F)))
def test_every_other_address_has_a_key_of_its_own(spelled: tuple[int, str]) -> None:
    value, host = spelled
    assert gateway_key(host, 5000) == f"{ipaddress.IPv4Address(value)}:5000"


@given(st.text(max_size=30), st.integers(1, 65535))
def test_a_key_ends_with_the_port_whatever_the_host_is(host: str, port: int) -> None:
    assert gateway_key(host, port).endswith(f":{port}")
    assert gateway_key(host, port) == gateway_key(host.lower(), port)


@pytest.mark.parametrize("host", LOOPBACK)
def test_a_shared_store_keeps_all_spellings_of_loopback_together(host: str) -> None:
    _, store = choose_pacing("file:x", BaseUrl.parse(f"http://{host}:5000"), {})
    assert store is not None
    assert store.name == "localhost:5000"
    _, store = choose_pacing("file:x#mine", BaseUrl.parse(f"http://{host}:5000"), {})
    assert store is not None
    assert store.name == "mine"


REMOTE = BaseUrl.parse("https://gw.example.com:5000")
LOCAL = BaseUrl.parse(DEFAULT_BASE_URL)


def test_how_certificates_are_checked() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert choose_tls(BaseUrl.parse("http://gw.example.com"), True) == Tls("none")
    assert choose_tls(LOCAL, True) == Tls("verify")
    assert choose_tls(REMOTE, False) == Tls("insecure")
    assert choose_tls(REMOTE, "/etc/ca.pem") == Tls("ca", ca_file="/etc/ca.pem")
    assert choose_tls(REMOTE, Path("/etc/ca.pem")) == Tls("ca", ca_file="/etc/ca.pem")
    assert choose_tls(REMOTE, context) == Tls("context", context=context)
    assert {"none", "insecure", "verify", "ca", "context"} == set(get_args(TlsMode))


@pytest.mark.parametrize("verify", [None, 1, 0, object()], ids=["None", "1", "0", "object"])
def test_other_ways_are_refused(verify: object) -> None:
    with pytest.raises(InvalidRequest, match="verify"):
        choose_tls(REMOTE, verify)


@pytest.mark.parametrize(
    ("proxy", "environ", "expected"),
    [
        (None, {}, None),
        ("http://p:1", {}, "http://p:1"),
        ("", {"HTTPS_PROXY": "http://e:1"}, None),
        (None, {"HTTPS_PROXY": "http://e:1"}, "http://e:1"),
        (None, {"https_proxy": "http://e:1"}, "http://e:1"),
        (None, {"HTTP_PROXY": "http://e:1"}, None),
        (None, {"ALL_PROXY": "http://e:1"}, "http://e:1"),
        (None, {"HTTPS_PROXY": "", "ALL_PROXY": "http://a:1"}, "http://a:1"),
        (None, {"HTTPS_PROXY": "http://e:1", "NO_PROXY": "*"}, None),
        (None, {"HTTPS_PROXY": "http://e:1", "NO_PROXY": "x.org, .example.com"}, None),
        (None, {"HTTPS_PROXY": "http://e:1", "NO_PROXY": "*.example.com"}, None),
        (None, {"HTTPS_PROXY": "http://e:1", "NO_PROXY": "GW.example.com"}, None),
        (None, {"HTTPS_PROXY": "http://e:1", "NO_PROXY": "ample.com,,"}, "http://e:1"),
    ],
)
def test_which_proxy_is_used(
    proxy: str | None, environ: dict[str, str], expected: str | None
) -> None:
    assert choose_proxy(REMOTE, proxy, environ) == expected
    assert choose_proxy(LOCAL, proxy, environ) is None


@pytest.mark.parametrize(
    "proxy",
    [
        f"socks5://u:{TOKEN}@h:1",
        f"h:{TOKEN}",
        f"http://u:{TOKEN}@",
        f"http://u:{TOKEN}@h:port",
        f"http://u:{TOKEN}@h:0",
        f"http://[::{TOKEN}",
        f"http://h\n{TOKEN}",
        b"http://h",
        5,
        True,
    ],
    ids=repr,
)
def test_an_invalid_proxy_is_refused_at_once_and_not_shown(proxy: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^proxy must be the URL of an HTTP proxy") as caught:
        choose_proxy(REMOTE, proxy, {})
    assert TOKEN not in str(caught.value)
    if isinstance(proxy, str):
        with pytest.raises(InvalidRequest, match=r"^the environment variable ALL_PROXY") as caught:
            choose_proxy(REMOTE, None, {"all_proxy": proxy})
        assert TOKEN not in str(caught.value)


DEFAULTS: dict[str, Any] = {
    "base_url": "http://localhost",
    "verify": "auto",
    "proxy": None,
    "timeout": 30,
    "connect_timeout": 5,
    "user_agent": DEFAULT_USER_AGENT,
    "max_connections": 4,
    "max_response_bytes": 1000,
    "strict": False,
}


@pytest.mark.parametrize(
    ("base_url", "environ", "expected"),
    [
        (None, {}, DEFAULT_BASE_URL),
        (None, {"IBKR_GATEWAY_URL": "https://i:1/x"}, "https://i:1/x"),
        (
            None,
            {"IBKR_GATEWAY_URL": "https://i:1/x", "BEZANT_GATEWAY_URL": "https://b:1/x"},
            "https://b:1/x",
        ),
        (None, {"BEZANT_GATEWAY_URL": ""}, DEFAULT_BASE_URL),
        (None, {"BEZANT_GATEWAY_URL": " \n"}, DEFAULT_BASE_URL),
        (None, {"BEZANT_GATEWAY_URL": " https://b:1/x\r\n"}, "https://b:1/x"),
        (None, {"BEZANT_GATEWAY_URL": " ", "IBKR_GATEWAY_URL": "https://i:1/x"}, "https://i:1/x"),
        ("https://a:1/x", {"BEZANT_GATEWAY_URL": "https://b:1/x"}, "https://a:1/x"),
    ],
)
def test_arguments_come_before_the_environment(
    base_url: str | None, environ: dict[str, str], expected: str
) -> None:
    assert str(resolve(DEFAULTS | {"base_url": base_url}, environ).base_url) == expected


@pytest.mark.parametrize("name", ["BEZANT_GATEWAY_URL", "IBKR_GATEWAY_URL"])
def test_a_variable_that_is_wrong_is_named(name: str) -> None:
    with pytest.raises(
        InvalidBaseUrl, match=rf"^the environment variable {name}: 'localhost:5000' must"
    ):
        resolve(DEFAULTS | {"base_url": None}, {name: "localhost:5000"})


@pytest.mark.parametrize("url", ["redis://h:x/0", "redis://", "redis:h", "rediss://h:0", "unix://"])
def test_an_invalid_store_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="pacing must be"):
        choose_pacing(url, LOCAL, {})
    with pytest.raises(InvalidRequest, match="pacing must be"):
        choose_pacing(None, LOCAL, {"BEZANT_PACING": url})


@pytest.mark.parametrize("url", ["redis://h", "redis://:p@h:1/2", "rediss://h:1", "unix:///a/b"])
def test_addresses_of_stores(url: str) -> None:
    _, store = choose_pacing(url, LOCAL, {})
    assert store is not None
    assert store.where == url


def test_an_empty_base_url_is_not_the_default() -> None:
    with pytest.raises(InvalidBaseUrl):
        resolve(DEFAULTS | {"base_url": ""}, {})


def test_the_given_settings_are_kept() -> None:
    given = DEFAULTS | {"proxy": "http://p:1", "strict": True, "verify": False}
    settings = resolve(given | {"base_url": "https://gw.example.com", "transport": None}, {})
    assert settings.tls == Tls("insecure")
    assert settings.proxy == "http://p:1"
    assert settings.strict
    assert settings.max_connections == 4
    assert settings.max_response_bytes == 1000


def test_defaults_and_repr() -> None:
    settings = Settings(REMOTE, Tls("context", context=TOKEN), proxy=f"http://u:{TOKEN}@p")
    assert settings.user_agent.startswith("bezant/")
    assert TOKEN not in repr(settings) + str(settings)


@pytest.mark.parametrize("agent", ["", " ", " x", "a\nb", "ü", 5, None], ids=repr)
def test_the_user_agent_is_never_empty_nor_a_second_header(agent: Any) -> None:
    with pytest.raises(InvalidRequest, match="user_agent"):
        Settings(LOCAL, Tls("none"), user_agent=agent)


@pytest.mark.parametrize("name", ["max_connections", "max_response_bytes"])
@pytest.mark.parametrize("value", [0, -1, True, 1.5, "4", None], ids=repr)
def test_counts_are_whole_and_positive(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match=name):
        Settings(LOCAL, Tls("none"), **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [0, -1, True, "5", None, float("nan"), float("inf"), MAX_SECONDS + 1, 10**400],
    ids=lambda value: repr(value)[:9],
)
def test_times_are_positive_and_can_be_waited_for(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="wait must be a positive"):
        check_seconds("wait", value)
    for name in ("timeout", "connect_timeout"):
        with pytest.raises(InvalidRequest, match=f"^{name} "):
            Settings(LOCAL, Tls("none"), **{name: value})


@given(value=st.floats(min_value=0, max_value=MAX_SECONDS) | st.integers(1, MAX_SECONDS))
def test_any_positive_time_will_do(value: float) -> None:
    assume(value > 0)
    check_seconds("wait", value)


@pytest.mark.parametrize("value", [10**5000, "x" * 100_000, b"x" * 100_000], ids=["int", "s", "b"])
def test_a_refusal_is_short_whatever_was_given(value: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_seconds("wait", value)
    assert len(str(caught.value)) < 200
    with pytest.raises(InvalidRequest) as caught:
        check_count("count", value, math.inf)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 200
    with pytest.raises(InvalidBaseUrl) as refused:
        BaseUrl.parse(value)
    assert len(str(refused.value)) < 300


def test_a_changed_copy_keeps_the_rest_and_is_checked() -> None:
    settings = Settings(LOCAL, Tls("none"), user_agent="me/1", timeout=7)
    changed = settings.with_changes({"timeout": 1.5, "strict": None, "user_agent": None})
    assert changed.timeout == 1.5
    assert changed.user_agent == "me/1"
    assert settings.timeout == 7
    with pytest.raises(InvalidRequest):
        settings.with_changes({"timeout": -1})


@pytest.mark.parametrize(
    ("environ", "pacing", "retries"),
    [
        ({}, True, 2),
        ({"BEZANT_PACING": "Off", "BEZANT_RETRIES": "0"}, False, 0),
        ({"BEZANT_PACING": "on", "BEZANT_RETRIES": " 7 "}, True, 7),
        ({"BEZANT_PACING": "1"}, True, 2),
        ({"BEZANT_PACING": "no"}, False, 2),
    ],
    ids=str,
)
def test_pacing_and_retries_from_the_environment(
    environ: dict[str, str], pacing: bool, retries: int
) -> None:
    settings = resolve(DEFAULTS, environ)
    assert (settings.pacing, settings.retries) == (pacing, retries)
    given = resolve(DEFAULTS | {"pacing": False, "retries": 1}, environ)
    assert (given.pacing, given.retries) == (False, 1)


def test_the_file_of_contracts() -> None:
    environ = {"BEZANT_CACHE": " contracts.db\n"}
    assert resolve(DEFAULTS, {}).cache is None
    assert resolve(DEFAULTS, environ).cache == "contracts.db"
    assert resolve(DEFAULTS | {"cache": Path("other.db")}, environ).cache == "other.db"
    assert resolve(DEFAULTS | {"cache": ""}, environ).cache is None
    for wrong in (5, True, b"x", "a\0b", object()):
        with pytest.raises(InvalidRequest, match="cache must be the path of a file"):
            resolve(DEFAULTS | {"cache": wrong}, {})


@pytest.mark.parametrize(
    "environ", [{"BEZANT_PACING": "maybe"}, {"BEZANT_RETRIES": "-1"}, {"BEZANT_RETRIES": "many"}]
)
def test_an_environment_that_makes_no_sense(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(environ))):
        resolve(DEFAULTS, environ)


@pytest.mark.parametrize(
    ("host", "gateway"),
    [
        *(("localhost", True), ("gw.example.com", True), ("notibkr.com", True)),
        *(("ibkr.com.example.com", True), ("ibkr.com", False), ("api.ibkr.com", False)),
        *(("API.IBKR.COM.", False), ("1.api.ibkr.com", False)),
    ],
)
def test_a_host_of_ibkr_is_no_gateway(host: str, gateway: bool) -> None:
    assert BaseUrl.parse(f"https://{host}/v1/api").is_gateway is gateway
