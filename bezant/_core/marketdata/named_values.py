"""Attributes for all market data fields that have a name, for objects with a method `get`."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Generic, Literal, Protocol, Self, TypeAlias, TypeVar, cast, overload

from ..._wire.market_data_fields import MEANINGS, UNITS

T = TypeVar("T")

NumberName: TypeAlias = Literal[
    "last",
    "high",
    "low",
    "market_value",
    "average_price",
    "unrealized_pnl",
    "daily_pnl",
    "realized_pnl",
    "unrealized_pnl_percent",
    "change",
    "change_percent",
    "bid",
    "ask_size",
    "ask",
    "volume",
    "bid_size",
    "last_size",
    "iv_hv_percent",
    "put_call_interest",
    "put_call_volume",
    "hist_vol_percent",
    "hist_vol_close_percent",
    "opt_volume",
    "average_volume",
    "opt_implied_vol_percent",
    "historical_volatility_percent",
    "put_call_ratio",
    "dividend_amount",
    "dividend_yield_percent",
    "pe_ratio",
    "eps",
    "cost_basis",
    "high_52w",
    "low_52w",
    "open",
    "close",
    "delta",
    "gamma",
    "theta",
    "vega",
    "opt_volume_change_percent",
    "implied_vol_percent",
    "mark",
    "shortable_shares",
    "fee_rate",
    "option_open_interest",
    "percent_of_mark_value",
    "dividends",
    "dividends_ttm",
    "ema_200",
    "ema_100",
    "ema_50",
    "ema_20",
    "price_ema_200",
    "price_ema_100",
    "price_ema_20",
    "change_since_open",
    "prob_max_return",
    "spx_delta",
    "futures_open_interest",
    "last_yield",
    "bid_yield",
    "prob_max_return_2",
    "prob_max_loss",
    "profit_probability",
    "beta",
    "ask_yield",
    "price_ema_50",
    "prior_close",
    "volume_long",
    "daily_pnl_raw",
    "cost_basis_raw",
    "rebate_rate",
]
"""Names of the fields whose values are numbers."""


class _HasGet(Protocol):
    @property
    def get(self) -> Callable[[str], object]: ...


class _Value(Generic[T]):
    """Attribute with the value of one field."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.__doc__ = f"{MEANINGS[name]} Unit: {UNITS[name]}."

    @overload
    def __get__(self, row: None, owner: object) -> Self: ...

    @overload
    def __get__(self, row: _HasGet, owner: object) -> T | None: ...

    def __get__(self, row: _HasGet | None, owner: object) -> Self | T | None:
        return self if row is None else cast("T | None", row.get(self._name))

    def __set__(self, row: Any, value: object) -> None:
        raise AttributeError(f"{self._name} cannot be changed")


class Number(_Value[Decimal]):
    """Attribute whose value is an exact number."""


class Whole(_Value[int]):
    """Attribute whose value is a whole number."""


class Flag(_Value[bool]):
    """Attribute whose value is True or False."""


class Text(_Value[str]):
    """Attribute whose value is text."""


