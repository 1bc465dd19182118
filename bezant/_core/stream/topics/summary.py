"""Topic ``ssd``: summary of an account."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import force_setattr

from ....models.stream import Message, SummaryUpdate
from ...decoding.drift import Report
from ..arguments import account as checked_account
from ..arguments import keys_and_fields, merge_keys_and_fields
from ..merging import merge_fields
from ..reading import account_and_key, read_model, rows_in, target_of
from ..topic import Frame, Merging, SubscriptionRequest, Topic


def request(
    account: str, keys: Iterable[str] | None = None, fields: Iterable[str] | None = None
) -> SubscriptionRequest:
    """Return a request to subscribe to an account's summary.

    Raises:
        InvalidRequest: the account is not valid, or ``keys`` or ``fields`` is not a list of names.
    """
    return SubscriptionRequest(f"sd+{checked_account(account)}", keys_and_fields(keys, fields))


def _read(topic: str, row: Frame, report: Report) -> Message:
    # The account id is taken from the topic. A field of this name in a row would mean something
    # else.
    summary = read_model(row, SummaryUpdate, "ssd", report)
    force_setattr(summary, "account_id", target_of(topic).partition("+")[0])
    return summary


SUMMARY: Final = Topic(
    name="ssd",
    messages=(SummaryUpdate,),
    parse=rows_in("result", _read),
    key="sd",
    merge=merge_keys_and_fields,
    confirms=lambda message: (f"sd+{message.account_id}",),
    responds=True,
    merging=Merging(subject=account_and_key, complete=merge_fields),
)
