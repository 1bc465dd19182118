"""IBKR's questions about orders: table of known kinds, and the answers that a program allows."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Final, TypeAlias, cast

from ..._wire.record import Record
from ..._wire.redaction import shown
from ...errors import InvalidRequest
from ...models.orders import OrderReply


class QuestionKind(Record, frozen=True):
    """One kind of order question.

    Attributes:
        id: IBKR's id of the kind (``messageId``).
        name: name of the kind, as IBKR's documentation and other libraries use it.
        meaning: explanation of the question.
    """

    id: str
    name: str
    meaning: str


# IBKR adds kinds without notice, so a question may have an id that is not in the table.
KINDS: Final[Mapping[str, QuestionKind]] = {
    row.id: row
    for row in (
        QuestionKind(
            "o163",
            "PRICE_PERCENTAGE",
            "the price is further from the market than the account's settings allow",
        ),
        QuestionKind("o354", "NO_MARKET_DATA", "you have no market data for the contract"),
        QuestionKind(
            "o382", "TICK_SIZE_LIMIT", "the price is more ticks from the market than allowed"
        ),
        QuestionKind("o383", "SIZE_LIMIT", "the quantity exceeds the account's size limit"),
        QuestionKind(
            "o403", "TRIGGER_AND_FILL", "the order will probably trigger and fill at once"
        ),
        QuestionKind("o451", "VALUE_LIMIT", "the value exceeds the account's limit of an order"),
        QuestionKind("o2136", "MIXED_ALLOCATION", "the order is allocated in mixed ways"),
        QuestionKind("o2137", "CROSS_SIDE", "the order crosses another side of the account"),
        QuestionKind(
            "o2165",
            "FRACTIONS_OUTSIDE_RTH",
            "fractions of a unit do not trade outside regular trading hours",
        ),
        QuestionKind("o10082", "CALLED_BOND", "the bond was called by its issuer"),
        QuestionKind(
            "o10138", "SIZE_MODIFICATION_LIMIT", "the change of the quantity exceeds the limit"
        ),
        QuestionKind("o10151", "MARKET_ORDER_RISK", "a market order fills at any price"),
        QuestionKind("o10152", "STOP_ORDER_RISK", "a stop order fills at any price once it works"),
        QuestionKind(
            "o10153", "MANDATORY_CAP_PRICE", "IBKR may limit the price at which the order fills"
        ),
        QuestionKind("o10164", "CASH_QUANTITY", "orders for an amount of money have other rules"),
        QuestionKind(
            "o10223", "CASH_QUANTITY_ORDER", "an order for an amount of money is not guaranteed"
        ),
        QuestionKind(
            "o10288", "CRYPTO_MARKET_ORDER", "a market order in a cryptocurrency fills at any price"
        ),
        QuestionKind("o10331", "STOP_ORDER_TYPES", "stop orders have risks"),
        QuestionKind("o10332", "OSL_CRYPTO", "the order goes to OSL Digital Securities"),
        QuestionKind("o10333", "EXERCISE_ATM", "the option to exercise is at the money"),
        QuestionKind(
            "o10334",
            "OMNIBUS_ACCOUNT",
            "the order goes to this omnibus account, not the global one",
        ),
        QuestionKind("o10335", "RAPID_ENTRY", "IBKR's window for rapid order entry"),
        QuestionKind("o10336", "ILLIQUID", "the contract trades rarely"),
        QuestionKind("p6", "MULTIPLE_ACCOUNTS", "the order is spread over several accounts"),
        QuestionKind(
            "p12", "PRICE_MANAGEMENT_ALGO", "the order uses IBKR's price management algorithm"
        ),
    )
}


class Question(Record, frozen=True):
    """Question that IBKR asks about an order before it places the order.

    Attributes:
        id: id of this question.
        message_ids: kinds of question that it contains, such as ``o163``.
        text: text of the question, without HTML.
        options: replies that IBKR offers, such as ``Yes`` and ``No``.
    """

    id: str
    message_ids: tuple[str, ...]
    text: str
    options: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[QuestionKind, ...]:
        """Rows of the known kinds among `message_ids`."""
        return tuple(KINDS[each] for each in self.message_ids if each in KINDS)

    def __str__(self) -> str:
        ids = ", ".join(self.message_ids) or "without an id"
        return f"{ids}: {self.text}"


Answers: TypeAlias = Mapping[str, bool] | Callable[[Question], bool | None]


def question_of(reply: OrderReply) -> Question | None:
    """Return the question in a response; None if it is no question."""
    if reply.order_id is not None or not reply.id:
        return None
    text = " ".join(filter(None, map(_plain, reply.message or ())))
    ids = tuple(reply.message_ids or ())
    return Question(reply.id, ids, text, tuple(reply.message_options or ()))


def _plain(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^<>]*>", " ", text)).split())


def check_answers(answers: object) -> Answers:
    """Check the argument ``answers``, and return it.

    Raises:
        InvalidRequest: the answers are neither a function nor a mapping of message ids to bools.
    """
    if callable(answers):
        return cast("Answers", answers)
    if not isinstance(answers, Mapping):
        raise InvalidRequest(
            f"answers must be a mapping such as {{'o163': True}} or a function, not "
            f"{shown(answers)}"
        )
    for message_id, answer in cast("Mapping[object, object]", answers).items():
        if not isinstance(message_id, str) or not isinstance(answer, bool):
            raise InvalidRequest(
                "answers must map message ids to True (confirm) or False (decline), not "
                f"{shown(message_id)} to {shown(answer)}"
            )
    return cast("Mapping[str, bool]", answers)


def answer_to(question: Question, answers: Answers) -> bool | None:
    """Return whether to confirm a question; None if the answers do not say.

    A question with several message ids is confirmed only if each of them is.

    Raises:
        InvalidRequest: the function that decides returned another value than True, False and None.
    """
    if callable(answers):
        decided: object = answers(question)
        if decided is None or isinstance(decided, bool):
            return decided
        raise InvalidRequest(
            "the function passed as answers must return True, False or None, not "
            f"{shown(decided)}; the question is still open"
        )
    found = [answers.get(each) for each in question.message_ids]
    if False in found:
        return False
    return True if found and None not in found else None


def merged(*lists: Iterable[object]) -> list[str]:
    """Return the message ids of several lists, each once, in order.

    Raises:
        InvalidRequest: an id is not text.
    """
    ids: dict[str, None] = {}
    for message_id in chain(*lists):
        if not isinstance(message_id, str) or not message_id.strip():
            raise InvalidRequest(
                f"a message id must be text such as 'o163', not {shown(message_id)}"
            )
        ids[message_id] = None
    return list(ids)
