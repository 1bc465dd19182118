"""Ledger of an account, by currency: ``sld``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from ....models.stream import LedgerUpdate
from ...decoding.drift import Report
from ..arguments import account as checked_account
from ..arguments import keys_and_fields, merge_keys_and_fields
from ..reading import read_model, rows_in, target_of
from ..topic import Frame, SubscriptionRequest, Topic


def request(
    account: str, keys: Iterable[str] | None = None, fields: Iterable[str] | None = None
) -> SubscriptionRequest:
    """Return a request for an account's ledger.

    Raises:
        InvalidRequest: the account is not valid, or the names are not a list of text.
    """
    return SubscriptionRequest(f"ld+{checked_account(account)}", keys_and_fields(keys, fields))


def _ledger_from(account: str, row: Frame, report: Report) -> LedgerUpdate:
    ledger = read_model(row, LedgerUpdate, "sld", report)
    return msgspec.structs.replace(ledger, account_id=account)


class LedgerStore:
    """Ledgers by account and currency, each complete."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._rows: dict[tuple[str, str], dict[str, Any]] = {}

    def restart(self) -> None:
        """Keep all: a ledger does not end with a subscription."""

    def update(self, message: LedgerUpdate) -> LedgerUpdate:
        """Return the ledger completed by earlier messages."""
        key = message.key
        if not isinstance(key, str):
            return message
        known = self._rows.get((message.account_id, key), {})
        row = dict(message.raw)
        complete = self._rows[message.account_id, key] = {**known, **row}
        if not known:
            return message
        ledger = _ledger_from(message.account_id, complete, self._report)
        return msgspec.structs.replace(ledger, raw=row)


LEDGER: Final = Topic(
    name="sld",
    messages=(LedgerUpdate,),
    parse=rows_in(
        "result",
        lambda topic, row, report: _ledger_from(target_of(topic).partition("+")[0], row, report),
    ),
    key="ld",
    merge=merge_keys_and_fields,
    confirms=lambda message: (f"ld+{message.account_id}",),
    store=LedgerStore,
)
