from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from bezant.sim import Clock, SimulatedGateway
from bezant.sim._market import calendar
from bezant.sim._scenario.clock import BY_HAND_START
from bezant.sim._wire_forms.bars import History
from bezant.sim._wire_forms.quotes import Quotes, compact

FIELDS = "31,84,86,85,88,87,7762,82,83"
META = {"conid", "conidEx", "server_id", "_updated", "6119", "6509"}


def stocks(api: httpx.Client, *symbols: str) -> dict[str, list[dict[str, Any]]]:
    body: dict[str, list[dict[str, Any]]] = api.get(
        "/trsrv/stocks", params={"symbols": ",".join(symbols)}
    ).json()
    return body


def snapshot(api: httpx.Client, conids: str, fields: str) -> list[dict[str, Any]]:
    api.get("/iserver/accounts")
    rows: list[dict[str, Any]] = api.get(
        "/iserver/marketdata/snapshot", params={"conids": conids, "fields": fields}
    ).json()
    return rows


def test_stocks(api: httpx.Client) -> None:
    body = stocks(api, "AAPL", "MSFT", "NOSUCH", "aapl")
    assert body["NOSUCH"] == body["aapl"] == []
    apple, other = body["AAPL"]
    assert apple.keys() == {"name", "chineseName", "assetClass", "contracts"}
    assert apple["contracts"][0] == {"conid": 265598, "exchange": "NASDAQ", "isUS": True}
    assert [item["isUS"] for item in apple["contracts"]] == [True, False, False]
    assert [item["isUS"] for item in other["contracts"]] == [False]
    assert len(body["MSFT"]) == 1
    assert api.get("/trsrv/stocks").status_code == 400


def test_stocks_that_are_hard_to_resolve(api: httpx.Client) -> None:
    body = stocks(api, "SIE", "7203", "BRK B")
    ambiguous = [item for company in body["SIE"] for item in company["contracts"]]
    assert len(body["SIE"]) == 2
    assert not any(item["isUS"] for item in ambiguous)
    [toyota] = body["7203"]
    assert [item["isUS"] for item in toyota["contracts"]] == [False]
    assert len(body["BRK B"]) == 1


def test_every_held_stock_resolves_to_itself(api: httpx.Client) -> None:
    api.get("/portfolio/accounts")
    rows = api.get("/portfolio/DU1234567/positions/0").json()
    symbols = {row["contractDesc"]: row["conid"] for row in rows if row["assetClass"] == "STK"}
    body = stocks(api, *symbols)
    for symbol, conid in symbols.items():
        assert conid in [item["conid"] for c in body[symbol] for item in c["contracts"]]


def test_secdef(api: httpx.Client) -> None:
    api.get("/portfolio/accounts")
    rows = api.get("/portfolio/DU1234567/positions/0").json()
    option = next(row for row in rows if row["assetClass"] == "OPT")
    answer = api.get("/trsrv/secdef", params={"conids": f"265598,1,{option['conid']}"})
    apple, found = answer.json()["secdef"]
    assert (apple["conid"], apple["ticker"], apple["currency"]) == (265598, "AAPL", "USD")
    assert (apple["name"], apple["assetClass"]) == ("APPLE INC", "STK")
    assert (apple["listingExchange"], apple["isUS"], apple["strike"]) == ("NASDAQ", True, "0")
    assert found["conid"] == option["conid"]
    assert found["putOrCall"] == option["putOrCall"]
    assert api.get("/trsrv/secdef", params={"conids": "x"}).status_code == 400


def test_first_snapshot_has_no_values(api: httpx.Client) -> None:
    [first] = snapshot(api, "265598", FIELDS)
    assert first.keys() == META
    [second] = snapshot(api, "265598", FIELDS)
    # The gateway adds `87_raw`, the volume as a number, and `6508` without a request for them.
    assert second.keys() == META | set(FIELDS.split(",")) | {"87_raw", "6508"}
    assert all(type(second[name]) is str for name in FIELDS.split(",") if name != "83")
    assert type(second["87_raw"]) is type(second["83"]) is float
    assert (second["conid"], second["conidEx"]) == (265598, "265598")
    assert re.fullmatch(r"\d+(\.\d)?[KMB]?", second["87"])


def test_a_snapshot_before_the_accounts_is_refused(api: httpx.Client) -> None:
    params = {"conids": "265598", "fields": "31"}
    early = api.get("/iserver/marketdata/snapshot", params=params)
    assert (early.status_code, early.json()["error"]) == (500, "Please query /accounts first")


def test_fields_asked_later_begin_again(api: httpx.Client) -> None:
    snapshot(api, "265598", "31")
    [row] = snapshot(api, "265598", "31,84")
    assert "31" in row
    assert "84" not in row
    [row] = snapshot(api, "265598", "84")
    assert "84" in row
    assert "31" not in row


