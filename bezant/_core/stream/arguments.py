"""Checks the arguments of subscriptions, and merges the arguments of several subscribers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from ..._wire.redaction import shown
from ...errors import InvalidRequest
from ..marketdata.contract import contract_text
from .topic import Arguments

# No name of an exchange is longer than 32 characters.
_EXCHANGE = re.compile(r"[A-Za-z0-9]{1,32}")
_ACCOUNT = re.compile(r"[A-Za-z0-9]{1,32}")
# The limit keeps out numbers with thousands of digits, which Python refuses to convert to text.
_LARGEST_CONID: Final = 2**63 - 1


def contract(conid: object, exchange: object, separator: str) -> str:
    """Return the text for a contract in a subscription's key, such as ``265598@NYSE``.

    Raises:
        InvalidRequest: the contract id or the exchange is not valid.
    """
    if isinstance(conid, bool) or not isinstance(conid, int) or not 0 < conid <= _LARGEST_CONID:
        raise InvalidRequest(
            f"conid must be a positive whole number such as 265598, not {shown(conid)}"
        )
    return str(conid) if exchange is None else f"{conid}{separator}{_exchange(exchange)}"


def contract_or_combination(given: object, exchange: object) -> str:
    """Return the text for a contract or a combination of contracts in a subscription's key.

    Args:
        given: conid (IBKR's contract id), or IBKR's text for the contract, which may contain an
            exchange and the legs of a combination.
        exchange: name of the exchange; None to let IBKR choose.

    Raises:
        InvalidRequest: an argument is not valid, or both contain an exchange.
    """
    text = contract_text(given)
    if exchange is None:
        return text
    name = _exchange(exchange)
    if "@" in text:
        raise InvalidRequest(
            f"{shown(given)} already names an exchange; leave out the argument exchange"
        )
    head, separator, legs = text.partition(";;;")
    return f"{head}@{name}{separator}{legs}"


def _exchange(given: object) -> str:
    if not isinstance(given, str) or not _EXCHANGE.fullmatch(given):
        raise InvalidRequest(f"exchange must be a name such as 'NASDAQ', not {shown(given)}")
    return given.upper()


def account(given: object) -> str:
    """Check and return an account id for a subscription's key.

    Raises:
        InvalidRequest: the account id is not valid.
    """
    if not isinstance(given, str) or not _ACCOUNT.fullmatch(given):
        raise InvalidRequest(f"account_id must be an id such as 'DU123456', not {shown(given)}")
    return given


def days(given: object) -> int:
    """Check and return a subscription's argument ``days``.

    A new subscription first sends the orders or executions of this many past days.

    Raises:
        InvalidRequest: `given` is not a whole number from 1 to 7.
    """
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= 7:
        raise InvalidRequest(f"days must be a whole number from 1 to 7, not {shown(given)}")
    return given


def names(argument: str, given: object) -> list[str]:
    """Check a list of names, and return it without duplicates.

    Raises:
        InvalidRequest: `given` is not a list of names, or it is empty.
    """
    found = _items(given)
    # Unprintable text is refused, because it may contain half a surrogate pair, which cannot be
    # encoded.
    valid = [each for each in found if isinstance(each, str) and each and each.isprintable()]
    if not valid or len(valid) < len(found):
        raise InvalidRequest(f"{argument} must be a list of at least one name, not {shown(given)}")
    return list(dict.fromkeys(valid))


def _items(given: object) -> list[object]:
    if not isinstance(given, Iterable) or isinstance(given, str | bytes):
        return []
    return list(cast("Iterable[object]", given))


def keys_and_fields(keys: Iterable[str] | None, fields: Iterable[str] | None) -> Arguments:
    """Return the arguments of a subscription to an account's summary or ledger.

    ``keys`` and ``fields`` select what the gateway sends. An argument that is None is left out, and
    the gateway then sends all keys or all fields.

    Raises:
        InvalidRequest: `keys` or `fields` is not a list of names.
    """
    arguments: dict[str, Any] = {}
    for argument, given in (("keys", keys), ("fields", fields)):
        if given is not None:
            arguments[argument] = names(argument, given)
    return arguments


def merge_names(asked: Sequence[Arguments], *arguments: str) -> Arguments:
    """Merge the arguments of several subscribers, who share one subscription.

    `arguments` are the keys of arguments that are lists. Under each key, the result has every entry
    that at least one subscriber requests. A subscriber without a list under a key requests
    everything; then the result has no list under that key either.
    """
    return {
        argument: list(dict.fromkeys(name for each in asked for name in each[argument]))
        for argument in arguments
        if all(argument in each for each in asked)
    }


def merge_keys_and_fields(_: str, asked: Sequence[Arguments]) -> Arguments:
    """Merge several subscribers' arguments for an account's summary or ledger."""
    return merge_names(asked, "keys", "fields")
