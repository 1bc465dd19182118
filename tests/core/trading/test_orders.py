"""Tests of orders as values: types, prices, quantities, brackets, groups, combinations."""

from __future__ import annotations

import copy
import inspect
import pickle
from decimal import Decimal
from typing import Any, NamedTuple, get_args

import pytest

import bezant
from bezant import Buy, InvalidRequest, Order, Sell
from bezant._core.trading.intents import Intent
from bezant._core.trading.numbers import exact, plain
from bezant._core.trading.order_types import INFERRED, TYPES
from bezant._core.trading.orders import contract_name
from bezant._core.trading.tickets import Leg, check_prefix, name_for, orders_of, ticket_for
from bezant.models.orders import OrderTicket


class Listed(NamedTuple):
    conid: int
    symbol: str = ""


def ticket(order: Order, **more: Any) -> dict[str, Any]:
    """Return the fields of an order's ticket that have a value."""
    found = ticket_for(Leg(order, 1, **more), "DU1").to_dict()
    kept = {name: value for name, value in found.items() if value is not None}
    assert kept.pop("account_id") == "DU1"
    return kept


@pytest.mark.parametrize(
    ("terms", "sent"),
    [
        ({}, {"order_type": "MKT"}),
        ({"limit": "240.50"}, {"order_type": "LMT", "price": Decimal("240.50")}),
        ({"stop": 230}, {"order_type": "STP", "price": Decimal(230)}),
        (
            {"stop": 230, "limit": 229.5},
            {"order_type": "STOP_LIMIT", "price": Decimal("229.5"), "aux_price": Decimal(230)},
        ),
        (
            {"trail": "1.5"},
            {"order_type": "TRAIL", "trailing_amount": Decimal("1.5"), "trailing_type": "amt"},
        ),
        (
            {"trail_percent": 5, "stop": 90},
            {
                "order_type": "TRAIL",
                "price": Decimal(90),
                "trailing_amount": Decimal(5),
                "trailing_type": "%",
            },
        ),
        (
            {"trail": 1, "limit": 89, "stop": 90},
            {
                "order_type": "TRAILLMT",
                "price": Decimal(89),
                "aux_price": Decimal(90),
                "trailing_amount": Decimal(1),
                "trailing_type": "amt",
            },
        ),
        ({"order_type": "MIDPRICE"}, {"order_type": "MIDPRICE"}),
        (
            {"order_type": "MIDPRICE", "limit": 5},
            {"order_type": "MIDPRICE", "price": Decimal(5)},
        ),
        ({"order_type": "MOC"}, {"order_type": "MOC"}),
        ({"order_type": "LOC", "limit": 5}, {"order_type": "LOC", "price": Decimal(5)}),
        ({"order_type": "MIT", "stop": 5}, {"order_type": "MIT", "price": Decimal(5)}),
        (
            {"order_type": "LIT", "stop": 5, "limit": 4},
            {"order_type": "LIT", "price": Decimal(4), "aux_price": Decimal(5)},
        ),
        ({"order_type": "REL"}, {"order_type": "REL"}),
    ],
)
def test_the_prices_decide_the_type_and_the_fields(
    terms: dict[str, Any], sent: dict[str, Any]
) -> None:
    expected = {"conid": 1, "side": "BUY", "quantity": Decimal(10), "time_in_force": "DAY"}
    assert ticket(Buy(1, 10, **terms)) == expected | sent


def test_the_other_terms_are_sent() -> None:
    order = Sell(
        1,
        "10",
        limit=5,
        time_in_force="GTC",
        outside_rth=True,
        all_or_none=True,
        adaptive=True,
        algo="Adaptive",
        algo_parameters={"adaptivePriority": "Urgent"},
        exchange="NYSE",
        manual_indicator=False,
        ext_operator="me",
    )
    assert ticket(order, name="a", parent="b") == {
        "conid_ex": "1@NYSE",
        "side": "SELL",
        "quantity": Decimal(10),
        "order_type": "LMT",
        "price": Decimal(5),
        "time_in_force": "GTC",
        "outside_rth": True,
        "all_or_none": True,
        "use_adaptive": True,
        "strategy": "Adaptive",
        "strategy_parameters": {"adaptivePriority": "Urgent"},
        "manual_indicator": False,
        "ext_operator": "me",
        "client_order_id": "a",
        "parent_id": "b",
    }
    assert "strategy_parameters" not in ticket(Buy(1, 1, algo="Vwap"))


