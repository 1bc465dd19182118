"""Tests of lookups and stored items: contracts, scanners, watchlists, alerts, notifications."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import httpx
import pytest

from bezant import BadRequest, Client, InvalidRequest, NotAuthenticated, NotFound, OutcomeUnknown
from bezant.models.alerts import NewAlertCondition
from bezant.models.orders import OrderTicket
from bezant.models.scanner import ScanCondition
from bezant.models.watchlists import WatchlistRow
from bezant.sim import SimulatedGateway
from bezant.sim._market.books import RATES

AAPL = 265598


@pytest.fixture
def client(gateway: SimulatedGateway) -> Iterator[Client]:
    with Client(gateway.base_url, pacing=False, retries=0, strict=True) as opened:
        yield opened


def test_from_a_symbol_to_an_option(client: Client) -> None:
    contracts = client.api.contracts
    hits = contracts.search_contracts(symbol="aapl")
    assert hits[0].conid == AAPL
    assert len({hit.conid for hit in hits}) == len(hits) > 1
    sections = {each.sec_type: each for each in hits[0].sections or []}
    months = (sections["OPT"].months or "").split(";")
    assert len(months) == 4
    strikes = contracts.get_contract_strikes(conid=AAPL, sec_type="OPT", month=months[0])
    assert strikes.call
    assert strikes.call == strikes.put
    strike = strikes.call[0]
    (option,) = contracts.get_contract_info(
        conid=AAPL, sec_type="OPT", month=months[0], strike=strike, right="C"
    )
    assert (option.strike, option.right) == (strike, "C")
    assert option.conid
    info = contracts.get_instrument_info(conid=option.conid)
    assert (info.conid, info.underlying_conid, info.strike) == (option.conid, AAPL, strike)
    (definition,) = contracts.get_instrument_definition(conids=[option.conid]).secdef or []
    assert definition.conid == option.conid
    with pytest.raises(NotFound, match="No Contracts"):
        contracts.get_contract_info(conid=AAPL, sec_type="OPT", month="JAN99", strike=1)


def test_an_option_that_is_held_is_in_the_chain(gateway: SimulatedGateway, client: Client) -> None:
    held = next(
        each for each in client.all_positions(gateway.account_id) if each.asset_class == "OPT"
    )
    assert held.conid
    info = client.api.contracts.get_instrument_info(conid=held.conid)
    under = info.underlying_conid or None
    found = client.api.contracts.get_contract_info(conid=under, sec_type="OPT", strike=info.strike)
    assert held.conid in {each.conid for each in found}


def test_searching_by_name(client: Client) -> None:
    hits = client.api.contracts.search_contracts(symbol="coca", name=True)
    assert {hit.symbol for hit in hits} == {"KO"}
    with pytest.raises(BadRequest, match="No symbol found"):
        client.api.contracts.search_contracts(symbol="NOSUCH")
    with pytest.raises(NotFound):
        client.api.contracts.get_instrument_info(conid=1)


def test_a_conid_alone_is_one_contract(client: Client) -> None:
    one = client.request("GET", "/iserver/secdef/info", params={"conid": AAPL})
    assert isinstance(one, dict)
    assert (one["ticker"], one["secType"], one["right"]) == ("AAPL", "STK", "?")
    assert client.api.contracts.get_contract_info(conid=AAPL)[0].conid == AAPL


@pytest.mark.parametrize(
    ("symbol", "kinds"),
    [("ES", {"IND", "FUT"}), ("SPX", {"IND"}), ("EUR", {"CASH"}), ("BTC", {"CRYPTO"})],
)
def test_searching_a_product_that_is_no_stock(client: Client, symbol: str, kinds: set[str]) -> None:
    [hit] = client.api.contracts.search_contracts(symbol=symbol)
    assert {each.sec_type for each in hit.sections or []} == kinds


def test_futures_currencies_rules_algos(client: Client) -> None:
    contracts = client.api.contracts
    futures = contracts.get_futures_by_symbol(symbols=["ES", "NONE"])
    assert [each.expiry for each in futures["ES"][:4]] == [
        date(2027, 3, 19),
        date(2027, 6, 18),
        date(2027, 9, 17),
        date(2027, 12, 17),
    ]
    assert futures["NONE"] == []
    assert contracts.get_exchange_rate(source="EUR", target="USD").rate == Decimal("1.17")
    with pytest.raises(BadRequest):
        contracts.get_exchange_rate(source="EUR", target="XXX")
    pairs = contracts.get_currency_pairs(currency="USD")["USD"]
    assert {each.currency for each in pairs} == {"EUR", "GBP", "CHF"}
    rules = contracts.get_info_and_rules(conid=AAPL).rules
    assert rules
    assert "LMT" in rules.order_types
    assert rules.increment == Decimal("0.01")
    (algo,) = contracts.get_algos_by_instrument(conid=AAPL, algos="Vwap").algos or []
    assert (algo.id, algo.parameters) == ("Vwap", algo.parameters)
    listings = contracts.get_conids_by_exchange(exchange="LSE")
    assert all(each.exchange == "LSE" for each in listings)
    assert listings


def test_a_scan(client: Client) -> None:
    scanner = client.api.scanner
    types = {each.code for each in scanner.get_scanner_parameters().scan_type_list or []}
    assert "MOST_ACTIVE" in types
    result = scanner.get_scanner_results(
        instrument="STK",
        location="STK.US.MAJOR",
        type_="HIGH_OPEN_GAP",
        filter_=[ScanCondition(code="priceBelow", value=100)],
    )
    symbols = [each.symbol for each in result.contracts or []]
    assert symbols == ["KO", "VOD"]
    with pytest.raises(BadRequest, match="MOST_ACTIVE"):
        scanner.get_scanner_results(instrument="STK", location="x", type_="NOPE")


def test_watchlists(client: Client) -> None:
    api = client.api.watchlists
    rows = [WatchlistRow(conid_text=str(AAPL)), WatchlistRow(conid_text="")]
    assert api.create_watchlist(id_="77", name="Mine", rows=rows).id == "77"
    data = api.get_all_watchlists().data
    (entry,) = data.user_lists or []
    assert (entry.id, entry.name) == ("77", "Mine")
    instruments = api.get_watchlist(id_="77").instruments or []
    assert instruments[0].ticker == "AAPL"
    deleted = api.delete_watchlist(id_="77").data
    assert deleted
    assert deleted.deleted == "77"
    with pytest.raises(BadRequest):
        api.get_watchlist(id_="77")
    with pytest.raises(OutcomeUnknown, match="Service Unavailable"):
        client.request("POST", "/iserver/watchlist", json={"id": "word", "name": "M", "rows": []})
    with pytest.raises(BadRequest):
        client.request("POST", "/iserver/watchlist", json={"id": "7", "name": "", "rows": []})
    with pytest.raises(InvalidRequest):
        api.create_watchlist(id_="word", name="Mine", rows=rows)


def test_alerts(gateway: SimulatedGateway, client: Client) -> None:
    api, account = client.api.alerts, gateway.account_id
    condition = NewAlertCondition(
        conid_ex=f"{AAPL}@SMART",
        logic_bind="n",
        operator=">=",
        trigger_method="0",
        type=1,
        value="300",
    )

    def create(name: str, order_id: int | None = None) -> int:
        created = api.create_alert(
            account_id=account,
            alert_message="m",
            alert_name=name,
            alert_repeatable=0,
            conditions=[condition],
            outside_rth=0,
            time_in_force="GTC",
            order_id=order_id,
        )
        assert created.success
        assert created.order_id
        return created.order_id

    first, second = create("one"), create("two")
    assert create("uno", first) == first
    rows = api.get_all_alerts(account_id=account)
    assert [(each.order_id, each.alert_name) for each in rows] == [(first, "uno"), (second, "two")]
    api.activate_alert(account_id=account, alert_active=0, alert_id=first)
    details = api.get_alert_details(alert_id=first, type_="Q")
    assert (details.alert_active, details.alert_name) == (0, "uno")
    (known,) = details.conditions or []
    assert (known.contract_description_1, known.condition_value) == ("AAPL", "300")
    api.delete_alert(account_id=account, alert_id=first)
    assert len(api.get_all_alerts(account_id=account)) == 1
    with pytest.raises(NotFound):
        api.delete_alert(account_id=account, alert_id=first)
    with pytest.raises(NotAuthenticated):
        api.get_all_alerts(account_id="DU0")


def test_notifications(client: Client) -> None:
    api = client.api.notifications
    unread = api.get_unread_fyis().unread
    notices = api.get_all_fyis(max_=10)
    assert unread == len(notices) == 3
    api.read_fyi_notification(notification_id=notices[0].id or "")
    assert api.get_unread_fyis().unread == 2
    assert api.get_more_fyis(id_=notices[1].id or "") == notices[2:]
    code = notices[0].type_code or ""
    api.modify_fyi_notification(type_code=code, enabled=False)
    api.read_fyi_disclaimer(type_code=code)
    settings = {each.type_code: each for each in api.get_fyi_settings()}
    assert (settings[code].active, settings[code].disclaimer_read) == (0, 1)
    with pytest.raises(BadRequest):
        api.get_fyi_disclaimer(type_code="XX")


def test_accounts_are_searched(gateway: SimulatedGateway, client: Client) -> None:
    accounts = client.api.accounts
    found = accounts.get_dynamic_accounts(search_pattern="du1").matched_accounts or []
    assert [each.account_id for each in found] == [gateway.account_id]
    assert accounts.get_dynamic_accounts(search_pattern="zz").matched_accounts == []
    owners = accounts.get_account_owners(account_id=gateway.account_id)
    assert owners.account_id == gateway.account_id


def test_an_option_of_the_chain_can_be_traded(gateway: SimulatedGateway, client: Client) -> None:
    [option] = client.api.contracts.get_contract_info(
        conid=AAPL, sec_type="OPT", month="JUN27", strike=Decimal("255.5"), right="P"
    )
    assert option.conid
    client.api.accounts.get_brokerage_accounts()
    ticket = OrderTicket(
        conid=option.conid, side="BUY", order_type="MKT", time_in_force="DAY", quantity=2
    )
    [reply] = client.api.orders.submit_new_orders(account_id=gateway.account_id, orders=[ticket])
    assert reply.status == "PreSubmitted"
    assert gateway.position(option.conid) == 2


ACCOUNT = "/iserver/account/DU1234567"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/iserver/secdef/search", None, 400),
        ("POST", "/iserver/secdef/search", {"symbol": "AAPL", "secType": "XXX"}, 400),
        ("GET", "/iserver/secdef/strikes?conid=x", None, 400),
        ("GET", "/iserver/secdef/info?conid=265598&strike=x", None, 400),
        ("GET", "/iserver/secdef/info?conid=265598&sectype=OPT&month=MAR27", None, 400),
        ("GET", "/iserver/secdef/info?conid=1", None, 500),
        ("GET", "/iserver/secdef/strikes?conid=265598&sectype=OPT&month=2027-03", None, 503),
        ("GET", "/iserver/contract/x/info", None, 400),
        ("GET", "/iserver/contract/1/info-and-rules", None, 400),
        ("GET", "/iserver/contract/1/algos", None, 503),
        ("POST", "/iserver/contract/rules", {"conid": 1}, 400),
        ("GET", "/trsrv/futures", None, 400),
        ("GET", "/trsrv/all-conids", None, 400),
        ("GET", "/iserver/currency/pairs?currency=XXX", None, 400),
        ("DELETE", "/iserver/watchlist?id=9", None, 400),
        ("GET", "/iserver/account/alert/9", None, 200),
        ("POST", f"{ACCOUNT}/alert", {"alertName": "x"}, 400),
        ("POST", f"{ACCOUNT}/alert/activate", {"alertId": 9, "alertActive": 1}, 200),
        ("POST", "/iserver/account/DU0/alert", {}, 401),
        ("POST", "/iserver/account/DU0/alert/activate", {}, 401),
        ("DELETE", "/iserver/account/DU0/alert/1", None, 401),
        ("POST", "/fyi/settings/XX", {}, 400),
        ("PUT", "/fyi/disclaimer/XX", None, 400),
        ("POST", "/fyi/deliveryoptions/device", {}, 400),
        ("PUT", "/fyi/notifications/9", None, 400),
        ("POST", "/iserver/dynaccount", {"acctId": "DU0"}, 401),
        ("GET", "/acesws/DU0/signatures-and-owners", None, 401),
    ],
)
def test_what_is_refused(
    gateway: SimulatedGateway, method: str, path: str, body: object, status: int
) -> None:
    url = gateway.base_url + path
    answer = httpx.request(method, url, json=body if body is not None else {}, verify=False)
    assert answer.status_code == status, answer.text
    if status != 401:
        assert answer.json()["error"]


def test_all_alerts_are_deleted_at_once(gateway: SimulatedGateway, client: Client) -> None:
    url = f"{gateway.base_url}{ACCOUNT}"
    alert = {"alertName": "x", "conditions": [{"type": 1, "conidex": "x", "value": "1"}]}
    with httpx.Client(verify=False, timeout=60) as plain:
        for _ in range(3):
            plain.post(f"{url}/alert", json=alert)
        assert len(plain.get(f"{url}/alerts").json()) == 3
        # An unknown id deletes nothing. The id 0 below deletes all alerts.
        assert plain.delete(f"{url}/alert/nosuch").json() == {"error": "Alert not found"}
        assert len(plain.get(f"{url}/alerts").json()) == 3
        assert plain.post(f"{url}/alert", json=alert | {"conditions": ["x"]}).status_code == 400
        plain.delete(f"{url}/alert/0")
        assert plain.get(f"{url}/alerts").json() == []


@pytest.mark.parametrize("currency", ["USD", "EUR", "GBP", "CHF", "CAD", "MXN", "JPY"])
def test_every_currency_has_the_rate_that_the_books_have(
    gateway: SimulatedGateway, currency: str
) -> None:
    with httpx.Client(base_url=gateway.base_url, verify=False, timeout=60) as plain:
        query = {"source": currency, "target": "USD"}
        rate = plain.get("/iserver/exchangerate", params=query).json()["rate"]
    assert rate == float(RATES[currency])
