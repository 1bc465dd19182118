"""Tests of simulated faults of requests and of the gateway, observed with plain HTTP clients."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from bezant.sim import SimulatedGateway

STATUS = "/iserver/auth/status"


def connected(api: httpx.Client) -> bool:
    try:
        return api.get(STATUS).status_code == 200
    except httpx.TransportError:
        return False


def read_into(pieces: list[bytes], api: httpx.Client, path: str, timeout: float = 60) -> None:
    with api.stream("GET", path, timeout=httpx.Timeout(60, read=timeout)) as answer:
        assert answer.status_code == 200
        for chunk in answer.iter_raw():
            pieces.append(chunk)  # noqa: PERF402 - keeps the pieces that came before the error


def test_dropped_before_it_has_an_effect(gateway: SimulatedGateway, api: httpx.Client) -> None:
    fault = gateway.faults.drop_next("/logout")
    with pytest.raises(httpx.TransportError):
        api.post("/logout")
    assert (fault.hits, fault.waiting) == (1, False)
    assert api.get(STATUS).status_code == 200
    (injected,) = gateway.faults.happened
    assert (injected.kind, injected.when) == ("drop", "before")
    assert (injected.method, injected.path) == ("POST", "/v1/api/logout")


def test_dropped_after_it_had_its_effect(gateway: SimulatedGateway, api: httpx.Client) -> None:
    gateway.faults.drop_next("/logout", when="after")
    with pytest.raises(httpx.TransportError):
        api.post("/logout")
    assert api.get("/portfolio/accounts").status_code == 302
    assert gateway.faults.count("drop") == 1


def test_dropped_after_half_of_the_response(gateway: SimulatedGateway, api: httpx.Client) -> None:
    whole = api.get("/trsrv/stocks?symbols=AAPL").content
    gateway.faults.drop_next("/trsrv/stocks", when="during")
    pieces: list[bytes] = []
    with pytest.raises(httpx.RemoteProtocolError):
        read_into(pieces, api, "/trsrv/stocks?symbols=AAPL")
    assert b"".join(pieces) == whole[: (len(whole) + 1) // 2]


def test_a_reset_is_one() -> None:
    with SimulatedGateway(tls=False) as gateway:
        gateway.faults.drop_next()
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as plain:
            plain.sendall(b"GET /v1/api/tickle HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                plain.recv(1)


@pytest.mark.parametrize(("when", "login"), [("before", 200), ("after", 302)])
def test_silence(gateway: SimulatedGateway, api: httpx.Client, when: Any, login: int) -> None:
    fault = gateway.faults.silence("/logout", when=when)
    with pytest.raises(httpx.ReadTimeout):
        api.post("/logout", timeout=httpx.Timeout(60, read=0.2))
    gateway.login() if login == 200 else None
    assert api.get("/portfolio/accounts").status_code == login
    gateway.faults.clear()
    gateway.login()
    assert api.post("/logout").status_code == 200
    assert fault.hits == 1


def test_silence_after_half_of_the_response(gateway: SimulatedGateway, api: httpx.Client) -> None:
    gateway.faults.silence(STATUS, when="during", times=1)
    pieces: list[bytes] = []
    with pytest.raises(httpx.ReadTimeout):
        read_into(pieces, api, STATUS, 2)
    assert b"".join(pieces).startswith(b'{"authenticated"')
    assert api.get(STATUS).status_code == 200


def test_slow_and_other_faults_add_up(gateway: SimulatedGateway, api: httpx.Client) -> None:
    slow = gateway.faults.slow(0.05)
    gateway.faults.slow(0.05, STATUS, times=1)
    gateway.faults.fail_next(STATUS, 500)
    begin = time.perf_counter()
    assert api.get(STATUS).status_code == 500
    assert time.perf_counter() - begin >= 0.1
    assert api.get(STATUS).status_code == 200
    assert slow.hits == 2
    gateway.faults.clear()
    assert api.get(STATUS).status_code == 200
    assert slow.hits == 2


def test_the_method_counts(gateway: SimulatedGateway, api: httpx.Client) -> None:
    fault = gateway.faults.fail_next(STATUS, 500, method="post")
    assert api.get(STATUS).status_code == 200
    assert api.post(STATUS).status_code == 500
    assert fault.hits == 1
    assert repr(fault) == f"<Fault fail before, POST {STATUS}: happened 1 times>"


def test_a_penalty_is_for_everything_and_longer_the_second_time(
    gateway: SimulatedGateway, api: httpx.Client, open_ws: Callable[..., Any]
) -> None:
    gateway.faults.penalise(100)
    assert api.get(STATUS).status_code == 429
    assert api.get("/trsrv/stocks?symbols=AAPL").json() == {"error": "Too Many Requests"}
    with pytest.raises(Exception, match="429"):
        open_ws()
    assert 90 < gateway.pacing.penalty_left <= 100
    gateway.faults.clear()
    assert api.get(STATUS).status_code == 200
    gateway.faults.penalise(100)
    assert 190 < gateway.pacing.penalty_left <= 200
    gateway.pacing.release()
    assert api.get(STATUS).status_code == 200
    assert gateway.faults.counts == {"penalty": 2}


def test_refused_for_a_while(
    gateway: SimulatedGateway, api: httpx.Client, until: Callable[..., None]
) -> None:
    assert connected(api)
    gateway.faults.refuse(60)
    with pytest.raises(httpx.TransportError):  # the fault has also closed the open connection
        api.get(STATUS)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", gateway.port), timeout=30)
    gateway.faults.refuse(0.1)
    until(lambda: connected(api))
    assert gateway.faults.count("refuse") == 2


def test_refused_twice_and_stopped_during_the_refusal(
    gateway: SimulatedGateway, api: httpx.Client
) -> None:
    gateway.faults.refuse(0.01)
    gateway.faults.refuse(30)
    time.sleep(0.05)
    assert not connected(api)
    gateway.faults.refuse(0)
    assert connected(api)
    gateway.faults.refuse(30)
    gateway.stop()
    with pytest.raises(RuntimeError, match="not running"):
        gateway.faults.refuse(1)


def test_restart(gateway: SimulatedGateway, api: httpx.Client, open_ws: Callable[..., Any]) -> None:
    assert connected(api)
    ws = open_ws()
    gateway.faults.restart()
    with pytest.raises(Exception, match="no close frame"):
        ws.collect(30)
    assert api.get(STATUS).status_code == 302
    gateway.login()
    assert connected(api)
    open_ws()


def test_faults_of_a_handshake(gateway: SimulatedGateway, open_ws: Callable[..., Any]) -> None:
    dropped = gateway.faults.drop_next("/ws", when="after")
    with pytest.raises(Exception):  # noqa: B017 - what a reset looks like differs
        open_ws()
    silent = gateway.faults.silence("/ws", times=1)
    for seconds in (0.5, 5, 50):
        with pytest.raises(TimeoutError):
            open_ws(open_timeout=seconds)
        if silent.hits:
            # The request was sent in time. On a slow machine, only a longer timeout suffices to
            # send it.
            break
    gateway.faults.slow(0.02, "/ws", times=1)
    open_ws()
    assert (dropped.hits, silent.hits) == (1, 1)


@pytest.mark.parametrize(
    ("wrong", "about"),
    [
        (lambda faults: faults.drop_next(times=0), "times"),
        (lambda faults: faults.drop_next(when="soon"), "when"),
        (lambda faults: faults.slow(-1), "seconds"),
        (lambda faults: faults.slow(float("nan")), "seconds"),
        (lambda faults: faults.penalise(0), "seconds"),
        (lambda faults: faults.refuse(-1), "seconds"),
        (lambda faults: faults.logout_after(0), "messages"),
        (lambda faults: faults.ws_fragment(pieces=1), "pieces"),
        (lambda faults: faults.ws_flood(0), "messages"),
        (lambda faults: faults.storm(one_in=0), "one_in"),
        (lambda faults: faults.storm(kinds=["rain"]), "rain"),
    ],
)
def test_what_cannot_be_asked_for(
    gateway: SimulatedGateway, wrong: Callable[[Any], object], about: str
) -> None:
    with pytest.raises(ValueError, match=about):
        wrong(gateway.faults)
    assert gateway.faults.happened == []
    assert gateway.faults.waiting == []


def outcomes(gateway: SimulatedGateway, api: httpx.Client, requests: int) -> list[object]:
    seen: list[object] = []
    for _ in range(requests):
        try:
            seen.append(api.get(STATUS).status_code)
        except httpx.TransportError as error:
            seen.append(type(error).__name__ != "")
    return seen


def test_a_storm_is_the_same_for_a_seed(gateway: SimulatedGateway, api: httpx.Client) -> None:
    def blow(seed: int) -> list[str]:
        with gateway.faults.storm(seed, one_in=3) as storm:
            seen = outcomes(gateway, api, 30)
        assert storm.requests == 30
        assert len(storm.injected) == 10
        assert sum(storm.counts.values()) == 10
        for number, outcome in enumerate(seen, 1):
            if number % 3:
                assert outcome == 200
        assert outcomes(gateway, api, 3) == [200] * 3
        return [f"{each.kind} {each.when}" for each in storm.injected]

    assert blow(1) == blow(1) != blow(2)


def test_a_storm_of_everything_ends(
    gateway: SimulatedGateway,
    api: httpx.Client,
    open_ws: Callable[..., Any],
    until: Callable[..., None],
) -> None:
    kinds: Any = ("restart", "logout", "silence", "ws_oversize", "ws_half_open")
    api.timeout = httpx.Timeout(0.3)
    open_ws()
    storm = gateway.faults.storm(3, one_in=1, kinds=kinds)
    ends = time.monotonic() + 60
    while not {"restart", "logout", "silence"} <= {each.kind for each in storm.injected}:
        assert time.monotonic() < ends, storm
        outcomes(gateway, api, 1)
    # The last fault may still be in progress.
    until(lambda: storm.injected == gateway.faults.happened)
    gateway.faults.storm(0, one_in=1, kinds=["penalty"])
    storm.stop()
    while not gateway.faults.count("penalty"):
        assert time.monotonic() < ends
        outcomes(gateway, api, 1)
    gateway.faults.clear()
    gateway.login()
    api.timeout = httpx.Timeout(60)
    until(lambda: connected(api))


def test_faults_from_many_threads(gateway: SimulatedGateway) -> None:
    fault = gateway.faults.fail_next(STATUS, 500, times=20)
    codes: list[int] = []

    def work() -> None:
        with httpx.Client(base_url=gateway.base_url, verify=False, timeout=60) as client:
            codes.extend(client.get(STATUS).status_code for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(codes) == [200] * 20 + [500] * 20
    assert fault.hits == gateway.faults.count("fail") == len(gateway.faults.happened) == 20


def test_outages_at_the_same_time_are_one_after_the_other(gateway: SimulatedGateway) -> None:
    threads = [threading.Thread(target=gateway.faults.refuse, args=(60,)) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert gateway.faults.count("refuse") == 6
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", gateway.port), 1)


def test_faults_of_a_storm_are_counted_separately(
    gateway: SimulatedGateway, api: httpx.Client
) -> None:
    gateway.faults.penalise(0.001)
    with gateway.faults.storm(one_in=1, kinds=["logout"]) as storm:
        api.get(STATUS)
    assert [each.kind for each in storm.injected] == ["logout"]
    assert [each.number for each in gateway.faults.happened] == [1, 2]


def test_faults_after_the_gateways_end_do_nothing() -> None:
    with SimulatedGateway() as gateway:
        thread = gateway._thread
    assert thread is not None

    async def work() -> None:
        """Do nothing; this coroutine is never run."""

    thread.run(work())
    thread.run_soon(work())
    thread.stop()


def test_a_style_that_there_is_not_is_refused_before_anything_happens(
    gateway: SimulatedGateway, api: httpx.Client
) -> None:
    style: Any = "gone"
    assert connected(api)
    for wrong in (
        lambda: gateway.faults.restart(style=style),
        lambda: gateway.faults.logout_after(1, style),
        lambda: gateway.logout(style),
    ):
        with pytest.raises(ValueError, match="unknown login style 'gone'"):
            wrong()
    assert gateway.faults.happened == []
    assert connected(api)
    assert gateway.session_state["logged_in"]
