"""Tests of option prices, Greeks and volatilities, and of contracts that expire."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import httpx
import pytest

from bezant import Client
from bezant.sim import Clock, Contract, Held, Scenario, SimulatedGateway
from bezant.sim._market import options

AAPL = 265598
GREEKS = "31,7308,7309,7310,7311,7633"


def quote(api: httpx.Client, conid: int) -> dict[str, Any]:
    api.get("/iserver/accounts")
    query: dict[str, str | int] = {"conids": conid, "fields": GREEKS}
    api.get("/iserver/marketdata/snapshot", params=query)
    [row] = api.get("/iserver/marketdata/snapshot", params=query).json()
    return dict(row)


def chain(api: httpx.Client, right: str) -> list[dict[str, Any]]:
    [hit] = [
        each
        for each in api.get("/iserver/secdef/search", params={"symbol": "AAPL"}).json()
        if each["conid"] == str(AAPL)
    ]
    [months] = [each["months"] for each in hit["sections"] if each["secType"] == "OPT"]
    asked: dict[str, str | int] = {"conid": AAPL, "month": months.split(";")[0], "sectype": "OPT"}
    strikes = api.get("/iserver/secdef/strikes", params=asked).json()["call"]
    return [
        api.get("/iserver/secdef/info", params=asked | {"strike": strike, "right": right}).json()[0]
        for strike in strikes
    ]


@pytest.fixture
def still() -> SimulatedGateway:
    return SimulatedGateway(clock=Clock.by_hand())


def opened(gateway: SimulatedGateway) -> httpx.Client:
    return httpx.Client(base_url=gateway.base_url, verify=False, timeout=60)


@pytest.mark.parametrize("right", ["C", "P"])
@pytest.mark.parametrize("spot", [80.0, 100.0, 130.0])
def test_greeks_are_the_slopes_of_the_price(right: str, spot: float) -> None:
    def at(spot: float, years: float = 0.5, volatility: float = 0.3) -> float:
        return options.value(right, spot, 100, years, volatility)

    found = options.greeks(right, spot, 100, 0.5, 0.3)
    assert found.delta == pytest.approx((at(spot + 0.01) - at(spot - 0.01)) / 0.02, abs=1e-5)
    bent = at(spot + 0.1) - 2 * at(spot) + at(spot - 0.1)
    assert found.gamma == pytest.approx(bent / 0.01, abs=1e-4)
    later = at(spot, 0.5 - 0.01 / 365) - at(spot)
    assert found.theta == pytest.approx(later / 0.01, abs=1e-4)
    wider = at(spot, volatility=0.3001) - at(spot)
    assert found.vega == pytest.approx(wider * 100, abs=1e-3)
    assert options.implied(right, spot, 100, 0.5, at(spot)) == pytest.approx(0.3)


def test_prices_without_a_volatility() -> None:
    assert options.implied("C", 120, 100, 0.5, 19) is None  # less than its exercise is worth
    assert options.implied("C", 120, 100, 0.5, 121) is None  # more than the underlying
    assert options.implied("C", 120, 100, 0, 20) is None
    assert [options.value(each, 120, 100, 0, 0.3) for each in "CP"] == [20, 0]


def test_quoted_greeks_fit_the_prices(still: SimulatedGateway) -> None:
    with still as gateway, opened(gateway) as api:
        gateway.set_price("AAPL", 250)
        calls, puts = chain(api, "C"), chain(api, "P")
        deltas: list[float] = []
        for call, put in zip(calls, puts, strict=True):
            one, two = quote(api, call["conid"]), quote(api, put["conid"])
            strike = float(call["strike"])
            last = [float(each["31"].lstrip("CH")) for each in (one, two)]
            # The put-call parity without interest.
            assert last[0] - last[1] == pytest.approx(250 - strike, abs=0.02)
            assert float(one["7308"]) - float(two["7308"]) == pytest.approx(1, abs=2e-4)
            assert one["7633"] == two["7633"]
            assert float(one["7310"]) < 0 < float(one["7309"])
            deltas.append(float(one["7308"]))
        assert deltas == sorted(deltas, reverse=True)
        # A price that a test sets changes the volatility instead of the price.
        conid = calls[4]["conid"]
        before = quote(api, conid)
        dearer = float(before["31"].lstrip("CH")) + 5
        gateway.set_price(conid, dearer)
        assert float(quote(api, conid)["7633"].rstrip("%")) > float(before["7633"].rstrip("%"))
        gateway.set_price(conid, 300)
        assert "7633" not in quote(api, conid)
        gateway.free_price(conid)
        assert quote(api, conid)["7633"] == before["7633"]
        # The price follows the underlying at once.
        gateway.set_price("AAPL", 260)
        assert float(quote(api, conid)["31"].lstrip("CH")) > float(before["31"].lstrip("CH"))


def test_options_of_a_scenario() -> None:
    def option(conid: int, price: float, **more: Any) -> Contract:
        given: dict[str, Any] = {
            "asset_class": "OPT", "multiplier": 100.0, "strike": 250.0, "expiry": "20270115",
            "right": "C", "underlying": AAPL,
        }  # fmt: skip
        return Contract(conid, "AAPL", "APPLE INC", "SMART", price, **(given | more))

    contracts = [option(1, 30), option(2, 400), option(3, 9, underlying=0), option(4, 9, strike=0)]
    scenario = Scenario(contracts=contracts, prices={"AAPL": 255})
    with (
        SimulatedGateway(scenario=scenario, clock=Clock.by_hand()) as gateway,
        opened(gateway) as api,
    ):
        assert Decimal(quote(api, 1)["31"].lstrip("CH")) == 30
        assert "7633" in quote(api, 1)
        for conid, price in ((2, 400), (3, 9), (4, 9)):
            row = quote(api, conid)
            assert Decimal(row["31"].lstrip("CH")) == price
            assert "7633" not in row


def months(client: Client) -> list[dt.date]:
    return [each.expiry for each in client.contracts.futures("ES") if each.expiry]


def test_contracts_roll_with_the_clock(still: SimulatedGateway) -> None:
    march, june = dt.date(2027, 3, 19), dt.date(2027, 6, 18)
    start = dt.datetime(2027, 3, 19, 12, tzinfo=dt.UTC).timestamp()
    with still as gateway, Client(gateway.base_url) as client:
        assert months(client)[:2] == [march, june]
        conids = {each.expiry: each.conid for each in client.contracts.futures("ES")}
    clock = Clock.by_hand(start)
    with SimulatedGateway(clock=clock) as gateway, opened(gateway) as api:

        def expiries() -> list[int]:
            found = api.get("/trsrv/futures", params={"symbols": "ES"}).json()["ES"]
            return [each["expirationDate"] for each in found]

        assert expiries() == [20270319, 20270618, 20270917, 20271217]
        assert {each["expirationDate"] for each in chain_rows(api)} == {20270319}
        clock.advance(86_400)
        assert expiries() == [20270618, 20270917, 20271217, 20280317]
        assert {each["expirationDate"] for each in chain_rows(api)} == {20270618}
        [first, *_] = api.get("/trsrv/futures", params={"symbols": "ES"}).json()["ES"]
        assert first["conid"] == conids[june]


def chain_rows(api: httpx.Client) -> list[dict[str, Any]]:
    return [{"expirationDate": int(each["maturityDate"])} for each in chain(api, "C")]


def test_years_from_now_there_are_contracts() -> None:
    clock = Clock.by_hand(dt.datetime(2031, 8, 1, 15, tzinfo=dt.UTC).timestamp())
    with SimulatedGateway(positions=30, clock=clock) as gateway, opened(gateway) as api:
        found = api.get("/trsrv/futures", params={"symbols": "ES"}).json()["ES"]
        assert [each["expirationDate"] for each in found][:2] == [20310919, 20311219]
        assert {each["maturityDate"] for each in chain(api, "P")} == {"20310919"}
        api.get("/portfolio/accounts")
        held = api.get("/portfolio/DU1234567/positions/0").json()
        expiries = [each["expiry"] for each in held if each.get("expiry")]
        assert expiries
        assert min(expiries) == "20310919"


def test_a_future_expires() -> None:
    """Its orders end, its position becomes cash, and it takes no new order."""
    start = dt.datetime(2027, 3, 18, 15, tzinfo=dt.UTC).timestamp()
    clock = Clock.by_hand(start)
    future = Contract(
        77, "XX", "XX FUTURE", "CME", 100.0, "FUT", multiplier=50.0, expiry="20270319"
    )
    scenario = Scenario(
        contracts=[future], held=[Held(77, 2, average_price=90)], cash={"USD": 100_000}
    )
    with SimulatedGateway(scenario=scenario, clock=clock) as gateway, opened(gateway) as api:
        gateway.set_price(77, 100)
        api.get("/iserver/accounts")
        path = f"/iserver/account/{gateway.account_id}/orders"
        order: dict[str, Any] = {
            "conid": 77, "side": "BUY", "quantity": 1, "orderType": "LMT",
            "price": 99, "tif": "GTC", "manualIndicator": False, "extOperator": "tester",
        }  # fmt: skip
        [placed] = api.post(path, json={"orders": [order]}).json()
        assert "order_id" in placed
        clock.advance(86_400)
        assert gateway.position(77) == 2
        clock.advance(86_400 / 4)
        assert gateway.position(77) == 0
        assert gateway.cash["USD"] == 100_000 + 2 * 10 * 50
        assert gateway.orders[0].status == "Cancelled"
        refused = api.post(path, json={"orders": [order]}).json()
        assert refused["error"] == "The contract 77 has expired."
