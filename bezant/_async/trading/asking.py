"""Sends an order and answers IBKR's questions about it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from ..._core.trading.intents import Intent
from ..._core.trading.placement import Placement
from ..._core.trading.questions import Answers, Question, answer_to
from ..._runtime import _async as rt
from ...errors import (
    ApiError,
    BezantError,
    InvalidRequest,
    NeverArrived,
    OpenQuestion,
    OrderDeclined,
    OutcomeUnknown,
    SessionError,
)
from ...models.orders import OrderReply
from ..http.pipeline import unknown_outcomes
from .desk import AsyncOrderDesk

if TYPE_CHECKING:
    from .trade import AsyncTrade


class AsyncOrderQuestion(OpenQuestion):
    """IBKR asks a question about an order, and the program has prepared no answer to it.

    The order is placed only after you confirm the question. IBKR keeps the question for a minute.
    Until then, no other order of the account is sent. A question that you leave open is declined at
    the end of the trading context.

    Attributes:
        question: the question.
    """

    def __init__(self, message: str, *, question: Question, asking: AsyncAsking) -> None:
        super().__init__(message)
        self.question = question
        self.question_id: str = question.id
        self.message_ids: tuple[str, ...] = question.message_ids
        self.text: str = question.text
        self._asking = asking

    async def confirm(self) -> AsyncTrade:
        """Confirm the question, and continue with the order; return its trade.

        Raises:
            AsyncOrderQuestion: IBKR asks another question.
            OutcomeUnknown: the result of the order is not known.
            BezantError: IBKR refused the order.
        """
        return await self._asking.confirm(self.question)

    async def decline(self) -> None:
        """Decline the question: IBKR discards the order.

        Raises:
            PartlyPlaced: IBKR had placed other orders of the bracket; they were cancelled.
            OutcomeUnknown: it is not known whether IBKR discarded the order.
        """
        await self._asking.decline(self.question)


class AsyncAsking:
    """One request about orders, and the replies to the questions that follow.

    Args:
        desk: state of the account.
        placement: results of the request's orders.
        answers: the answers that the program allows.
        finish: called once after all questions are answered; returns the trade.
        lost: called if a response is lost; it looks for the orders, and returns normally if it has
            found them.
        failed: called if IBKR refuses the request or the program declines an order; it takes back
            orders of the request that are already placed.
        broken_off: called if an interrupt or a cancellation may have cut a call off.
    """

    def __init__(
        self,
        desk: AsyncOrderDesk,
        placement: Placement,
        answers: Answers,
        *,
        finish: Callable[[], rt.Promise[AsyncTrade]],
        lost: Callable[[OutcomeUnknown], rt.Promise[None]],
        failed: Callable[[BezantError], rt.Promise[None]],
        broken_off: Callable[[], object],
    ) -> None:
        self._desk = desk
        self._placement = placement
        self._answers = answers
        self._finish = finish
        self._lost = lost
        self._failed = failed
        self._broken_off = broken_off

    async def run(
        self, intent: Intent, send: Callable[[], rt.Promise[list[OrderReply]]]
    ) -> AsyncTrade:
        """Send the request, answer the questions, and return the trade."""
        await self._carry_out(intent, send)
        return await self._continue()

    async def _carry_out(
        self,
        intent: Intent,
        send: Callable[[], rt.Promise[list[OrderReply]]],
        question: Question | None = None,
    ) -> None:
        """Send the request, or the reply to a question, and record the response."""
        # Bulk work must learn only of outcomes that stay unknown.
        noted: list[OutcomeUnknown] = []
        outer = unknown_outcomes.get()
        token = unknown_outcomes.set(noted)
        try:
            await self._send(intent, send, question, noted)
        except BaseException:
            if outer is not None:
                outer += noted
            raise
        finally:
            unknown_outcomes.reset(token)

    async def _send(
        self,
        intent: Intent,
        send: Callable[[], rt.Promise[list[OrderReply]]],
        question: Question | None,
        noted: list[OutcomeUnknown],
    ) -> None:
        try:
            replies = await self._desk.carry_out(intent, send, self._placement)
        except OutcomeUnknown as error:
            await self._lost(error)
            self._close_questions()
        except (ApiError, SessionError) as error:
            await self._failed(error)
            raise
        except BaseException as error:
            # Either nothing was sent, or an interrupt cut the call off in the middle.
            if noted and not isinstance(error, BezantError):
                self._broken_off()
            elif question is not None:
                self._open(question)
            raise
        else:
            self._placement.add(replies)
            for each in self._placement.questions.values():
                self._open(each)

    def _open(self, question: Question) -> None:
        self._placement.questions[question.id] = question
        self._desk.open_questions[question.id] = self

    def _close(self, question: Question) -> bool:
        """Close a question; return whether it was open, so that it has never two replies."""
        self._placement.questions.pop(question.id, None)
        return self._desk.open_questions.pop(question.id, None) is self

    def _close_questions(self) -> None:
        for question in tuple(self._placement.questions.values()):
            self._close(question)

    async def _continue(self) -> AsyncTrade:
        """Answer the open questions, as far as the program has prepared answers."""
        while self._placement.questions:
            question = next(iter(self._placement.questions.values()))
            decided = answer_to(question, self._answers)
            if decided is None:
                raise AsyncOrderQuestion(
                    f"IBKR asks about the order ({question}); nothing is placed until you call "
                    "confirm() on this error; decline() discards the order. To answer such "
                    f"questions beforehand, pass answers={{{_example(question)}}}",
                    question=question,
                    asking=self,
                )
            await self._reply(question, confirmed=decided)
        return await self._finish()

    async def confirm(self, question: Question) -> AsyncTrade:
        """Confirm an open question, then answer the questions that follow."""
        await self._reply(question, confirmed=True)
        return await self._continue()

    async def decline(self, question: Question) -> None:
        """Decline an open question."""
        with suppress(OrderDeclined):
            await self._reply(question, confirmed=False)

    async def discard(self, question: Question) -> None:
        """Decline an open question; do nothing else if that fails."""
        if not self._close(question):
            return  # another thread replies to it
        try:
            replies = await self._desk.carry_out(
                self._intent(question, confirmed=False),
                self._sender(question, confirmed=False),
                self._placement,
            )
        except OutcomeUnknown:
            self._broken_off()
            raise
        self._placement.add(replies)

    async def abandon(self) -> None:
        """Decline all open questions, and take back orders of the request that are placed.

        Raises:
            PartlyPlaced: orders of the request were placed; they are cancelled.
            BezantError: a question could not be declined.
        """
        failure: BezantError | None = None
        for question in tuple(self._placement.questions.values()):
            try:
                await self.discard(question)
            except BezantError as error:
                failure = failure or error
        await self._failed(failure or OrderDeclined("its question was left open"))
        if failure is not None:
            raise failure

    def _intent(self, question: Question, *, confirmed: bool) -> Intent:
        return Intent(
            "reply",
            self._desk.account_id,
            self._placement.legs,
            question_id=question.id,
            confirmed=confirmed,
        )

    def _sender(
        self, question: Question, *, confirmed: bool
    ) -> Callable[[], rt.Promise[list[OrderReply]]]:
        orders = self._desk.client.api.orders

        async def send() -> list[OrderReply]:
            return await orders.confirm_order_reply(reply_id=question.id, confirmed=confirmed)

        return send

    async def _reply(self, question: Question, *, confirmed: bool) -> None:
        # The question is closed before the reply is sent, so that it never gets a second reply.
        if not self._close(question):
            raise InvalidRequest(
                "this question has had its reply, or the end of the with block has declined "
                "it; nothing was sent"
            )
        intent = self._intent(question, confirmed=confirmed)
        send = self._sender(question, confirmed=confirmed)
        if confirmed:
            await self._carry_out(intent, send, question)
            return
        declined = OrderDeclined(
            f"the order was declined, because the answer to IBKR's question was no ({question})"
        )
        declined.message_ids = question.message_ids
        before = len(self._placement.placed)
        refusals = list(self._placement.refusals)
        try:
            await self._carry_out(intent, send, question)
        except NeverArrived as lost:
            raise declined from lost
        if len(self._placement.placed) > before:
            error = OutcomeUnknown(
                "the question was declined, but IBKR has placed the order: look at error.trade"
            )
            error.trade = await self._finish()
            raise error
        self._placement.refusals[:] = refusals  # the decline is acknowledged as an error
        await self._failed(declined)
        raise declined


def _example(question: Question) -> str:
    return ", ".join(f"{each!r}: True" for each in question.message_ids) or "..."
