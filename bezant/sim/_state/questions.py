"""Confirmation questions: IBKR asks them before it accepts an order."""

from __future__ import annotations

import random
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._market.books import RATES, unit
from .._scenario.scenario import exact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.responses import Response

    from .._market.exchange import Exchange
    from .._market.orders import OrderSpec
    from .trading import Trading

MAX_SUPPRESSED = 51
_LIFETIME = 60.0
_REMEMBERED = 1000
# Texts of the questions, by IBKR's id. They contain the words by which clients recognise IBKR's
# questions.
_TEXTS = {
    "o163": "The order's price exceeds \nthe Percentage constraint of 3%.",
    "o354": "You are submitting an order without market data.",
    "o383": "The order size exceeds the Size Limit of the account.",
    "o451": "The order value exceeds the Total Value Limit of the account.",
    "o10151": "The market is closed: a market order will trade at whatever price it opens with.",
    "o10153": "To avoid trading at a price that is not consistent with a fair and orderly market, "
    "a cap on the price may be set.",
    "o10223": "Orders that express size using a monetary value (cash quantity) are provided on a "
    "non-guaranteed basis.",
    "o10331": "You are about to submit a stop order. At its stop it trades at any price.",
}


_ACCEPT = "Accept and Continue"
# Questions that offer other replies than yes and no.
_OPTIONS: dict[str, dict[str, Any]] = {
    "o10153": {
        "isSuppressible": True,
        "defaultSuppressionOption": _ACCEPT,
        "messageOptions": ["Decline", _ACCEPT],
    },
}


@dataclass(slots=True)
class _Pending:
    ids: list[str]
    session: str
    ends: float
    go_on: Callable[[], Response]


@dataclass(slots=True)
class QuestionRules:
    """Decides which confirmation questions an order raises, and stores the unanswered ones.

    Attributes:
        seed: seed from which the ids of the questions are generated.
        asked: additional questions for the next orders: one list of message ids per order.
    """

    seed: int
    asked: list[list[str]] = field(default_factory=list[list[str]])
    _waiting: dict[str, _Pending] = field(default_factory=dict[str, _Pending])
    _gone: deque[str] = field(default_factory=lambda: deque[str](maxlen=_REMEMBERED))
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(f"{self.seed}/questions")

    def raised(
        self, trading: Trading, exchange: Exchange, specs: Sequence[OrderSpec], *, by_money: bool
    ) -> list[str]:
        """Return the message ids of the questions to ask about orders, such as `o163`.

        Args:
            trading: the account.
            exchange: the exchange.
            specs: the orders.
            by_money: whether one of the orders is for an amount of money instead of a quantity.
        """
        found: dict[str, None] = {}
        scenario = trading.scenario
        for spec in specs:
            contract = trading.catalogue.contracts[spec.conid]
            blind = spec.conid in trading.without_data
            last = exchange.market.quote(spec.conid, exchange.now).last
            limit = spec.limit
            capped = spec.kind == "MIDPRICE"
            if limit is not None and not (spec.parent or blind or capped):
                # IBKR asks about a limit price that is far from the market in either direction.
                far = abs(limit - last) * 100 > last * exact(scenario.price_limit)
                if far:
                    found["o163"] = None
            if blind:
                found["o354"] = None
            if spec.quantity > exact(scenario.size_limit):
                found["o383"] = None
            value = exchange.reference(spec) * spec.quantity * unit(contract)
            if value * RATES[contract.currency] > exact(scenario.value_limit):
                found["o451"] = None
            if spec.kind == "MKT" and not exchange.market.is_open(exchange.now):
                found["o10151"] = None
            if spec.waits and not spec.parent:
                found["o10331"] = None
        if by_money:
            found["o10223"] = None
        return list(found)

    def extra(self) -> list[str]:
        """Return the additional questions for the next order, and remove them from `asked`."""
        return self.asked.pop(0) if self.asked else []

    def end(self) -> int:
        """Make all unanswered questions invalid; return how many there were."""
        ended = len(self._waiting)
        self._gone.extend(self._waiting)
        self._waiting.clear()
        return ended

    def begin(
        self, ids: list[str], session: str, now: float, go_on: Callable[[], Response]
    ) -> dict[str, Any]:
        """Return the first of several questions. Earlier unanswered questions become invalid.

        Args:
            ids: message ids of the questions.
            session: token of the session.
            now: the current time in seconds.
            go_on: places or changes the orders, once the client has confirmed all questions.
        """
        self.end()
        return self._ask(_Pending(ids, session, now + _LIFETIME, go_on))

    def _ask(self, pending: _Pending) -> dict[str, Any]:
        name = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        self._waiting[name] = pending
        kind = pending.ids.pop(0)
        text = _TEXTS.get(kind, f"The order raises question {kind}.")
        return {
            "id": name,
            "message": [f"{text}\nAre you sure you want to submit this order?"],
            "isSuppressed": False,
            "messageIds": [kind],
            "messageOptions": ["Yes", "No"],
        } | _OPTIONS.get(kind, {})

    def reply(
        self, name: str, session: str, now: float, *, confirmed: bool
    ) -> dict[str, Any] | Response | str:
        """Handle a client's reply to a question.

        Args:
            name: id of the question, as the client got it.
            session: token of the current session.
            now: the current time in seconds.
            confirmed: whether the reply is yes.

        Returns:
            The next question; or, after the last question, the response to the order; or the reason
            why no order was placed: `unknown` (no such question), `gone` (no longer valid) or
            `refused` (the reply is no).
        """
        pending = self._waiting.pop(name, None)
        if pending is None:
            return "gone" if name in self._gone else "unknown"
        self._gone.append(name)
        if pending.session != session or now > pending.ends:
            return "gone"
        if not confirmed:
            return "refused"
        if pending.ids:
            return self._ask(pending)
        return pending.go_on()
