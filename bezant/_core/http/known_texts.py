"""Table of IBKR's known error texts and their meanings.

IBKR sends the same refusal with several statuses, among them 500 and 503, which usually mean a
failure of the server. The text therefore decides before the status does. For a call with side
effects, only texts recorded for that operation prove a refusal: after a 5xx with any other text,
IBKR may have carried out the call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final

from ..._wire.record import Record
from .operation import Operation, OrderCall


class Meaning(Enum):
    """Meaning of an error text.

    Attributes:
        NOT_FOUND: nothing exists with this id or name.
        BAD_REQUEST: an argument is wrong.
        REFUSED: IBKR understood the call and refuses it.
        FORBIDDEN: the user or the account lacks the permission.
        LIMIT: the client has sent too many calls.
        LATER: the data is not ready yet; the same call succeeds later.
        OUTAGE: IBKR has a failure that lasts, so sending the call again at once does not help.
    """

    NOT_FOUND = "not found"
    BAD_REQUEST = "bad request"
    REFUSED = "refused"
    FORBIDDEN = "forbidden"
    LIMIT = "limit"
    LATER = "later"
    OUTAGE = "outage"


class KnownText(Record, frozen=True):
    """Row of the table of known error texts.

    Attributes:
        pattern: regular expression to search in the error text, ignoring case.
        meaning: what a response with the text means.
        advice: what the user should do; empty if IBKR's text says it.
        statuses: the HTTP statuses with which the text has this meaning; empty if it has this
            meaning with every status.
    """

    pattern: str
    meaning: Meaning
    advice: str = ""
    statuses: tuple[int, ...] = ()


# IBKR sends this text with the statuses 200, 400 and 503 if an order does not exist.
_NO_ORDER: Final = KnownText(
    r"^order ?(id)?:? ?-?\d+ (doesn'?t exist|does not exist|(is |was )?not found)",
    Meaning.NOT_FOUND,
    "check the order id and the account",
)
# IBKR finds these errors in a ticket's fields before it places anything.
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
# IBKR sends these texts if it refuses an order as a whole.
_ORDER: Final = tuple(
    KnownText(pattern, Meaning.REFUSED)
    for pattern in (
        r"^invalid order price fields",
        r"time in force is not supported for this order",
        r"invalid time-in-force",
        r"^no sec ?defs? returned",
    )
)

# Texts of single operations. Key: the value of `Operation.texts`.
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
        # An example is "failed to generate sso dh token". Any reason in the text means that no
        # session was opened.
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
# Texts for calls on orders, by their action. There is no entry for replies to order questions,
# because a failed reply does not prove that the order was refused.
ORDERS: Final[Mapping[OrderCall, tuple[KnownText, ...]]] = {
    OrderCall.PLACE: (_NO_ORDER, *_TICKET, *_ORDER),
    OrderCall.CANCEL: (_NO_ORDER, *_TICKET),
}
# Texts for all idempotent calls. They are more general than those above, because taking a text for
# the wrong meaning does no harm to such a call.
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
# In responses to idempotent calls, texts are looked up only for these statuses. Other statuses have
# a clear meaning of their own.
_VARIABLE: Final = (200, 400, 423, 500, 501, 502, 503, 504)
# With these statuses, the text does not decide between a refusal and a wrong argument: status 200
# always means a refusal, and 400 a wrong argument.
_SAYS_NO: Final = (200, 400)
_NO: Final = (Meaning.BAD_REQUEST, Meaning.REFUSED)


def known_text(text: str, status: int, operation: Operation) -> KnownText | None:
    """Return the row whose pattern matches an error text; None if no row matches.

    Args:
        text: the error text of the response; empty if the response has no error text.
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
