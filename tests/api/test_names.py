"""Tests that each thing has the same name in all models and methods."""

from __future__ import annotations

import importlib
import inspect
from collections import defaultdict

import msgspec

from .catalogue import ENDPOINTS, MODELS, class_of, group_of, name_of

# Modules outside the groups: models that load without the rest of their group, and the messages of
# a stream.
MODULES = ("_contracts", "_portfolio", "_positions", "_session", "stream")

# Key: the name of a thing. Value: other names for the same thing, which must not appear.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "account_id": ("account", "acct", "acct_id", "acctid"),
    "amount": ("amt",),
    "average_cost": ("avg_cost",),
    "average_price": ("avg_price", "average_fill_price"),
    "background_color": ("bg_color",),
    "cancel_daily_orders": ("cancel_day_orders",),
    "cash_currency": ("cash_ccy",),
    "cash_quantity": ("cash_qty",),
    "client_order_id": ("order_ref", "local_order_id", "coid"),
    "conid": ("con_id",),
    "conid_ex": ("conidex",),
    "contract_description_1": ("description1", "desc1"),
    "contract_description_2": ("description2", "desc2"),
    "currency": ("ccy", "cur", "ccy_pair"),
    "daily_pnl": ("dpl", "daily"),
    "description": ("desc", "contract_desc", "contract_description"),
    "equity_with_loan_value": ("equity_with_loan",),
    "exchange_rate": ("fx_rate",),
    "excess_liquidity": ("el", "uel"),
    "expiry": ("expiration", "expiration_date"),
    "filled_quantity": ("cum_fill",),
    "foreground_color": ("fg_color",),
    "market_price": ("mkt_price",),
    "market_value": ("mkt_value", "mv"),
    "message": ("msg",),
    "net_liquidation_value": ("net_liquidation", "nl", "nlv"),
    "order_description": ("order_desc",),
    "original_order_type": ("orig_order_type",),
    "parent_order_id": ("parent_id",),
    "quantity": ("total_size", "qty", "position"),
    "right": ("put_or_call",),
    "securities_gross_position_value": ("sec_gross_pos_val",),
    "status": ("order_status",),
    "supports_fractions": ("is_ft", "is_free_trial"),
    "time_in_force": ("tif",),
    "time_zone": ("timezone",),
    "underlying_conid": ("und_conid", "underlying_con_id"),
    "unrealized_pnl": ("upl", "unrealized"),
    "user_name": ("username", "user"),
}

# Fields that may have a name that is forbidden elsewhere: in these fields the name means something
# else, or the JSON object has two keys for the same thing.
OTHER_MEANINGS = {
    "AccountDetails.account": "an object, not an id",
    "Category.parent_id": "a category",
    "OrderPreview.position": "an object: before, change and after",
    "OrderTicket.parent_id": "the `client_order_id` of another ticket",
    "SsoSession.is_free_trial": "a free trial",
    "StatementDates.daily": "statements",
    "TimeInForceDefaults.tif": "the default",
    "Execution.position": "quantity held, besides the quantity of the execution",
    "TradeUpdate.position": "quantity held, besides the quantity of the execution",
    "modify_open_order().acct_id": "in the body, next to `account_id` in the path",
    "modify_open_order().parent_id": "the `client_order_id` of another ticket",
}


def names() -> dict[str, set[str]]:
    """Return every name of a field or parameter, with the models and methods that use it."""
    models = set(MODELS)
    for module in MODULES:
        for value in vars(importlib.import_module(f"bezant.models.{module}")).values():
            if inspect.isclass(value) and issubclass(value, msgspec.Struct):
                models.add(value)
    found: dict[str, set[str]] = defaultdict(set)
    for model in models:
        for name in model.__struct_fields__:
            found[name].add(f"{model.__name__}.{name}")
    for endpoint in ENDPOINTS:
        method = getattr(class_of(group_of(endpoint), "async"), name_of(endpoint))
        for name in inspect.signature(method).parameters:
            found[name].add(f"{name_of(endpoint)}().{name}")
    return found


def test_a_thing_has_one_name() -> None:
    found = names()
    forbidden = {other for others in SYNONYMS.values() for other in others}
    assert forbidden.isdisjoint(SYNONYMS)
    assert set().union(*(found[name] for name in forbidden)) == OTHER_MEANINGS.keys()
    assert SYNONYMS.keys() <= found.keys()


def test_no_two_names_differ_in_spelling_only() -> None:
    spellings: dict[str, set[str]] = defaultdict(set)
    for name in names():
        # The underscore at the end of a parameter is ignored. It only avoids the name of a builtin.
        spellings[name.replace("_", "").lower()].add(name.rstrip("_"))
    assert [each for each in spellings.values() if len(each) > 1] == []