class NamedValues:
    """All market data fields that have a name, as attributes.

    ``bezant.MarketDataFields`` lists the meanings and units of the fields. A value is None if it is
    missing.
    """

    __slots__ = ()

    last = Number("last")
    symbol = Text("symbol")
    text = Text("text")
    high = Number("high")
    low = Number("low")
    market_value = Number("market_value")
    average_price = Number("average_price")
    unrealized_pnl = Number("unrealized_pnl")
    formatted_position = Text("formatted_position")
    formatted_unrealized_pnl = Text("formatted_unrealized_pnl")
    daily_pnl = Number("daily_pnl")
    realized_pnl = Number("realized_pnl")
    unrealized_pnl_percent = Number("unrealized_pnl_percent")
    change = Number("change")
    change_percent = Number("change_percent")
    bid = Number("bid")
    ask_size = Number("ask_size")
    ask = Number("ask")
    volume = Number("volume")
    bid_size = Number("bid_size")
    right = Text("right")
    exchange = Text("exchange")
    sec_type = Text("sec_type")
    months = Text("months")
    regular_expiry = Text("regular_expiry")
    server_id = Text("server_id")
    underlying_conid = Whole("underlying_conid")
    service_params = Text("service_params")
    company_name = Text("company_name")
    ask_exch = Text("ask_exch")
    last_exch = Text("last_exch")
    last_size = Number("last_size")
    bid_exch = Text("bid_exch")
    iv_hv_percent = Number("iv_hv_percent")
    put_call_interest = Number("put_call_interest")
    put_call_volume = Number("put_call_volume")
    hist_vol_percent = Number("hist_vol_percent")
    hist_vol_close_percent = Number("hist_vol_close_percent")
    opt_volume = Number("opt_volume")
    conid_exchange = Text("conid_exchange")
    can_be_traded = Flag("can_be_traded")
    contract_description_1 = Text("contract_description_1")
    contract_description_2 = Text("contract_description_2")
    listing_exchange = Text("listing_exchange")
    industry = Text("industry")
    category = Text("category")
    average_volume = Number("average_volume")
    opt_implied_vol_percent = Number("opt_implied_vol_percent")
    historical_volatility_percent = Number("historical_volatility_percent")
    put_call_ratio = Number("put_call_ratio")
    dividend_amount = Number("dividend_amount")
    dividend_yield_percent = Number("dividend_yield_percent")
    dividend_ex_date = Text("dividend_ex_date")
    market_cap = Text("market_cap")
    pe_ratio = Number("pe_ratio")
    eps = Number("eps")
    cost_basis = Number("cost_basis")
    high_52w = Number("high_52w")
    low_52w = Number("low_52w")
    open = Number("open")
    close = Number("close")
    delta = Number("delta")
    gamma = Number("gamma")
    theta = Number("theta")
    vega = Number("vega")
    opt_volume_change_percent = Number("opt_volume_change_percent")
    implied_vol_percent = Number("implied_vol_percent")
    mark = Number("mark")
    shortable_shares = Number("shortable_shares")
    fee_rate = Number("fee_rate")
    option_open_interest = Number("option_open_interest")
    percent_of_mark_value = Number("percent_of_mark_value")
    shortable = Text("shortable")
    morningstar_rating = Text("morningstar_rating")
    dividends = Number("dividends")
    dividends_ttm = Number("dividends_ttm")
    ema_200 = Number("ema_200")
    ema_100 = Number("ema_100")
    ema_50 = Number("ema_50")
    ema_20 = Number("ema_20")
    price_ema_200 = Number("price_ema_200")
    price_ema_100 = Number("price_ema_100")
    price_ema_20 = Number("price_ema_20")
    change_since_open = Number("change_since_open")
    upcoming_event = Text("upcoming_event")
    upcoming_event_date = Text("upcoming_event_date")
    upcoming_analyst_meeting = Text("upcoming_analyst_meeting")
    upcoming_earnings = Text("upcoming_earnings")
    upcoming_misc_event = Text("upcoming_misc_event")
    recent_analyst_meeting = Text("recent_analyst_meeting")
    recent_earnings = Text("recent_earnings")
    recent_misc_event = Text("recent_misc_event")
    prob_max_return = Number("prob_max_return")
    break_even = Text("break_even")
    spx_delta = Number("spx_delta")
    futures_open_interest = Number("futures_open_interest")
    last_yield = Number("last_yield")
    bid_yield = Number("bid_yield")
    prob_max_return_2 = Number("prob_max_return_2")
    prob_max_loss = Number("prob_max_loss")
    profit_probability = Number("profit_probability")
    organization_type = Text("organization_type")
    debt_class = Text("debt_class")
    ratings = Text("ratings")
    bond_state_code = Text("bond_state_code")
    bond_type = Text("bond_type")
    last_trading_date = Text("last_trading_date")
    issue_date = Text("issue_date")
    beta = Number("beta")
    ask_yield = Number("ask_yield")
    price_ema_50 = Number("price_ema_50")
    prior_close = Number("prior_close")
    volume_long = Number("volume_long")
    has_trading_permissions = Flag("has_trading_permissions")
    stock_type = Text("stock_type")
    daily_pnl_raw = Number("daily_pnl_raw")
    cost_basis_raw = Number("cost_basis_raw")
    rebate_rate = Number("rebate_rate")