def test_an_order_may_be_for_an_amount_of_money() -> None:
    assert ticket(Buy(1, cash_quantity=100))["cash_quantity"] == Decimal(100)
    converted = ticket(Buy(1, cash_quantity=100, currency_conversion=True))
    assert converted["fx_quantity"] == Decimal(100)
    assert converted["is_currency_conversion"] is True
    assert "cash_quantity" not in converted
    assert str(Buy("A", cash_quantity=100)) == "BUY 100 of money A MKT DAY"


def test_a_group_marks_each_ticket() -> None:
    group = bezant.one_cancels_all(Buy(1, 1, limit=1), Buy(1, 1, limit=2))
    assert orders_of(group) == group.orders
    assert orders_of(group.orders[0]) == group.orders[:1]
    sent = ticket_for(Leg(group.orders[0], 1), "DU1", grouped=True)
    assert isinstance(sent, OrderTicket)
    assert sent.is_single_group is True


@pytest.mark.parametrize(
    ("arguments", "terms", "words"),
    [
        ((1,), {}, "needs either quantity or cash_quantity"),
        ((1, 10), {"cash_quantity": 5}, "needs either quantity or cash_quantity"),
        ((1, 0), {}, "quantity must be above 0"),
        ((1, None), {}, "quantity must be a number, not None"),
        ((1, 10), {"limit": None}, "limit must be a number, not None"),
        ((1, 10), {"limit": "abc"}, "limit must be a number such as"),
        ((1, 10), {"limit": True}, "limit must be a number such as"),
        ((1, 10), {"limit": "NaN"}, "limit must be a finite number"),
        ((1, 10), {"limit": float("inf")}, "limit must be a finite number"),
        ((1, 10), {"limit": 0.1 + 0.2}, "result of a calculation with floats"),
        ((1, 10), {"limit": "1E+999"}, "too many digits"),
        ((1, 10), {"trail": 0}, "trail must be above 0"),
        ((1, 10), {"trail": 1, "trail_percent": 1}, "either trail or trail_percent"),
        ((1, 10), {"trail": 1, "limit": 5}, "no order type has exactly the prices limit, trail"),
        ((1, 10), {"trail_percent": 100}, "trail_percent must be below 100"),
        ((1, 10), {"order_type": "LMT"}, "a limit order needs limit"),
        ((1, 10), {"order_type": "MKT", "limit": 5}, "a market order has no limit"),
        ((1, 10), {"order_type": "TRAIL"}, "either trail or trail_percent"),
        ((1, 10), {"order_type": "Limit"}, "did you mean 'LMT'"),
        ((1, 10), {"order_type": "PEG"}, "order_type must be one of MKT"),
        ((1, 10), {"order_type": 5}, "order_type must be one of MKT"),
        ((1, 10), {"time_in_force": "FOK"}, "CPAPI has no FOK"),
        ((1, 10), {"time_in_force": "GTD"}, "CPAPI has no GTD"),
        ((1, 10), {"time_in_force": "day"}, "time_in_force must be one of DAY"),
        ((1, 10), {"time_in_force": 5}, "time_in_force must be one of DAY"),
        ((1, 10), {"order_type": "MOC", "time_in_force": "GTC"}, "must be DAY, not GTC"),
        ((1, 10), {"outside_rth": 1}, "outside_rth must be True or False"),
        ((1, 10), {"manual_indicator": "no"}, "manual_indicator must be True or False"),
        ((1, 10), {"order_type": "MOC", "outside_rth": True}, "outside_rth does not fit"),
        ((1,), {"order_type": "MOC", "cash_quantity": 5}, "cash_quantity does not fit"),
        ((1, 10), {"currency_conversion": True}, "currency_conversion needs cash_quantity"),
        ((1, 10), {"algo": " "}, "algo must be text"),
        ((1, 10), {"exchange": 5}, "exchange must be text"),
        ((1, 10), {"algo_parameters": {}}, "algo_parameters needs algo"),
        ((1, 10), {"algo": "Vwap", "algo_parameters": 5}, "algo_parameters must be a mapping"),
        ((" ", 10), {}, "contract must be a conid"),
        ((0, 10), {}, "contract must be a conid"),
        ((None, 10), {}, "contract must be a conid"),
    ],
)
def test_an_order_that_cannot_be_sent_is_refused(
    arguments: tuple[Any, ...], terms: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Buy(*arguments, **terms)
    assert words in str(caught.value)


def test_an_order_has_a_side() -> None:
    with pytest.raises(InvalidRequest, match=r"must be a bezant\.Buy or bezant\.Sell"):
        Order(1, 10)


def test_every_set_of_prices_fits_the_type_that_it_infers() -> None:
    for given, kind in INFERRED.items():
        order = Buy(1, 1, **dict.fromkeys(given, 5))  # type: ignore[arg-type]
        assert order.order_type == kind
        assert order.row is TYPES[kind]
    assert set(TYPES) == set(get_args(bezant.OrderType))


def test_the_terms_are_the_keyword_arguments() -> None:
    parameters = inspect.signature(Order.__init__).parameters
    keywords = {name for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY}
    assert set(bezant.OrderTerms.__annotations__) == keywords
    assert set(Order.__slots__) == keywords | {"contract", "quantity"}


def test_an_order_is_a_value() -> None:
    order = Buy("AAPL", 10, limit="240.50")
    same = Buy("AAPL", "10", limit=240.5)
    assert order == same
    assert hash(order) == hash(same)
    assert order != Sell("AAPL", 10, limit="240.50")
    assert order != 5
    for travelled in (copy.deepcopy(order), pickle.loads(pickle.dumps(order))):
        assert travelled == order
    algo = Buy(1, 1, algo="Vwap", algo_parameters={"a": 1})
    assert pickle.loads(pickle.dumps(algo)) == algo
    with pytest.raises(AttributeError, match=r"order\.replace\(limit=\.\.\.\)"):
        order.limit = Decimal(5)
    with pytest.raises(AttributeError):
        del order.limit
    assert repr(order) == "<BUY 10 AAPL LMT limit 240.5 DAY>"


def test_an_order_is_replaced() -> None:
    order = Buy("AAPL", 10, limit=5, time_in_force="GTC")
    changed = order.replace(limit=6)
    assert (changed.limit, order.limit) == (Decimal(6), Decimal(5))
    assert changed.time_in_force == "GTC"
    assert order.replace("MSFT", 3) == Buy("MSFT", 3, limit=5, time_in_force="GTC")
    trailing = Sell(1, 1, trail=5)
    assert trailing.replace(trail_percent=2) == Sell(1, 1, trail_percent=2)
    assert trailing.replace(trail_percent=2).replace(trail=4) == Sell(1, 1, trail=4)


def test_a_contract_has_a_name() -> None:
    assert contract_name(Listed(conid=7, symbol="MSFT")) == "MSFT"
    assert contract_name(Listed(conid=7, symbol="")) == "7"
    assert contract_name(7) == "7"
    spread = bezant.combo([(1, 1), (2, -1)])
    assert contract_name(spread) == "combo 1/1,2/-1"


def test_a_combination_is_bought_by_its_legs() -> None:
    spread = bezant.combo([(1, 1), (Listed(conid=2), -2)], currency="CAD")
    assert spread.conid_ex == "61227082;;;1/1,2/-2"
    assert spread.legs == ((1, 1), (2, -2))
    order = Buy(bezant.combo([(1, 1), (2, -1)], exchange="SMART"), 1, limit="-0.5")
    sent = ticket(order)
    assert sent["conid_ex"] == "28812380@SMART;;;1/1,2/-1"
    assert sent["price"] == Decimal("-0.5")
    assert "conid" not in sent
    with pytest.raises(InvalidRequest, match="exchange of a combination"):
        Buy(spread, 1, exchange="NYSE")


@pytest.mark.parametrize(
    ("legs", "options", "words"),
    [
        ([(1, 1)], {}, "two or more legs"),
        ([(1, 1), (1, -1)], {}, "two or more legs"),
        ([(1, 1), 5], {}, "each leg must be a pair"),
        ([(1, 1), (2, 0)], {}, "each leg must be a pair"),
        ([(1, 1), (2, 0.5)], {}, "each leg must be a pair"),
        ([(1, 1), (2, True)], {}, "each leg must be a pair"),
        ([(1, 1), ("AAPL", 1)], {}, "each leg must be a pair"),
        ([(1, 1), (2, 1)], {"currency": "XXX"}, "currency must be one of"),
        ([(1, 1), (2, 1)], {"exchange": "a;b"}, "exchange must be a name"),
        ([(1, 1), (2, 1)], {"exchange": 5}, "exchange must be a name"),
    ],
)
def test_a_combination_that_cannot_be_named_is_refused(
    legs: Any, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        bezant.combo(legs, **options)


def test_a_bracket_has_exits_on_the_other_side() -> None:
    entry = Buy(1, 10, limit=100, exchange="NYSE", manual_indicator=False)
    made = bezant.bracket(entry, profit=110, stop="90", more=[Sell(1, 5, limit=120)])
    assert made.profit == Sell(
        1, 10, limit=110, time_in_force="GTC", exchange="NYSE", manual_indicator=False
    )
    assert made.stop == Sell(
        1, 10, stop=90, time_in_force="GTC", exchange="NYSE", manual_indicator=False
    )
    assert orders_of(made) == (entry, made.profit, made.stop, made.more[0])
    short = bezant.bracket(Sell(1, 10), profit=90, stop=Buy(1, 10, trail=5))
    assert short.children == (Buy(1, 10, limit=90, time_in_force="GTC"), Buy(1, 10, trail=5))
    assert bezant.bracket(entry, stop=90).profit is None


@pytest.mark.parametrize(
    ("entry", "exits", "words"),
    [
        (5, {"stop": 1}, "entry must be a Buy or a Sell"),
        (Buy(1, 1, limit=5), {}, "needs profit or stop"),
        (Buy(1, 1, limit=5), {"stop": 6}, r"the stop price \(6\) of this bracket must be below"),
        (Buy(1, 1, limit=5), {"profit": 4}, r"entry limit price \(5\) .* below the profit"),
        (Sell(1, 1, limit=5), {"stop": 4}, r"stop price \(4\) .* above the entry limit"),
        (Buy(1, 1), {"stop": 6, "profit": 5}, r"the stop price \(6\) .* below the profit"),
        (Buy(1, 1), {"stop": Buy(1, 1, stop=5)}, "the opposite side"),
        (Buy(1, 1), {"stop": Sell(2, 1, stop=5)}, "have the contract of its entry"),
        (Buy(1, 1), {"stop": Sell(1, 2, stop=5)}, "must not be larger"),
        (Buy(1, cash_quantity=5), {"stop": 5}, "the entry of a bracket needs quantity"),
        (Buy(1, 1), {"stop": Sell(1, cash_quantity=5)}, "need quantity instead"),
        (Buy(1, 1), {"stop": 5, "more": [7]}, "more must hold orders"),
    ],
)
def test_a_bracket_that_would_not_protect_is_refused(
    entry: Any, exits: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        bezant.bracket(entry, **exits)


def test_a_group_needs_two_orders() -> None:
    with pytest.raises(InvalidRequest, match="two or more orders"):
        bezant.one_cancels_all(Buy(1, 1))
    with pytest.raises(InvalidRequest, match="must hold orders"):
        bezant.one_cancels_all(Buy(1, 1), 5)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match=r"place\(\) takes a Buy"):
        orders_of(5)  # type: ignore[arg-type]


def test_client_order_ids_are_readable_and_short() -> None:
    assert name_for(Buy("BRK B", 1), "bot", "f00d") == "bot-buy-BRK-B-f00d"
    spread = bezant.combo([(1000000, 1), (2000000, -1)])
    assert len(name_for(Buy(spread, 1), "x" * 24, "0" * 12)) <= 64
    assert check_prefix("my.bot_1") == "my.bot_1"
    for prefix in ("", " ", "a b", "-a", "x" * 25, 5):
        with pytest.raises(InvalidRequest, match="client_order_id_prefix"):
            check_prefix(prefix)


@pytest.mark.parametrize(
    ("number", "text"),
    [(Decimal("1E+3"), "1000"), (Decimal("0.50"), "0.5"), (Decimal("100"), "100")],
)
def test_numbers_are_shown_in_digits(number: Decimal, text: str) -> None:
    assert plain(number) == text


def test_an_intent_shows_its_orders() -> None:
    intent = Intent("place", "DU1", (Leg(Buy("AAPL", 1), 5, "me"),))
    assert "<BUY 1 AAPL MKT DAY>" in repr(intent)


def test_numbers_are_exact() -> None:
    assert exact("x", 240.5) == Decimal("240.5")
    assert exact("x", "-1") == Decimal(-1)
