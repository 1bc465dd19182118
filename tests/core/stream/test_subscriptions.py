"""Tests of subscriptions, and of the commands that request them from the gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant import InvalidRequest, MarketDataFields
from bezant._core.stream.subscriptions import Interest, SubscriptionRegistry
from bezant._core.stream.topic import SubscriptionRequest
from bezant._core.stream.topics import (
    bars,
    ladder,
    ledger,
    market_data,
    orders,
    pnl,
    summary,
    trades,
)


def fields(*codes: int) -> MarketDataFields:
    return MarketDataFields.from_codes(*codes)


def quotes(*codes: int, conid: int = 4711) -> SubscriptionRequest:
    return market_data.request(conid, fields(*codes), None)


@pytest.mark.parametrize(
    ("conid", "exchange", "key"),
    [
        (4711, None, "md+4711"),
        (4711, "NYSE", "md+4711@NYSE"),
        (1, "ibeos", "md+1@IBEOS"),
        ("4711@nyse", None, "md+4711@NYSE"),
        ("28812380;;;1/1,2/-1", None, "md+28812380;;;1/1,2/-1"),
        ("28812380;;;1/+1,2/-1", "CME", "md+28812380@CME;;;1/1,2/-1"),
    ],
)
def test_keys(conid: int | str, exchange: str | None, key: str) -> None:
    assert market_data.request(conid, fields(31), exchange).key == key


@pytest.mark.parametrize("conid", [0, -1, True, "AAPL", 1.0, None], ids=repr)
def test_contracts_are_positive_numbers(conid: Any) -> None:
    with pytest.raises(InvalidRequest, match="conid"):
        market_data.request(conid, fields(31), None)
    with pytest.raises(InvalidRequest, match="conid"):
        bars.request(conid, None)


def test_an_exchange_is_named_once() -> None:
    with pytest.raises(InvalidRequest, match="already names an exchange"):
        market_data.request("1@NYSE", fields(31), "ARCA")


@pytest.mark.parametrize("exchange", ["", "A B", "A+{}", "@", 5], ids=repr)
def test_exchanges_are_names(exchange: Any) -> None:
    with pytest.raises(InvalidRequest, match="exchange"):
        market_data.request(1, fields(31), exchange)


def test_the_fields_of_a_contract_are_one_set() -> None:
    registry = SubscriptionRegistry()
    first, commands = registry.add(quotes(31, 84))
    assert commands == ['smd+4711+{"fields":["31","84"]}']
    second, commands = registry.add(quotes(86, 31))
    assert commands == ['smd+4711+{"fields":["31","84","86"]}']
    assert registry.remove(first) == []
    assert registry.commands() == ['smd+4711+{"fields":["86","31"]}']
    assert registry.remove(second) == ["umd+4711+{}"]
    assert registry.remove(second) == []
    assert len(registry) == 0


def test_asking_for_the_same_again_asks_the_gateway_again() -> None:
    registry = SubscriptionRegistry()
    registry.add(quotes(31))
    assert registry.add(quotes(31))[1] == ['smd+4711+{"fields":["31"]}']


@pytest.mark.parametrize("request_", [orders.request(), pnl.request()], ids=["orders", "pnl"])
def test_orders_and_pnl_are_counted(request_: SubscriptionRequest) -> None:
    registry = SubscriptionRegistry()
    first, commands = registry.add(request_)
    assert commands == [f"s{request_.key}+{{}}"]
    second, commands = registry.add(request_)
    assert commands == []
    assert first != second
    assert registry.remove(first) == []
    assert registry.remove(first) == []
    assert registry.remove(second) == [f"u{request_.key}+{{}}"]


def test_fifty_fields_are_the_limit_of_a_contract_not_of_a_subscription() -> None:
    registry = SubscriptionRegistry()
    registry.add(quotes(*range(1, 41)))
    with pytest.raises(InvalidRequest, match="4711 would have 51 fields"):
        registry.add(quotes(*range(41, 52)))
    assert len(registry) == 1
    assert len(registry.add(quotes(*range(31, 51)))[1]) == 1
    registry.add(quotes(*range(41, 52), conid=4712))


def test_all_commands_in_the_order_of_the_subscriptions() -> None:
    registry = SubscriptionRegistry()
    registry.add(pnl.request())
    registry.add(quotes(31))
    registry.add(orders.request())
    registry.add(quotes(31, conid=4712))
    registry.add(quotes(84))
    registry.add(pnl.request())
    assert registry.commands() == [
        "spl+{}",
        'smd+4711+{"fields":["31","84"]}',
        "sor+{}",
        'smd+4712+{"fields":["31"]}',
    ]


steps = st.lists(
    st.tuples(st.sampled_from([1, 2]), st.sets(st.integers(1, 6), min_size=1)) | st.integers(0, 9),
    max_size=25,
)


@given(steps=steps)
def test_the_gateway_has_all_subscriptions_after_any_steps(
    steps: list[tuple[int, set[int]] | int],
) -> None:
    """After the commands, the gateway has every subscribed field and only subscribed contracts."""
    registry = SubscriptionRegistry()
    held: list[Interest] = []
    gateway: dict[str, set[str]] = {}
    for step in steps:
        if isinstance(step, int):
            commands = registry.remove(held.pop(step % len(held))) if held else []
        else:
            interest, commands = registry.add(quotes(*sorted(step[1]), conid=step[0]))
            held.append(interest)
        for command in commands:
            topic, arguments = command[1:].rsplit("+", 1)
            if command[0] == "u":
                del gateway[topic]
            else:
                gateway[topic] = set(json.loads(arguments)["fields"])
    assert set(gateway) == {each.key for each in held}
    for each in held:
        assert set(each.arguments["fields"]) <= gateway[each.key]
    assert [each[1:].rsplit("+", 1)[0] for each in registry.commands()] == list(
        dict.fromkeys(each.key for each in held)
    )


def test_keys_of_accounts_and_contracts() -> None:
    assert ladder.request("DU1", 5, "nyse").key == "bd+DU1+5+NYSE"
    assert ladder.request("DU1", 5, None).key == "bd+DU1+5"
    assert bars.request(5, "NYSE").key == "mh+5@NYSE"
    assert bars.request(5, "NYSE").arguments["exchange"] == "NYSE"
    for request in (summary.request, ledger.request):
        assert request("DU1").key.partition("+")[2] == "DU1"
        for account in ("", "DU 1", "DU1+{}", None, 5):
            with pytest.raises(InvalidRequest, match="account"):
                request(account)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("period", "bar", "source"),
    [("1 d", "5min", "trades"), ("0d", "5min", "trades"), (5, "5min", "trades"),
     ("1d", "5", "trades"), ("1d", None, "trades"), ("1d", "5min", "all")],
)  # fmt: skip
def test_arguments_of_bars_that_the_gateway_would_ignore(
    period: Any, bar: Any, source: str
) -> None:
    with pytest.raises(InvalidRequest):
        bars.request(1, period=period, bar=bar, source=source)
    request = bars.request(1, period="1d", bar="30S", source="bid_ask", outside_rth=True)
    assert request.arguments["outsideRth"] is True


def test_other_arguments() -> None:
    for days in (0, 8, True, "1"):
        with pytest.raises(InvalidRequest, match="days"):
            trades.request(days)  # type: ignore[arg-type]
    assert summary.request("U1", None, ["a", "a"]).arguments == {"fields": ["a"]}
    for wrong in ("a", [], [""], [5]):
        with pytest.raises(InvalidRequest, match="keys"):
            summary.request("U1", wrong)  # type: ignore[arg-type]


def test_two_subscribers_of_a_topic_get_the_data_of_both() -> None:
    registry = SubscriptionRegistry()
    registry.add(trades.request(1, realtime_only=True))
    _, commands = registry.add(trades.request(3, realtime_only=False))
    assert commands == ['str+{"realtimeUpdatesOnly":false,"days":3}']
    first, _ = registry.add(summary.request("U1", ["A"], ["x"]))
    _, commands = registry.add(summary.request("U1", ["B"], None))
    assert commands == ['ssd+U1+{"keys":["A","B"]}']
    assert registry.remove(first) == []
    assert "sd+U1" in registry
    assert registry.all_keys() == ["tr", "sd+U1"]


def test_bars_are_five_and_of_one_kind_for_a_contract() -> None:
    registry = SubscriptionRegistry()
    interests = [registry.add(bars.request(number, bar="1d"))[0] for number in range(1, 6)]
    assert registry.add(bars.request(2, bar="1d"))[1] == []
    with pytest.raises(InvalidRequest, match="5 subscriptions"):
        registry.add(bars.request(9, bar="1d"))
    with pytest.raises(InvalidRequest, match="other arguments"):
        registry.add(bars.request(2, bar="1h"))
    assert registry.remove(interests[0]) == []
    registry.add(bars.request(9, bar="1d"))


def test_endings() -> None:
    registry = SubscriptionRegistry()
    executions, _ = registry.add(trades.request(1, realtime_only=True))
    first, commands = registry.add(ladder.request("U1", 1))
    registry.add(ladder.request("U1", 2))
    registry.add(ladder.request("U2", 1))
    assert commands == ["sbd+U1+1"]
    assert registry.remove(executions) == ["utr"]
    # IBKR has only one command to end all price ladders of an account. So the remaining ladder is
    # requested again.
    assert registry.remove(first) == ["ubd+U1", "sbd+U1+2"]


def test_orders_are_requested_as_widely_as_any_subscriber_wants() -> None:
    def asked(*requests: SubscriptionRequest) -> str:
        registry = SubscriptionRegistry()
        for each in requests:
            registry.add(each)
        return registry.command("or")

    submitted = orders.request(["Submitted", "Submitted"], None, realtime_only=True)
    filled = orders.request(("Filled",), 3, realtime_only=True)
    everything = orders.request(None, None, realtime_only=False)
    assert asked(everything) == "sor+{}"
    assert asked(submitted) == 'sor+{"filters":["Submitted"],"realtimeUpdatesOnly":true}'
    assert (
        asked(submitted, filled)
        == 'sor+{"filters":["Submitted","Filled"],"days":3,"realtimeUpdatesOnly":true}'
    )
    assert asked(submitted, everything, filled) == 'sor+{"days":3}'


@pytest.mark.parametrize(
    ("statuses", "days"),
    [
        ("Submitted", None),
        ([], None),
        ([3], None),
        ([""], None),
        (None, 0),
        (None, 8),
        (None, True),
    ],
)
def test_invalid_arguments_of_orders(statuses: Any, days: Any) -> None:
    with pytest.raises(InvalidRequest):
        orders.request(statuses, days, realtime_only=False)


@pytest.mark.parametrize("exchange", ["", "X" * 33, "N@Y", "É", 5], ids=repr)
def test_an_exchange_is_a_short_name(exchange: Any) -> None:
    with pytest.raises(InvalidRequest, match="exchange must be a name"):
        market_data.request(1, fields(31), exchange)


@pytest.mark.parametrize("given", [5, "abc", b"abc", [], [5], [""], ["\ud800"]], ids=repr)
def test_names_are_a_list_of_texts(given: Any) -> None:
    with pytest.raises(InvalidRequest, match="keys must be a list of at least one name"):
        ledger.request("U1", given)


def test_a_command_that_is_too_long_is_refused_and_not_kept() -> None:
    registry = SubscriptionRegistry()
    first = [f"Key{number}" for number in range(4500)]
    second = [f"Other{number}" for number in range(4500)]
    registry.add(summary.request("DU1", first))
    before = registry.commands()
    with pytest.raises(InvalidRequest, match=r"all subscriptions to sd.DU1 has .* pass fewer"):
        registry.add(summary.request("DU1", second))
    assert registry.commands() == before