def test_snapshot_prefixes(api: httpx.Client) -> None:
    api.get("/portfolio/accounts")
    conids = [str(row["conid"]) for row in api.get("/portfolio/DU1234567/positions/0").json()]
    asked = ",".join(conids[:100])
    snapshot(api, asked, "31")
    values = [row["31"] for row in snapshot(api, asked, "31")]
    assert len(values) == 100
    prefixes = {value[0] for value in values if not value[0].isdigit()}
    assert prefixes == {"C", "H"}


def test_unknown_contract_and_bad_conids(api: httpx.Client) -> None:
    for _ in range(2):
        [row] = snapshot(api, "1@SMART", "31")
        assert row.keys() == META - {"6509"} | {"55", "31"}
        assert (row["55"], row["31"]) == ("-", "N/A")
    path = "/iserver/marketdata/snapshot"
    api.get("/iserver/accounts")
    assert api.get(path).status_code == 400
    assert api.get(path, params={"conids": "x"}).status_code == 400


def test_unsubscribe_begins_again(gateway: SimulatedGateway, api: httpx.Client) -> None:
    snapshot(api, "265598,272093", "31")
    answer = api.post("/iserver/marketdata/unsubscribe", json={"conid": 265598})
    assert answer.json() == {"success": True}
    assert api.post("/iserver/marketdata/unsubscribe", json={"conid": 5}).status_code == 500
    apple, microsoft = snapshot(api, "265598,272093", "31")
    assert "31" not in apple
    assert "31" in microsoft
    assert api.get("/iserver/marketdata/unsubscribeall").json() == {"unsubscribed": True}
    assert "31" not in snapshot(api, "265598", "31")[0]
    gateway.login()
    assert "31" not in snapshot(api, "265598", "31")[0]


def test_prices_move(api: httpx.Client, until: Callable[[Callable[[], object]], None]) -> None:
    snapshot(api, "265598", "31")
    [first] = snapshot(api, "265598", "31")
    until(lambda: snapshot(api, "265598", "31")[0]["31"] != first["31"])


def test_compact_numbers() -> None:
    assert [compact(n) for n in (950, 1200, 1_200_000, 2.5e9)] == ["950", "1.2K", "1.2M", "2.5B"]


def bars(api: httpx.Client, **params: str) -> dict[str, Any]:
    asked = {"conid": "756733", "period": "1d", "bar": "1min"} | params
    body: dict[str, Any] = api.get("/iserver/marketdata/history", params=asked).json()
    return body


def test_history() -> None:
    # The clock is stopped on a Thursday after the market's close.
    with SimulatedGateway(clock=Clock.by_hand(1_772_748_000.0)) as gateway:
        with httpx.Client(base_url=gateway.base_url, verify=False, timeout=60) as api:
            body = bars(api)
            assert (body["symbol"], body["barLength"], body["volumeFactor"]) == ("SPY", 60, 100)
            assert len(body["data"]) == 390
            assert re.fullmatch(r"\d{8}-\d\d:\d\d:\d\d", body["startTime"])
            assert re.fullmatch(r"\d+/[\d.]+/\d+", body["high"])
            times = [bar["t"] for bar in body["data"]]
            assert times == list(range(times[0], times[0] + 390 * 60_000, 60_000))
            for bar in body["data"]:
                assert bar["l"] <= bar["o"] <= bar["h"]
                assert bar["l"] <= bar["c"] <= bar["h"]
                assert bar["v"] > 0
            assert bars(api) == body
            long = bars(api, period="5y", bar="1d")
            assert len(long["data"]) == 1000
            assert long["barLength"] == 86400
            # Prices do not depend on the bar size: the day's bar opens and closes like its minute
            # bars.
            [day] = bars(api, period="1d", bar="1d")["data"]
            assert (day["t"], day["o"]) == (times[0], body["data"][0]["o"])
            assert day["c"] == body["data"][-1]["c"]
            assert day["v"] == pytest.approx(sum(bar["v"] for bar in body["data"]))
            week = bars(api, period="1w", bar="30min")["data"]
            assert len(week) == 5 * 13
            months = bars(api, period="6m", bar="1m")["data"]
            assert all(bar["t"] % 86_400_000 == 0 for bar in months)
            earlier = bars(api, startTime="20260303-20:00:00")["data"]
            assert earlier[-1]["t"] < 1_772_568_000_000
            assert bars(api, bar="30min", outsideRth="true")["data"][0]["t"] < times[0]
            chart = {"conid": "756733", "period": "1d", "bar": "1min", "direction": "1"}
            answer = api.get("/iserver/marketdata/history", params=chart)
            assert (answer.status_code, answer.json()["error"]) == (500, "Chart data unavailable")


