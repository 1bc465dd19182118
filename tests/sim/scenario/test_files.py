"""Tests of scenarios in TOML files, and of the errors for invalid ones."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bezant import Client
from bezant.sim import (
    Contract,
    Held,
    Scenario,
    ScenarioError,
    SimulatedGateway,
    Working,
    load_scenario,
)
from bezant.sim._scenario.files import clock_of, parse_scenario

WHOLE = """
hours = "regular"
commissions = false
cancel_delay = 1
price_limit = 5
size_limit = 100
value_limit = 20000.5
without_data = ["VOD", 272093]

[[contracts]]
conid = 999000001
symbol = "ACME"
exchange = "NASDAQ"
price = 12.5

[[contracts]]
conid = 999000002
symbol = "AAPL"
name = "APPLE INC"
exchange = "SMART"
price = 3
asset_class = "OPT"
multiplier = 100
strike = 300
expiry = "20270115"
right = "C"
underlying = 265598

[cash]
USD = 25000.10

[prices]
AAPL = 200.05
7203 = 3000
272093 = 400

[[positions]]
contract = "AAPL"
quantity = 10
average_price = 150.1
realized = -3

[[positions]]
contract = 272093
quantity = -2

[[orders]]
contract = "AAPL"
side = "SELL"
quantity = 5
limit = 250
kind = "LMT"
tif = "DAY"
client_id = "mine"
"""


def test_everything(tmp_path: Path) -> None:
    file = tmp_path / "whole.toml"
    file.write_text(WHOLE)
    assert load_scenario(file) == Scenario(
        contracts=[
            Contract(999000001, "ACME", "ACME", "NASDAQ", 12.5),
            Contract(
                999000002,
                "AAPL",
                "APPLE INC",
                "SMART",
                3.0,
                asset_class="OPT",
                multiplier=100.0,
                strike=300.0,
                expiry="20270115",
                right="C",
                underlying=265598,
            ),
        ],
        held=[Held("AAPL", Decimal(10), Decimal("150.1"), Decimal(-3)), Held(272093, Decimal(-2))],
        cash={"USD": Decimal("25000.10")},
        prices={"AAPL": Decimal("200.05"), "7203": Decimal(3000), 272093: Decimal(400)},
        orders=[
            Working("AAPL", "SELL", Decimal(5), Decimal(250), tif="DAY", client_id="mine"),
        ],
        hours="regular",
        commissions=False,
        cancel_delay=1.0,
        price_limit=Decimal(5),
        size_limit=Decimal(100),
        value_limit=Decimal("20000.5"),
        without_data=frozenset({"VOD", 272093}),
    )
    with SimulatedGateway(scenario=load_scenario(file)) as gateway:
        assert len(gateway.orders) == 1
        with Client(gateway.base_url, pacing=False, retries=0, strict=True) as client:
            client.accounts()
            contracts = client.api.contracts
            [option] = contracts.get_contract_info(
                conid=265598, sec_type="OPT", month="JAN27", strike=300
            )
            assert option.conid == 999000002
            assert option.strike == 300
            assert contracts.search_contracts(symbol="ACME")[0].conid == 999000001


def test_defaults_of_a_scenario() -> None:
    scenario = parse_scenario("")
    assert scenario == Scenario()
    assert scenario.held is None
    assert (scenario.orders, scenario.demo_orders) == ((), False)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a = ", "f: not valid TOML: "),
        (
            "colour = 1",
            "f: unknown key 'colour'; allowed are contracts, positions, cash, ",
        ),
        ("hours = 'late'", "f: hours must be 'always' or 'regular', not 'late'"),
        ("commissions = 1", "f: commissions must be true or false, not 1"),
        ("cancel_delay = -1", "f: cancel_delay must be 0 or more, not -1"),
        ("size_limit = nan", "f: size_limit must be a finite number"),
        ("cash = 3", "f: cash must be a table of numbers, not 3"),
        ("[cash]\nUSD = '1'", "f: cash.USD must be a number, not '1'"),
        ("[prices]\nAAPL = 0", "f: prices.AAPL must be more than 0, not 0"),
        ("positions = 3", "f: positions must be a list, not 3"),
        ("positions = [3]", "f: positions[1] must be a table, not 3"),
        ("[[positions]]\nquantity = 1", "f: positions[1]: the key 'contract' is missing"),
        ("without_data = [true]", "f: without_data[1] must be the symbol of a stock in quotes"),
        ("[[contracts]]\nconid = 0", "f: contracts[1]: the key 'symbol' is missing"),
        (
            "[[contracts]]\nconid = 0\nsymbol = 'A'\nexchange = 'NYSE'\nprice = 1",
            "f: contracts[1]: conid must be a whole number above 0, not 0",
        ),
        (
            "[[contracts]]\nconid = 1\nsymbol = 'A'\nexchange = 'NYSE'\nprice = 1\nexpiry = '1'",
            "f: contracts[1]: expiry must be a date as 'YYYYMMDD', not '1'",
        ),
        (
            "[[orders]]\ncontract = 'AAPL'\nside = 'HOLD'\nquantity = 1",
            "f: orders[1]: side must be 'BUY' or 'SELL', not 'HOLD'",
        ),
        (
            "[[orders]]\ncontract = 'AAPL'\nside = 'BUY'\nquantity = 1\nclient_id = 3",
            "f: orders[1]: client_id must be a text, not 3",
        ),
        ("[[orders]]\npirce = 3", "f: orders[1]: unknown key 'pirce'; allowed are contract, side"),
    ],
)
def test_errors_of_a_scenario(text: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "f")
    assert str(caught.value).startswith(complaint)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="can't read the scenario: No such file"):
        load_scenario(tmp_path / "none.toml")
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"a = '\xe4'")
    with pytest.raises(ScenarioError, match="UTF-8"):
        load_scenario(latin)


def test_times() -> None:
    assert (clock_of("live").speed, clock_of("hand").speed, clock_of("fast=2.5").speed) == (
        1,
        0,
        2.5,
    )
    for text in ("", "fast", "fast=0", "fast=x", "fast=inf", "slow=3", "live=1"):
        with pytest.raises(ValueError, match="live, hand or fast=N"):
            clock_of(text)
