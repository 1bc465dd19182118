"""What is wanted, and the commands that make it so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant import InvalidRequest, MarketDataFields
from bezant._core.stream.subscriptions import Interest, SubscriptionRegistry
from bezant._core.stream.topics import (
    ORDERS,
    PNL,
    TRADES,
    account_topic,
    bars_arguments,
    bars_topic,
    chosen,
    ladder_topic,
    market_data_topic,
    orders_arguments,
    trades_arguments,
)

MD = "md+4711"


def fields(*codes: int) -> MarketDataFields:
    return MarketDataFields.from_codes(*codes)


@pytest.mark.parametrize(
    ("conid", "exchange", "topic"),
    [(4711, None, "md+4711"), (4711, "NYSE", "md+4711@NYSE"), (1, "ibeos", "md+1@IBEOS")],
)
def test_topics(conid: int, exchange: str | None, topic: str) -> None:
    assert market_data_topic(conid, exchange) == topic


@pytest.mark.parametrize("conid", [0, -1, True, "4711", 1.0, None], ids=repr)
def test_contracts_are_positive_numbers(conid: Any) -> None:
    with pytest.raises(InvalidRequest, match="conid"):
        market_data_topic(conid, None)


@pytest.mark.parametrize("exchange", ["", "A B", "A+{}", "@", 5], ids=repr)
def test_exchanges_are_names(exchange: Any) -> None:
    with pytest.raises(InvalidRequest, match="exchange"):
        market_data_topic(1, exchange)


def test_the_fields_of_a_contract_are_one_set() -> None:
    wanted = SubscriptionRegistry()
    first, commands = wanted.add(MD, fields(31, 84))
    assert commands == ['smd+4711+{"fields":["31","84"]}']
    second, commands = wanted.add(MD, fields(86, 31))
    assert commands == ['smd+4711+{"fields":["31","84","86"]}']
    assert wanted.remove(first) == []
    assert wanted.commands() == ['smd+4711+{"fields":["86","31"]}']
    assert wanted.remove(second) == ["umd+4711+{}"]
    assert wanted.remove(second) == []
    assert len(wanted) == 0


def test_asking_for_the_same_again_asks_the_gateway_again() -> None:
    wanted = SubscriptionRegistry()
    wanted.add(MD, fields(31))
    assert wanted.add(MD, fields(31))[1] == ['smd+4711+{"fields":["31"]}']


@pytest.mark.parametrize("topic", [ORDERS, PNL])
def test_orders_and_pnl_are_counted(topic: str) -> None:
    wanted = SubscriptionRegistry()
    first, commands = wanted.add(topic)
    assert commands == [f"s{topic}+{{}}"]
    second, commands = wanted.add(topic)
    assert commands == []
    assert first != second
    assert wanted.remove(first) == []
    assert wanted.remove(first) == []
    assert wanted.remove(second) == [f"u{topic}+{{}}"]


def test_fifty_fields_are_the_limit_of_a_contract_not_of_a_subscription() -> None:
    wanted = SubscriptionRegistry()
    wanted.add(MD, fields(*range(1, 41)))
    with pytest.raises(InvalidRequest, match="4711 would have 51 fields"):
        wanted.add(MD, fields(*range(41, 52)))
    assert len(wanted) == 1
    assert len(wanted.add(MD, fields(*range(31, 51)))[1]) == 1
    wanted.add("md+4712", fields(*range(41, 52)))


def test_all_commands_in_the_order_in_which_they_were_wanted() -> None:
    wanted = SubscriptionRegistry()
    wanted.add(PNL)
    wanted.add(MD, fields(31))
    wanted.add(ORDERS)
    wanted.add("md+4712", fields(31))
    wanted.add(MD, fields(84))
    wanted.add(PNL)
    assert wanted.commands() == [
        "spl+{}",
        'smd+4711+{"fields":["31","84"]}',
        "sor+{}",
        'smd+4712+{"fields":["31"]}',
    ]


steps = st.lists(
    st.tuples(st.sampled_from(["md+1", "md+2"]), st.sets(st.integers(1, 6), min_size=1))
    | st.integers(0, 9),
    max_size=25,
)


@given(steps=steps)
def test_the_gateway_has_what_is_wanted_after_any_steps(
    steps: list[tuple[str, set[int]] | int],
) -> None:
    """Play the gateway: it must hold every wanted field, and no contract that nobody wants."""
    wanted = SubscriptionRegistry()
    held: list[Interest] = []
    gateway: dict[str, set[str]] = {}
    for step in steps:
        if isinstance(step, int):
            commands = wanted.remove(held.pop(step % len(held))) if held else []
        else:
            interest, commands = wanted.add(step[0], fields(*sorted(step[1])))
            held.append(interest)
        for command in commands:
            topic, arguments = command[1:].rsplit("+", 1)
            if command[0] == "u":
                del gateway[topic]
            else:
                gateway[topic] = set(json.loads(arguments)["fields"])
    assert set(gateway) == {each.topic for each in held}
    for each in held:
        assert set(each.fields) <= gateway[each.topic]
    assert [each[1:].rsplit("+", 1)[0] for each in wanted.commands()] == list(
        dict.fromkeys(each.topic for each in held)
    )


def test_topics_of_accounts_and_contracts() -> None:
    assert ladder_topic("DU1", 5, "nyse") == "bd+DU1+5+NYSE"
    assert ladder_topic("DU1", 5, None) == "bd+DU1+5"
    assert bars_topic(5, "NYSE") == "mh+5@NYSE"
    for account in ("", "DU 1", "DU1+{}", None, 5):
        with pytest.raises(InvalidRequest, match="account"):
            account_topic("sd", account)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("period", "bar", "source"),
    [("1 d", "5min", "trades"), ("0d", "5min", "trades"), (5, "5min", "trades"),
     ("1d", "5", "trades"), ("1d", None, "trades"), ("1d", "5min", "all")],
)  # fmt: skip
def test_arguments_of_bars_that_the_gateway_would_ignore(
    period: Any, bar: Any, source: str
) -> None:
    with pytest.raises(InvalidRequest):
        bars_arguments(period, bar, source, outside_rth=False)
    assert bars_arguments("1d", "30S", "bid_ask", outside_rth=True)["outsideRth"] is True


def test_other_arguments() -> None:
    for days in (0, 8, True, "1"):
        with pytest.raises(InvalidRequest, match="days"):
            trades_arguments(days, realtime_only=False)  # type: ignore[arg-type]
    assert chosen(None, ["a", "a"]) == {"fields": ["a"]}
    for wrong in ("a", [], [""], [5]):
        with pytest.raises(InvalidRequest, match="keys"):
            chosen(wrong, None)  # type: ignore[arg-type]


def test_two_who_want_one_topic_get_what_both_want() -> None:
    wanted = SubscriptionRegistry()
    wanted.add(TRADES, None, trades_arguments(1, realtime_only=True))
    _, commands = wanted.add(TRADES, None, trades_arguments(3, realtime_only=False))
    assert commands == ['str+{"realtimeUpdatesOnly":false,"days":3}']
    first, _ = wanted.add("sd+U1", None, chosen(["A"], ["x"]))
    _, commands = wanted.add("sd+U1", None, chosen(["B"], None))
    assert commands == ['ssd+U1+{"keys":["A","B"]}']
    assert wanted.remove(first) == []
    assert "sd+U1" in wanted
    assert wanted.topics() == ["tr", "sd+U1"]


def test_bars_are_five_and_of_one_kind_for_a_contract() -> None:
    wanted = SubscriptionRegistry()
    daily = bars_arguments("1y", "1d", "trades", outside_rth=False)
    interests = [wanted.add(f"mh+{number}", None, daily)[0] for number in range(5)]
    assert wanted.add("mh+1", None, daily)[1] == []
    with pytest.raises(InvalidRequest, match="5 subscriptions"):
        wanted.add("mh+9", None, daily)
    with pytest.raises(InvalidRequest, match="other arguments"):
        wanted.add("mh+1", None, bars_arguments("1y", "1h", "trades", outside_rth=False))
    assert wanted.remove(interests[0]) == []
    wanted.add("mh+9", None, daily)


def test_endings() -> None:
    wanted = SubscriptionRegistry()
    trades, _ = wanted.add(TRADES, None, trades_arguments(1, realtime_only=True))
    first, commands = wanted.add("bd+U1+1")
    wanted.add("bd+U1+2")
    wanted.add("bd+U2+1")
    assert commands == ["sbd+U1+1"]
    assert wanted.remove(trades) == ["utr"]
    # The end of one ladder is the end of all of its account.
    assert wanted.remove(first) == ["ubd+U1", "sbd+U1+2"]


def test_orders_are_asked_for_as_widely_as_anybody_wants() -> None:
    def asked(*arguments: dict[str, Any]) -> str:
        wanted = SubscriptionRegistry()
        for each in arguments:
            wanted.add(ORDERS, None, each)
        return wanted.command(ORDERS)

    submitted = orders_arguments(["Submitted", "Submitted"], None, realtime_only=True)
    filled = orders_arguments(("Filled",), 3, realtime_only=True)
    everything = orders_arguments(None, None, realtime_only=False)
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
def test_what_orders_cannot_be_asked_by(statuses: Any, days: Any) -> None:
    with pytest.raises(InvalidRequest):
        orders_arguments(statuses, days, realtime_only=False)


@pytest.mark.parametrize("exchange", ["", "X" * 33, "N@Y", "É", 5], ids=repr)
def test_an_exchange_is_a_short_name(exchange: Any) -> None:
    with pytest.raises(InvalidRequest, match="exchange must be a name"):
        market_data_topic(1, exchange)


@pytest.mark.parametrize("given", [5, "abc", b"abc", [], [5], [""], ["\ud800"]], ids=repr)
def test_names_are_a_list_of_texts(given: Any) -> None:
    with pytest.raises(InvalidRequest, match="keys must be a list of names"):
        chosen(given, None)


def test_what_is_too_long_is_refused_and_not_wanted() -> None:
    wanted = SubscriptionRegistry()
    first = [f"Key{number}" for number in range(4500)]
    second = [f"Other{number}" for number in range(4500)]
    wanted.add("sd+DU1", arguments=chosen(first, None))
    before = wanted.commands()
    with pytest.raises(InvalidRequest, match=r"all that is asked of sd.DU1 has .* name fewer"):
        wanted.add("sd+DU1", arguments=chosen(second, None))
    assert wanted.commands() == before