@pytest.mark.parametrize(
    ("period", "bar", "count", "first"),
    [
        # The time is Wednesday 10:00, 30 minutes after the opening. Longer periods begin on earlier
        # days.
        ("30min", "1min", 30, "0304 0930"),
        ("1h", "10min", 6, "0303 1530"),
        ("1d", "1h", 1, "0304 0930"),
        ("2d", "1d", 2, "0303 0930"),
        ("2w", "1w", 3, "0216 0000"),
        ("3m", "1m", 4, "1201 0000"),
        ("10d", "5d", 2, "0219 0930"),
    ],
)
def test_periods(period: str, bar: str, count: int, first: str) -> None:
    clock = Clock.by_hand()
    gateway = SimulatedGateway(clock=clock)
    rows = History(gateway._state).bars(756733, period, bar)["data"]
    zone = dt.UTC if first.endswith("0000") else calendar.ZONE
    times = [f"{dt.datetime.fromtimestamp(each['t'] / 1000, zone):%m%d %H%M}" for each in rows]
    assert (len(times), times[0]) == (count, first)
    moments = [each["t"] / 1000 for each in rows]
    assert moments == sorted(moments)
    assert moments[-1] <= clock.now()


def test_bars_of_the_hours_before_the_opening() -> None:
    """Bars of the hours before the opening already exist during those hours."""
    clock = Clock.by_hand(BY_HAND_START - 4.5 * 3600)
    history = History(SimulatedGateway(clock=clock)._state)
    rows = history.bars(756733, "1h", "30min", extended=True)["data"]
    assert [row["t"] / 1000 - clock.now() for row in rows] == [-3600, -1800]
    [*_, last] = history.bars(756733, "1h", "30min")["data"]
    assert last["t"] / 1000 < clock.now() - 12 * 3600


def test_bars_that_have_ended_are_kept_and_the_last_one_grows() -> None:
    clock = Clock.by_hand()
    history = History(SimulatedGateway(clock=clock)._state)
    clock.advance(100)
    before = history.bars(756733, "1d", "5min")["data"]
    clock.advance(300)
    after = history.bars(756733, "1d", "5min")["data"]
    assert len(after) == len(before) + 1
    assert all(one is two for one, two in zip(before[:-1], after, strict=False))
    clock.advance(100)
    assert history.bars(756733, "1d", "5min")["data"][-1]["v"] > after[-1]["v"]


def test_the_high_and_low_are_of_the_whole_session() -> None:
    """A session's high and low include prices at times when no client requested a quote."""

    def told(*moments: float) -> dict[str, str]:
        clock = Clock.by_hand()
        quotes = Quotes(SimulatedGateway(clock=clock)._state)
        rows: list[dict[str, str]] = []
        for moment in moments:
            clock.advance(moment)
            rows = quotes.many([(265598, {"31", "70", "71"}), (272093, {"70"}), (1, {"70"})])
        assert [list(row) for row in rows] == [["31", "70", "71"], ["70"], []]
        return rows[0]

    day = told(5 * 3600)
    assert told(1, 5 * 3600 - 1) == day
    assert float(day["71"]) < float(day["31"].lstrip("CH")) < float(day["70"])
    evening = told(5 * 3600, 6 * 3600)
    assert float(evening["71"]) <= float(day["71"]) < float(day["70"]) <= float(evening["70"])


def test_the_last_bar_ends_with_the_quote() -> None:
    with SimulatedGateway(clock=Clock.by_hand()) as gateway:
        gateway.set_price("SPY", "691.25")
        with httpx.Client(base_url=gateway.base_url, verify=False, timeout=60) as api:
            [*_, last] = bars(api)["data"]
            assert last["c"] == 691.25
            snapshot(api, "756733", "31")
            assert snapshot(api, "756733", "31")[0]["31"].lstrip("CH") == "691.25"


def test_schedules(api: httpx.Client) -> None:
    params = {"assetClass": "STK", "symbol": "AAPL"}
    [venue] = api.get("/trsrv/secdef/schedule", params=params).json()
    assert venue["timezone"] == "America/New_York"
    usual = {day["tradingScheduleDate"]: day for day in venue["schedules"][:7]}
    assert [bool(day["sessions"]) for day in usual.values()] == [False, False] + [True] * 5
    assert usual["20000103"]["sessions"] == [
        {"openingTime": "0930", "closingTime": "1600", "prop": "LIQUID"}
    ]
    assert usual["20000103"]["tradingtimes"] == [
        {"openingTime": "0400", "closingTime": "2000", "cancelDayOrders": "Y"}
    ]
    assert api.get("/trsrv/secdef/schedule", params={"symbol": "NO"}).status_code == 400
    body = api.get("/contract/trading-schedule", params={"conid": "265598"}).json()
    assert len(body["schedules"]) == 5
    assert api.get("/contract/trading-schedule", params={"conid": "1"}).status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"conid": "1"},
        {"conid": ""},
        {"bar": "1x"},
        {"bar": "1y"},
        {"bar": "0min"},
        {"period": "soon"},
        {"period": "19y"},
        {"period": "99999999999999min"},
        {"startTime": "yesterday"},
        {"startTime": "00010101-00:00:00"},
    ],
    ids=str,
)
def test_history_refuses(api: httpx.Client, wrong: dict[str, str]) -> None:
    params = {"conid": "756733", "period": "1d", "bar": "1min"} | wrong
    assert api.get("/iserver/marketdata/history", params=params).status_code == 400
