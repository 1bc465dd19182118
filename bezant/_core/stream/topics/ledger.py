"""Topic ``sld``: ledger of an account, by currency."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import force_setattr

from ....models.stream import LedgerUpdate
from ...decoding.drift import Report
from ..arguments import account as checked_account
from ..arguments import keys_and_fields, merge_keys_and_fields
from ..merging import merge_fields
from ..reading import account_and_key, read_model, rows_in, target_of
from ..topic import Frame, Merging, SubscriptionRequest, Topic


def request(
    account: str, keys: Iterable[str] | None = None, fields: Iterable[str] | None = None
) -> SubscriptionRequest:
    """Return a request to subscribe to an account's ledger.

    Raises:
        InvalidRequest: the account is not valid, or ``keys`` or ``fields`` is not a list of names.
    """
    return SubscriptionRequest(f"ld+{checked_account(account)}", keys_and_fields(keys, fields))


def _read(topic: str, row: Frame, report: Report) -> LedgerUpdate:
    ledger = read_model(row, LedgerUpdate, "sld", report)
    force_setattr(ledger, "account_id", target_of(topic).partition("+")[0])
    return ledger


LEDGER: Final = Topic(
    name="sld",
    messages=(LedgerUpdate,),
    parse=rows_in("result", _read),
    key="ld",
    merge=merge_keys_and_fields,
    confirms=lambda message: (f"ld+{message.account_id}",),
    responds=True,
    heartbeat=10.0,
    merging=Merging(subject=account_and_key, complete=merge_fields),
)
