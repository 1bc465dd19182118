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

    last: Number = Number("last")
    symbol: Text = Text("symbol")
    text: Text = Text("text")
    high: Number = Number("high")
    low: Number = Number("low")
    market_value: Number = Number("market_value")
    average_price: Number = Number("average_price")
    unrealized_pnl: Number = Number("unrealized_pnl")
    formatted_position: Text = Text("formatted_position")
    formatted_unrealized_pnl: Text = Text("formatted_unrealized_pnl")
    daily_pnl: Number = Number("daily_pnl")
    realized_pnl: Number = Number("realized_pnl")
    unrealized_pnl_percent: Number = Number("unrealized_pnl_percent")
    change: Number = Number("change")
    change_percent: Number = Number("change_percent")
    bid: Number = Number("bid")
    ask_size: Number = Number("ask_size")
    ask: Number = Number("ask")
    volume: Number = Number("volume")
    bid_size: Number = Number("bid_size")
    right: Text = Text("right")
    exchange: Text = Text("exchange")
    sec_type: Text = Text("sec_type")
    months: Text = Text("months")
    regular_expiry: Text = Text("regular_expiry")
    server_id: Text = Text("server_id")
    underlying_conid: Whole = Whole("underlying_conid")
    service_params: Text = Text("service_params")
    company_name: Text = Text("company_name")
    ask_exch: Text = Text("ask_exch")
    last_exch: Text = Text("last_exch")
    last_size: Number = Number("last_size")
    bid_exch: Text = Text("bid_exch")
    iv_hv_percent: Number = Number("iv_hv_percent")
    put_call_interest: Number = Number("put_call_interest")
    put_call_volume: Number = Number("put_call_volume")
    hist_vol_percent: Number = Number("hist_vol_percent")
    hist_vol_close_percent: Number = Number("hist_vol_close_percent")
    opt_volume: Number = Number("opt_volume")
    conid_exchange: Text = Text("conid_exchange")
    can_be_traded: Flag = Flag("can_be_traded")
    contract_description_1: Text = Text("contract_description_1")
    contract_description_2: Text = Text("contract_description_2")
    listing_exchange: Text = Text("listing_exchange")
    industry: Text = Text("industry")
    category: Text = Text("category")
    average_volume: Number = Number("average_volume")
    opt_implied_vol_percent: Number = Number("opt_implied_vol_percent")
    historical_volatility_percent: Number = Number("historical_volatility_percent")
    put_call_ratio: Number = Number("put_call_ratio")
    dividend_amount: Number = Number("dividend_amount")
    dividend_yield_percent: Number = Number("dividend_yield_percent")
    dividend_ex_date: Text = Text("dividend_ex_date")
    market_cap: Text = Text("market_cap")
    pe_ratio: Number = Number("pe_ratio")
    eps: Number = Number("eps")
    cost_basis: Number = Number("cost_basis")
    high_52w: Number = Number("high_52w")
    low_52w: Number = Number("low_52w")
    open: Number = Number("open")
    close: Number = Number("close")
    delta: Number = Number("delta")
    gamma: Number = Number("gamma")
    theta: Number = Number("theta")
    vega: Number = Number("vega")
    opt_volume_change_percent: Number = Number("opt_volume_change_percent")
    implied_vol_percent: Number = Number("implied_vol_percent")
    mark: Number = Number("mark")
    shortable_shares: Number = Number("shortable_shares")
    fee_rate: Number = Number("fee_rate")
    option_open_interest: Number = Number("option_open_interest")
    percent_of_mark_value: Number = Number("percent_of_mark_value")
    shortable: Text = Text("shortable")
    morningstar_rating: Text = Text("morningstar_rating")
    dividends: Number = Number("dividends")
    dividends_ttm: Number = Number("dividends_ttm")
    ema_200: Number = Number("ema_200")
    ema_100: Number = Number("ema_100")
    ema_50: Number = Number("ema_50")
    ema_20: Number = Number("ema_20")
    price_ema_200: Number = Number("price_ema_200")
    price_ema_100: Number = Number("price_ema_100")
    price_ema_20: Number = Number("price_ema_20")
    change_since_open: Number = Number("change_since_open")
    upcoming_event: Text = Text("upcoming_event")
    upcoming_event_date: Text = Text("upcoming_event_date")
    upcoming_analyst_meeting: Text = Text("upcoming_analyst_meeting")
    upcoming_earnings: Text = Text("upcoming_earnings")
    upcoming_misc_event: Text = Text("upcoming_misc_event")
    recent_analyst_meeting: Text = Text("recent_analyst_meeting")
    recent_earnings: Text = Text("recent_earnings")
    recent_misc_event: Text = Text("recent_misc_event")
    prob_max_return: Number = Number("prob_max_return")
    break_even: Text = Text("break_even")
    spx_delta: Number = Number("spx_delta")
    futures_open_interest: Number = Number("futures_open_interest")
    last_yield: Number = Number("last_yield")
    bid_yield: Number = Number("bid_yield")
    prob_max_return_2: Number = Number("prob_max_return_2")
    prob_max_loss: Number = Number("prob_max_loss")
    profit_probability: Number = Number("profit_probability")
    organization_type: Text = Text("organization_type")
    debt_class: Text = Text("debt_class")
    ratings: Text = Text("ratings")
    bond_state_code: Text = Text("bond_state_code")
    bond_type: Text = Text("bond_type")
    last_trading_date: Text = Text("last_trading_date")
    issue_date: Text = Text("issue_date")
    beta: Number = Number("beta")
    ask_yield: Number = Number("ask_yield")
    price_ema_50: Number = Number("price_ema_50")
    prior_close: Number = Number("prior_close")
    volume_long: Number = Number("volume_long")
    has_trading_permissions: Flag = Flag("has_trading_permissions")
    stock_type: Text = Text("stock_type")
    daily_pnl_raw: Number = Number("daily_pnl_raw")
    cost_basis_raw: Number = Number("cost_basis_raw")
    rebate_rate: Number = Number("rebate_rate")
