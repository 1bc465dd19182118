"""Reads scenarios from TOML files, and makes clocks from text such as `fast=60`."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .._market.catalogue import Contract
from .clock import Clock
from .scenario import STARTING, Held, Scenario, Working

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SIDES = ("BUY", "SELL")
_TIFS = ("GTC", "DAY", "IOC")
_HOURS = ("always", "regular")
_FAST = "fast"


class ScenarioError(ValueError):
    """A scenario is invalid. The text names the file, the key and the allowed values."""


def clock_of(text: str) -> Clock:
    """Return the clock that a text describes.

    Args:
        text: `live` for real time, `fast=60` for 60 simulated seconds per second, or `hand` for a
            clock that only `advance` moves.

    Raises:
        ValueError: the text is none of these.
    """
    name, _, speed = text.partition("=")
    if text == "live":
        return Clock()
    if text == "hand":
        return Clock.by_hand()
    try:
        factor = float(speed) if name == _FAST else 0.0
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        msg = f"time must be live, hand or fast=N with N above 0, such as fast=60, not {text}"
        raise ValueError(msg)
    return Clock(speed=factor)


def load_scenario(path: str | Path) -> Scenario:
    """Read a scenario from a TOML file.

    Args:
        path: the file.

    Raises:
        ScenarioError: the file does not exist, is not TOML, or has an unknown key or value.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        msg = f"{path}: can't read the scenario: {error.strerror or error}"
        raise ScenarioError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{path}: the scenario is not UTF-8 text ({error}); save it as UTF-8"
        raise ScenarioError(msg) from error
    return parse_scenario(text, str(path))


def parse_scenario(text: str, where: str = "scenario") -> Scenario:
    """Read a scenario from the text of a TOML file.

    Args:
        text: content of the file.
        where: name of the file in error messages.

    Raises:
        ScenarioError: the text is not TOML, or has an unknown key or value.
    """
    try:
        given = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        msg = f"{where}: not valid TOML: {error}"
        raise ScenarioError(msg) from error
    return scenario_of(given, where)


def scenario_of(given: Mapping[str, Any], where: str = "scenario") -> Scenario:
    """Return the scenario that the keys and values of a file describe.

    Args:
        given: content of a TOML or JSON file, parsed.
        where: name of the file in error messages.

    Raises:
        ScenarioError: a key or a value is unknown.
    """
    values = _read(given, _TOP, where)
    if "positions" in values:
        values["held"] = values.pop("positions")
    return Scenario(**values)


