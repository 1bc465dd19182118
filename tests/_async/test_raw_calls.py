"""Tests of raw calls: scanners, watchlists, alerts, notifications and event contracts."""

from __future__ import annotations

from typing import Any

import pytest

from bezant import AsyncClient, BadRequest, InvalidRequest
from bezant.models.alerts import NewAlertCondition
from bezant.models.scanner import ScanCondition
from bezant.models.watchlists import WatchlistRow
from bezant.sim import SimulatedGateway
from tests.support.raw import RawGateway

ALERT: dict[str, Any] = {
    "account_id": "U1", "alert_name": "A", "alert_message": "m", "alert_repeatable": 0,
    "outside_rth": 1, "time_in_force": "GTC",
}  # fmt: skip
SCAN: dict[str, Any] = {"instrument": "STK", "location": "STK.US.MAJOR", "type_": "TOP_PERC_GAIN"}


def condition(**changes: Any) -> NewAlertCondition:
    fields = {
        "conid_ex": "265598@SMART", "logic_bind": "n", "operator": ">=", "trigger_method": "0",
        "type": 1, "value": "150.5",
    }  # fmt: skip
    return NewAlertCondition(**{**fields, **changes})


@pytest.mark.parametrize(
    ("group", "method", "arguments", "said"),
    [
        ("scanner", "get_scanner_results", SCAN | {"type_": "Top % Gainers"}, "type_ must be a"),
        ("scanner", "get_scanner_results", SCAN | {"location": ""}, "location must be a code"),
        (
            "scanner", "get_scanner_results",
            SCAN | {"filter_": [ScanCondition(code="priceAbove")]},
            r"filter_\[0\]\.value must have a value",
        ),
        (
            "watchlists", "create_watchlist",
            {"id_": "1", "name": "A", "rows": [WatchlistRow(conid_text="AAPL")]},
            r"rows\[0\]\.conid_text must be an id",
        ),
        ("watchlists", "create_watchlist", {"id_": "x", "name": "A", "rows": []}, "id_ must be"),
        ("watchlists", "delete_watchlist", {"id_": "Mine"}, "id_ must be an id"),
        ("alerts", "create_alert", ALERT | {"conditions": []}, "at least one condition"),
        (
            "alerts", "create_alert", ALERT | {"conditions": [condition(value="$150")]},
            r"conditions\[0\]\.value must be a number",
        ),
        (
            "alerts", "create_alert", ALERT | {"conditions": [condition(operator="=>")]},
            r"conditions\[0\]\.operator must be one of",
        ),
        (
            "alerts", "create_alert",
            ALERT | {"conditions": [condition()], "expire_time": "2027-12-31"},
            "expire_time must be a time in UTC",
        ),
        (
            "alerts", "create_alert", ALERT | {"conditions": [condition()], "show_popup": 2},
            "show_popup must be one of 0, 1",
        ),
        ("notifications", "get_fyi_disclaimer", {"type_code": "ba"}, "type_code must be the code"),
        ("notifications", "modify_fyi_notification", {"type_code": "*"}, "type_code must be"),
        ("notifications", "get_all_fyis", {"max_": 11}, "max_ must be 1 to 10, not 11"),
        ("notifications", "get_all_fyis", {"max_": 1, "include": "BA, OE"}, "include must be"),
    ],
)  # fmt: skip
async def test_wrong_values_are_refused_before_anything_is_sent(
    raw: RawGateway, group: str, method: str, arguments: dict[str, Any], said: str
) -> None:
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(InvalidRequest, match=said):
            await getattr(getattr(client.api, group), method)(**arguments)
        assert raw.requests == []


async def test_event_contracts(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url, retries=0) as client:
        events = client.api.event_contracts
        categories = (await events.get_forecast_categories()).categories
        [market] = [market for each in categories.values() for market in each.markets or ()]
        assert categories[categories["g2"].parent_id or ""].name == "Economics"
        found = await events.get_forecast_market(underlying_conid=market.conid)
        assert [each.side for each in found.contracts] == ["Y", "N"] * 3
        for listed in found.contracts:
            contract = await events.get_forecast_contract(conid=listed.conid)
            assert (contract.side, contract.strike) == (listed.side, listed.strike)
            assert listed.conid == (
                contract.conid_yes if contract.side == "Y" else contract.conid_no
            )
            assert contract.expiry == listed.expiry
            assert contract.underlying_conid == market.conid
            assert contract.product_conid == market.product_conid
        rules = await events.get_forecast_rules(conid=found.contracts[0].conid)
        assert (rules.threshold, rules.payout) == ("2.5%", "$1.00")
        schedule = await events.get_forecast_schedule(conid=found.contracts[0].conid)
        assert len(schedule.trading_schedules) == 7
        assert gateway.invented == []


async def test_event_contracts_that_nobody_knows(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url, retries=0) as client:
        events = client.api.event_contracts
        for conid in (0, 900_000_001):
            for call in (
                events.get_forecast_contract,
                events.get_forecast_rules,
                events.get_forecast_schedule,
            ):
                with pytest.raises(BadRequest, match="conid"):
                    await call(conid=conid)
        with pytest.raises(BadRequest, match="underlyingConid"):  # the id of the product
            await events.get_forecast_market(underlying_conid=900_000_002)
