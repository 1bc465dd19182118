"""Table of IBKR's known error texts: what a response means, whatever its status.

IBKR sends definite refusals with status 500 and 503, and the same fact with several statuses. The
text therefore decides before the status. For a call with side effects, only the texts of its own
rows are definite: with any other text of a 5xx, IBKR may have carried the call out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final

from ..._wire.record import Record
from .operation import Operation, OrderCall


class Meaning(Enum):
    """Meaning of a response.

    Attributes:
        NOT_FOUND: nothing exists under this id or name.
        BAD_REQUEST: an argument is wrong.
        REFUSED: IBKR refuses what the call asks for.
        FORBIDDEN: the user or the account has no right to it.
        LIMIT: too many calls.
        LATER: not ready yet; the same call succeeds later.
        OUTAGE: a failure at IBKR that sending the call again at once does not end.
    """

    NOT_FOUND = "not found"
    BAD_REQUEST = "bad request"
    REFUSED = "refused"
    FORBIDDEN = "forbidden"
    LIMIT = "limit"
    LATER = "later"
    OUTAGE = "outage"


class KnownText(Record, frozen=True):
    """Row of the table.

    Attributes:
        pattern: regular expression that is searched in the text, ignoring case.
        meaning: what a response with the text means.
        advice: what to do, if the text does not say it.
        statuses: the HTTP statuses with which the text has this meaning; empty for any.
    """

    pattern: str
    meaning: Meaning
    advice: str = ""
    statuses: tuple[int, ...] = ()


# An order that does not exist, with status 200, 400 and 503.
_NO_ORDER: Final = KnownText(
    r"^order ?(id)?:? ?-?\d+ (doesn'?t exist|does not exist|(is |was )?not found)",
    Meaning.NOT_FOUND,
    "check the order id and the account",
)
# Errors of a ticket's fields, which IBKR finds before it places anything.
_TICKET: Final = tuple(
    KnownText(pattern, Meaning.BAD_REQUEST)
    for pattern in (
        r"^order size .* is not valid",
        r"^can ?not contain field",
        r"^(bad request: )?accountid is not valid",
        r"^(bad request: )?missing order param",
        r"^(bad request: )?conid or conidex is required",
        r"^(bad request: )?failed to parse body as json",
        r"^(bad request: )?parameter with incorrect type",
        r"^(bad request: )?invalid side\b",
        r"^(bad request: )?(unknown|invalid) order type",
        r"^(bad request: )?\w[\w ]{0,40} (is|are) required\b",
        r"java\.lang\.\w+ cannot be cast to",
    )
)
# Refusals of an order as a whole.
_ORDER: Final = tuple(
    KnownText(pattern, Meaning.REFUSED)
    for pattern in (
        r"^invalid order price fields",
        r"time in force is not supported for this order",
        r"invalid time-in-force",
        r"^no sec ?defs? returned",
    )
)

# Rows by the key `texts` of an operation.
OWN: Final[Mapping[str, tuple[KnownText, ...]]] = {
    "accounts": (
        KnownText(r"\b(acct|account) not found\b", Meaning.NOT_FOUND, "check the account id"),
        KnownText(
            r"^details currently unavailable",
            Meaning.FORBIDDEN,
            "IBKR says so to accounts without the right to search for accounts (DYNACCT)",
        ),
    ),
    "alert": (KnownText(r"^alert\b.*\bnot found\b", Meaning.NOT_FOUND),),
    "contract": (
        KnownText(
            r"^details currently unavailable",
            Meaning.NOT_FOUND,
            "IBKR says so of a conid that it does not know; check the conid",
        ),
    ),
    "history": (
        KnownText(
            r"^chart data unavailable",
            Meaning.OUTAGE,
            "IBKR has no bars for these arguments, or has not loaded them yet",
        ),
    ),
    "order status": (
        KnownText(
            r"^(service unavailable)?$",
            Meaning.OUTAGE,
            "IBKR responds so for an order that it does not know, such as one of another account, "
            "and after many such calls in a short time; look for the order in client.orders()",
            statuses=(503,),
        ),
    ),
    "session": (
        # Such as "failed to generate sso dh token": any reason means that no session was opened.
        KnownText(
            r"^(?!(unknown|error|unknown error|internal error|(internal )?server error|"
            r"service unavailable)$)(?!.*tim(e ?|ed )out).*\w",
            Meaning.OUTAGE,
        ),
    ),
    "subscription": (
        KnownText(r"^unknown$", Meaning.NOT_FOUND, "nothing was subscribed for this contract"),
    ),
}
# Rows by the action of a call on an order. A failed reply proves nothing: it has no rows.
ORDERS: Final[Mapping[OrderCall, tuple[KnownText, ...]]] = {
    OrderCall.PLACE: (_NO_ORDER, *_TICKET, *_ORDER),
    OrderCall.CANCEL: (_NO_ORDER, *_TICKET),
}
# Rows of all idempotent calls. Their texts are general, because no harm is done if one is wrong.
READS: Final[tuple[KnownText, ...]] = (
    _NO_ORDER,
    *_TICKET,
    *_ORDER,
    KnownText(r"^waiting for reply$", Meaning.LATER, "try again in a second"),
    KnownText(r"\btoo many (requests|messages|calls)\b", Meaning.LIMIT),
    KnownText(r"\bno contracts? (were |was )?(retrieved|found)\b", Meaning.NOT_FOUND),
    KnownText(r"\bno sec ?defs? (returned|found)\b", Meaning.NOT_FOUND),
    KnownText(r"\b(doesn'?t|does not|did not) exist\b", Meaning.NOT_FOUND),
    KnownText(r"\b(is|was|were|are)? ?not found\b", Meaning.NOT_FOUND),
    KnownText(
        r"\b(is|are) not valid\b|\binvalid (?!session|token|consumer|signature|credential)",
        Meaning.BAD_REQUEST,
    ),
    KnownText(r"\b(is|are) (required|missing)\b|\bmissing \w+ ?param", Meaning.BAD_REQUEST),
    KnownText(r"\b(failed|unable) to parse\b|\bunparsea?ble\b", Meaning.BAD_REQUEST),
    KnownText(r"\b(is|are) not supported\b|^unsupported\b", Meaning.BAD_REQUEST),
)
# Statuses of reads whose meaning depends on the text. The others say enough.
_VARIABLE: Final = (200, 400, 423, 500, 501, 502, 503, 504)
# With these statuses, a refusal and a wrong argument are the same error whatever the text says.
_SAYS_NO: Final = (200, 400)
_NO: Final = (Meaning.BAD_REQUEST, Meaning.REFUSED)


def known_text(text: str, status: int, operation: Operation) -> KnownText | None:
    """Return the row that a response's text fits; None if no row does.

    Args:
        text: the error text of the response; empty if it has none.
        status: the HTTP status.
        operation: the call.
    """
    rows = OWN.get(operation.texts, ())
    if operation.order is not None:
        rows += ORDERS.get(operation.order, ())
    if operation.idempotent and status in _VARIABLE:
        rows += READS
    said = text.strip(" .!\r\n\t")
    for row in rows:
        if row.statuses and status not in row.statuses:
            continue
        if re.search(row.pattern, said, re.IGNORECASE):
            return None if status in _SAYS_NO and row.meaning in _NO else row
    return None