def _read(given: object, keys: Mapping[str, Any], where: str, *needed: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        _refuse(where, given, "a table")
    table = cast("dict[str, Any]", given)
    unknown = [name for name in table if name not in keys]
    if unknown:
        msg = f"{where}: unknown key {unknown[0]!r}; allowed are {', '.join(keys)}"
        raise ScenarioError(msg)
    missing = [name for name in needed if name not in table]
    if missing:
        msg = f"{where}: the key {missing[0]!r} is missing"
        raise ScenarioError(msg)
    return {name: keys[name](value, f"{where}: {name}") for name, value in table.items()}


def _refuse(where: str, value: object, allowed: str) -> None:
    msg = f"{where} must be {allowed}, not {value!r}"
    raise ScenarioError(msg)


def _number(value: Any, where: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        _refuse(where, value, "a number")
    number = Decimal(str(value))
    if not number.is_finite():
        _refuse(where, value, "a finite number")
    return number


def _positive(value: Any, where: str) -> Decimal:
    number = _number(value, where)
    if number <= 0:
        _refuse(where, value, "more than 0")
    return number


def _not_negative(value: Any, where: str) -> Decimal:
    number = _number(value, where)
    if number < 0:
        _refuse(where, value, "0 or more")
    return number


def _seconds(value: Any, where: str) -> float:
    return float(_not_negative(value, where))


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        _refuse(where, value, "true or false")
    return bool(value)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        _refuse(where, value, "a text")
    return str(value)


def _one_of(*allowed: str) -> Callable[[Any, str], str]:
    def read(value: Any, where: str) -> str:
        if value not in allowed:
            _refuse(where, value, " or ".join(map(repr, allowed)))
        return str(value)

    return read


def _contract(value: Any, where: str) -> str | int:
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not value:
        _refuse(where, value, "the symbol of a stock in quotes, or a conid")
    return cast("str | int", value)


def _list_of(read: Callable[[Any, str], Any]) -> Callable[[Any, str], list[Any]]:
    def read_all(value: Any, where: str) -> list[Any]:
        if not isinstance(value, list):
            _refuse(where, value, "a list")
        rows = cast("list[Any]", value)
        return [read(each, f"{where}[{number}]") for number, each in enumerate(rows, 1)]

    return read_all


def _amounts(read: Callable[[Any, str], Decimal]) -> Callable[[Any, str], dict[str, Decimal]]:
    def read_all(value: Any, where: str) -> dict[str, Decimal]:
        if not isinstance(value, dict):
            _refuse(where, value, "a table of numbers")
        table = cast("dict[str, Any]", value)
        return {name: read(each, f"{where}.{name}") for name, each in table.items()}

    return read_all


def _prices(value: Any, where: str) -> dict[str | int, Decimal]:
    prices = _amounts(_positive)(value, where)
    return {_conid_or_symbol(name): price for name, price in prices.items()}


def _conid_or_symbol(name: str) -> str | int:
    # A short number is a symbol (such as 7203 in Tokyo), because conids have more than four digits.
    return int(name) if name.isdecimal() and len(name) > 4 else name


def _whole(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        _refuse(where, value, "a whole number above 0")
    return int(value)


def _expiry(value: Any, where: str) -> str:
    text = _text(value, where)
    if not (len(text) == 8 and text.isdecimal()):
        _refuse(where, value, "a date as 'YYYYMMDD'")
    return text


def _known(value: Any, where: str) -> Contract:
    fields = _read(value, _CONTRACT, where, "conid", "symbol", "exchange", "price")
    return Contract(**({"name": fields["symbol"]} | fields))


def _held(value: Any, where: str) -> Held:
    return Held(**_read(value, _HELD, where, "contract", "quantity"))


def _working(value: Any, where: str) -> Working:
    return Working(**_read(value, _WORKING, where, "contract", "side", "quantity"))


_CONTRACT: Mapping[str, Callable[[Any, str], Any]] = {
    "conid": _whole,
    "symbol": _text,
    "name": _text,
    "exchange": _text,
    "price": lambda value, where: float(_positive(value, where)),
    "asset_class": _one_of("STK", "OPT", "FUT"),
    "description": _text,
    "multiplier": lambda value, where: float(_positive(value, where)),
    "strike": lambda value, where: float(_positive(value, where)),
    "expiry": _expiry,
    "right": _one_of("C", "P"),
    "underlying": _whole,
    "volatility": lambda value, where: float(_positive(value, where)),
}
_HELD: Mapping[str, Callable[[Any, str], Any]] = {
    "contract": _contract,
    "quantity": _number,
    "average_price": _not_negative,
    "realized": _number,
}
_WORKING: Mapping[str, Callable[[Any, str], Any]] = {
    "contract": _contract,
    "side": _one_of(*_SIDES),
    "quantity": _positive,
    "limit": _positive,
    "stop": _positive,
    "kind": _one_of(*STARTING),
    "tif": _one_of(*_TIFS),
    "client_id": _text,
}
_TOP: Mapping[str, Callable[[Any, str], Any]] = {
    "contracts": _list_of(_known),
    "positions": _list_of(_held),
    "cash": _amounts(_number),
    "prices": _prices,
    "orders": _list_of(_working),
    "demo_orders": _flag,
    "hours": _one_of(*_HOURS),
    "commissions": _flag,
    "cancel_delay": _seconds,
    "price_limit": _not_negative,
    "size_limit": _not_negative,
    "value_limit": _not_negative,
    "without_data": lambda value, where: frozenset(_list_of(_contract)(value, where)),
}
