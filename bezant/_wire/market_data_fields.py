"""Table of market data fields, with IBKR's id, bezant's name, kind and meaning for each."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Kind = Literal[
    "price", "money", "size", "volume", "number", "percent", "int", "bool01", "date", "text", "code"
]


class Field(NamedTuple):
    """One market data field, as a row of the table.

    Attributes:
        code: IBKR's id.
        name: bezant's name.
        kind: how a value is converted: ``price`` may have the marks C (prior close) and H (halted);
            ``money``, ``size``, ``volume``, ``number`` and ``percent`` are numbers; ``int`` is an
            id; ``bool01`` a flag; ``date``, ``text`` and ``code`` stay text.
        meaning: what the field means, in one line.
        aliases: further names of the field that bezant accepts as arguments and never returns.
        special_unit: unit of the values, if it is not the usual one of the kind.
    """

    code: str
    name: str
    kind: Kind
    meaning: str
    aliases: tuple[str, ...] = ()
    special_unit: str = ""

    @property
    def unit(self) -> str:
        """Unit of the values, as text."""
        return self.special_unit or _UNITS[self.kind]


_UNITS: Final[dict[Kind, str]] = {
    "price": "currency of the contract, for one share or one unit",
    "money": "currency of the contract",
    "size": "shares or contracts",
    "volume": "shares or contracts",
    "number": "ratio, without a unit",
    "percent": "percent: 5 is 5 %",
    "int": "id",
    "bool01": "True or False",
    "date": "date, as IBKR's text",
    "text": "text",
    "code": "text",
}

FIELDS: Final[tuple[Field, ...]] = (
    Field(
        "31",
        "last",
        "price",
        "Price of the last trade; marked if it is the prior close, or if trading is halted.",
    ),
    Field("55", "symbol", "text", "Symbol of the contract."),
    Field("58", "text", "text", "Free text about the contract."),
    Field("70", "high", "price", "Highest price of the day."),
    Field("71", "low", "price", "Lowest price of the day."),
    Field("73", "market_value", "money", "Market value of your position."),
    Field("74", "average_price", "price", "Average price that you paid."),
    Field("75", "unrealized_pnl", "money", "Unrealized profit or loss of your position."),
    Field("76", "formatted_position", "text", "Your position, formatted for display."),
    Field(
        "77",
        "formatted_unrealized_pnl",
        "text",
        "Unrealized profit or loss of your position, formatted for display.",
    ),
    Field("78", "daily_pnl", "money", "Your profit or loss of the day; `daily_pnl_raw` is exact."),
    Field("79", "realized_pnl", "money", "Realized profit or loss."),
    Field(
        "80",
        "unrealized_pnl_percent",
        "percent",
        "Unrealized profit or loss, in percent of the cost.",
    ),
    Field("82", "change", "price", "Last price minus the prior close."),
    Field("83", "change_percent", "percent", "Change since the prior close, in percent."),
    Field("84", "bid", "price", "Highest bid price."),
    Field("85", "ask_size", "size", "Size at the best ask."),
    Field("86", "ask", "price", "Lowest ask price."),
    Field("87", "volume", "volume", "Volume of the day, rounded by IBKR; `volume_long` is exact."),
    Field("88", "bid_size", "size", "Size at the best bid."),
    Field("201", "right", "text", "C for a call, P for a put."),
    Field("6004", "exchange", "text", "Exchange of the quote."),
    Field("6008", "conid", "int", "IBKR's id of the contract."),
    Field("6070", "sec_type", "text", "Security type, such as STK."),
    Field("6072", "months", "text", "Months in which the derivative expires."),
    Field("6073", "regular_expiry", "date", "Expiry date."),
    Field("6119", "server_id", "text", "The gateway's id of the request."),
    Field("6457", "underlying_conid", "int", "IBKR's id of the underlying."),
    Field("6508", "service_params", "text", "Parameters of the gateway's service."),
    Field(
        "6509",
        "availability",
        "code",
        "Letters for live, delayed or frozen data.",
    ),
    Field("7051", "company_name", "text", "Name of the company."),
    Field("7057", "ask_exch", "text", "Exchanges with the best ask, one letter each."),
    Field("7058", "last_exch", "text", "Exchanges of the last trade, one letter each."),
    Field("7059", "last_size", "size", "Size of the last trade."),
    Field("7068", "bid_exch", "text", "Exchanges with the best bid, one letter each."),
    Field(
        "7084",
        "iv_hv_percent",
        "percent",
        "Implied volatility in percent of historical volatility.",
    ),
    Field(
        "7085",
        "put_call_interest",
        "number",
        "Open interest of puts, divided by that of calls, on an underlying.",
    ),
    Field(
        "7086",
        "put_call_volume",
        "number",
        "Volume of puts, divided by that of calls, on an underlying.",
    ),
    Field("7087", "hist_vol_percent", "percent", "Historical volatility over 30 days, live."),
    Field(
        "7088", "hist_vol_close_percent", "percent", "Historical volatility, from closing prices."
    ),
    Field("7089", "opt_volume", "volume", "Options traded on the underlying today."),
    Field("7094", "conid_exchange", "text", "Contract id and exchange."),
    Field("7184", "can_be_traded", "bool01", "Whether the contract can be traded."),
    Field("7219", "contract_description_1", "text", "First line of the contract's description."),
    Field("7220", "contract_description_2", "text", "Second line of the contract's description."),
    Field("7221", "listing_exchange", "text", "Exchange of the listing."),
    Field("7280", "industry", "text", "Industry of the company."),
    Field("7281", "category", "text", "Category within the industry."),
    Field("7282", "average_volume", "volume", "Average daily volume over 90 days."),
    Field(
        "7283",
        "opt_implied_vol_percent",
        "percent",
        "Implied volatility of the underlying's options over 30 days.",
    ),
    Field("7284", "historical_volatility_percent", "percent", "Older form of `hist_vol_percent`."),
    Field("7285", "put_call_ratio", "number", "Ratio of puts to calls."),
    Field("7286", "dividend_amount", "money", "Amount of the next dividend."),
    Field(
        "7287", "dividend_yield_percent", "percent", "Dividends of a year in percent of the price."
    ),
    Field("7288", "dividend_ex_date", "date", "Ex-dividend date."),
    Field(
        "7289",
        "market_cap",
        "text",
        "Market capitalization, with a suffix for its magnitude.",
        special_unit="currency of the company, as text such as 3.5T",
    ),
    Field("7290", "pe_ratio", "number", "Price divided by earnings per share."),
    Field(
        "7291",
        "eps",
        "number",
        "Earnings per share.",
        special_unit="currency of the company per share",
    ),
    Field("7292", "cost_basis", "money", "Cost of your position; `cost_basis_raw` is exact."),
    Field("7293", "high_52w", "price", "Highest price in 52 weeks."),
    Field("7294", "low_52w", "price", "Lowest price in 52 weeks."),
    Field("7295", "open", "price", "First price of the day."),
    Field("7296", "close", "price", "Closing price of today."),
    Field(
        "7308",
        "delta",
        "number",
        "Change of the option's price per change of the underlying's price.",
    ),
    Field(
        "7309",
        "gamma",
        "number",
        "Change of delta per change of the underlying's price.",
        special_unit="change of delta per currency unit of the underlying's price",
    ),
    Field(
        "7310",
        "theta",
        "number",
        "Change of the option's price per day.",
        special_unit="currency of the contract per day",
    ),
    Field(
        "7311",
        "vega",
        "number",
        "Change of the option's price per change of volatility.",
        special_unit="currency of the contract per percentage point of volatility",
    ),
    Field(
        "7607", "opt_volume_change_percent", "percent", "Change of the option volume, in percent."
    ),
    Field(
        "7633",
        "implied_vol_percent",
        "percent",
        "Implied volatility of this option.",
        ("implied_volatility",),
    ),
    Field("7635", "mark", "price", "Mark price: IBKR's combination of bid, ask and last."),
    Field("7636", "shortable_shares", "size", "Number of shares that can be borrowed."),
    Field("7637", "fee_rate", "percent", "Yearly fee for borrowing shares, in percent."),
    Field("7638", "option_open_interest", "size", "Open interest of the option."),
    Field("7639", "percent_of_mark_value", "percent", "Your position in percent of the account."),
    Field("7644", "shortable", "text", "How hard it is to sell short."),
    Field("7655", "morningstar_rating", "text", "Morningstar's rating; IBKR has removed it."),
    Field("7671", "dividends", "money", "Expected dividends per share in the next year."),
    Field("7672", "dividends_ttm", "money", "Dividends per share in the last year."),
    Field("7674", "ema_200", "price", "Exponential moving average of 200 days."),
    Field("7675", "ema_100", "price", "Exponential moving average of 100 days."),
    Field("7676", "ema_50", "price", "Exponential moving average of 50 days."),
    Field("7677", "ema_20", "price", "Exponential moving average of 20 days."),
    Field("7678", "price_ema_200", "percent", "Distance of the price from `ema_200`, in percent."),
    Field("7679", "price_ema_100", "percent", "Distance of the price from `ema_100`, in percent."),
    Field("7681", "price_ema_20", "percent", "Distance of the price from `ema_20`, in percent."),
    Field("7682", "change_since_open", "price", "Last price minus the first price of the day."),
    Field("7683", "upcoming_event", "text", "Next event of the company; needs a subscription."),
    Field("7684", "upcoming_event_date", "date", "Date of the next event; needs a subscription."),
    Field(
        "7685",
        "upcoming_analyst_meeting",
        "date",
        "Date of the next analyst meeting; needs a subscription.",
    ),
    Field("7686", "upcoming_earnings", "date", "Date of the next earnings; needs a subscription."),
    Field(
        "7687", "upcoming_misc_event", "date", "Date of the next other event; needs a subscription."
    ),
    Field(
        "7688",
        "recent_analyst_meeting",
        "date",
        "Date of the last analyst meeting; needs a subscription.",
    ),
    Field("7689", "recent_earnings", "date", "Date of the last earnings; needs a subscription."),
    Field(
        "7690", "recent_misc_event", "date", "Date of the last other event; needs a subscription."
    ),
    Field("7694", "prob_max_return", "percent", "Probability of the maximum return."),
    Field("7695", "break_even", "text", "Break-even prices."),
    Field("7696", "spx_delta", "number", "Delta weighted by beta against the S&P 500."),
    Field("7697", "futures_open_interest", "size", "Open interest of the future."),
    Field("7698", "last_yield", "percent", "Yield of a bond at the last price."),
    Field("7699", "bid_yield", "percent", "Yield of a bond at the bid."),
    Field(
        "7700",
        "prob_max_return_2",
        "percent",
        "Probability of the maximum return, under a second id.",
    ),
    Field("7702", "prob_max_loss", "percent", "Probability of the maximum loss."),
    Field("7703", "profit_probability", "percent", "Probability of any profit."),
    Field("7704", "organization_type", "text", "Kind of organisation that issued a bond."),
    Field("7705", "debt_class", "text", "Class of a bond's debt."),
    Field("7706", "ratings", "text", "Ratings of a bond."),
    Field("7707", "bond_state_code", "text", "State in which a bond was issued."),
    Field("7708", "bond_type", "text", "Kind of bond."),
    Field("7714", "last_trading_date", "date", "Last trading day."),
    Field("7715", "issue_date", "date", "Date of issue."),
    Field("7718", "beta", "number", "Movement relative to the market."),
    Field("7720", "ask_yield", "percent", "Yield of a bond at the ask."),
    Field("7724", "price_ema_50", "percent", "Distance of the price from `ema_50`, in percent."),
    Field("7741", "prior_close", "price", "Closing price of the previous day."),
    Field(
        "7762",
        "volume_long",
        "number",
        "Volume of the day, exact.",
        special_unit="shares or contracts",
    ),
    Field(
        "7768",
        "has_trading_permissions",
        "bool01",
        "Whether you have permission to trade the contract.",
    ),
    Field("7899", "stock_type", "text", "Kind of stock, such as ADR or ETF."),
    Field("7920", "daily_pnl_raw", "money", "Your profit or loss of the day, exact."),
    Field("7921", "cost_basis_raw", "money", "Cost of your position, exact."),
    Field(
        "7943",
        "rebate_rate",
        "percent",
        "Benchmark interest rate minus the fee for borrowing, in percent.",
    ),
)

NAMES: Final[dict[str, str]] = {field.code: field.name for field in FIELDS}
CODES: Final[dict[str, str]] = {field.name: field.code for field in FIELDS}
KINDS: Final[dict[str, Kind]] = {field.code: field.kind for field in FIELDS}
MEANINGS: Final[dict[str, str]] = {field.name: field.meaning for field in FIELDS}
ALIASES: Final[dict[str, str]] = {alias: field.code for field in FIELDS for alias in field.aliases}
UNITS: Final[dict[str, str]] = {field.name: field.unit for field in FIELDS}
