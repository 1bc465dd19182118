"""Calls that brought no answer, an error, or an answer that could not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import BezantError

if TYPE_CHECKING:
    from ..models.orders import OrderPreview


class HttpError(BezantError):
    """No complete answer came back."""


class ConnectFailed(HttpError):
    """No connection was made, so nothing was sent: refused, unreachable, or an unknown host."""

    retryable = True


class TlsFailed(ConnectFailed):
    """The TLS handshake failed, most often because the certificate could not be verified."""

    retryable = False


class HttpTimeout(HttpError, TimeoutError):
    """No complete answer came before the deadline."""

    retryable = True


class ConnectionLost(HttpError):
    """The connection broke, or the bytes were not HTTP, before the answer was complete."""

    retryable = True


class OutcomeUnknown(HttpError):
    """A call with an effect failed after it may have been sent: it may have been carried out.

    No answer came, or one that does not say what became of it; ``__cause__`` is a `DecodeError`
    where it could not be read.

    Never send it again blindly. For an order, look for its ``order_ref`` in ``client.orders()`` and
    ``client.trades()`` first: it is the client order id that the order was given.

    Attributes:
        status: the HTTP status, where an answer came, else None.
        target: what was called, with the ids in its path.
        client_order_ids: those of the orders in the call (``cOID``), or of those that the question
            was about; empty where they had none.
        item: the item of ``client.map`` or ``client.gather`` in whose function the call was made,
            where that was cut off; else None.
    """

    def __init__(
        self, message: str, *, operation: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, operation=operation)
        self.status = status
        self.target: str = ""
        self.client_order_ids: tuple[str, ...] = ()
        self.item: object = None

    def __str__(self) -> str:
        ids = ", ".join(self.client_order_ids)
        return f"{super().__str__()} (client order id {ids})" if ids else super().__str__()


class PrerequisiteFailed(BezantError):
    """A call that IBKR wants first failed, so an order, a cancel or a reply did nothing.

    Nothing was placed, changed or cancelled: it may be sent again. ``__cause__`` is the error of
    the call that failed.
    """

    retryable = True


class AccountBusy(BezantError):
    """Another order of the account comes first; nothing was sent.

    One order of an account at a time goes from its placement to the last answer, because IBKR
    invalidates an open question when another order arrives.

    Attributes:
        question_ids: the open questions of the other order; the first is in the text.
        client_order_ids: those of the other order (``cOID``); empty where it had none.
        retry_after: seconds after which the other order no longer holds the account; 0 where it has
            no response yet.
    """

    retryable = True

    def __init__(self, message: str, *, operation: str | None = None) -> None:
        super().__init__(message, operation=operation)
        self.question_ids: tuple[str, ...] = ()
        self.client_order_ids: tuple[str, ...] = ()
        self.retry_after: float = 0.0


class ApiError(BezantError):
    """The gateway answered with an error.

    Attributes:
        status: the HTTP status. 200 for `Refused`.
        body: the beginning of the answer's text, without secrets.
    """

    def __init__(
        self, message: str, *, operation: str | None = None, status: int = 0, body: str = ""
    ) -> None:
        super().__init__(message, operation=operation)
        self.status = status
        self.body = body


class BadRequest(ApiError):
    """400: the gateway does not accept the parameters."""


class PermissionDenied(ApiError):
    """403, or this address is not on the gateway's list of allowed addresses."""


class NotFound(ApiError):
    """404: no such path, or nothing there."""


class RateLimited(ApiError):
    """429: too many requests. Going on risks a block of the whole IP address.

    Attributes:
        retry_after: seconds to wait, where the gateway said so, else None.
    """

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        status: int = 429,
        body: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, operation=operation, status=status, body=body)
        self.retry_after = retry_after


class UpstreamError(ApiError):
    """5xx: the gateway or IBKR's servers behind it failed.

    ``retryable`` is true for 502, 503 and 504 and for answers that ask for another call first.
    Errors with status 400 and 200 that ask for one have it too.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        status: int = 500,
        body: str = "",
        retryable: bool = False,
    ) -> None:
        super().__init__(message, operation=operation, status=status, body=body)
        self.retryable = retryable


class _Unshown:
    """Keeps a value out of what shows an error's attributes: there may be secrets in it."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Refused(ApiError):
    """The answer had status 200 and an error inside."""

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        status: int = 200,
        body: str = "",
        answer: Any = None,
    ) -> None:
        super().__init__(message, operation=operation, status=status, body=body)
        self._answer = _Unshown(answer)

    @property
    def answer(self) -> Any:
        """The whole answer, as the call would have returned it.

        What stood beside the error is in there. None where it holds nothing of what the call
        returns.
        """
        return self._answer.value


class PreviewRefused(Refused):
    """The preview of an order says that the order would be refused.

    The figures that the gateway gave all the same are in ``preview``.
    """

    @property
    def preview(self) -> OrderPreview:
        """The preview: amount, margins, warning, and the ``error``; UNSET what did not come."""
        preview: OrderPreview = self.answer
        return preview


class UnexpectedRedirect(ApiError):
    """The gateway sent a redirect that does not lead to its login page: the path is unknown."""


class DecodeError(BezantError):
    """The answer could not be read.

    Attributes:
        body: the beginning of the answer's text, without secrets.
    """

    def __init__(self, message: str, *, operation: str | None = None, body: str = "") -> None:
        super().__init__(message, operation=operation)
        self.body = body


class IncompleteList(BezantError):
    """A list lacks orders or executions that this client knows of, so that it cannot be believed.

    Attributes:
        order_ids: the orders that it lacks, or whose executions it lacks.
        execution_ids: the executions that it lacks.
    """

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        order_ids: tuple[int, ...] = (),
        execution_ids: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, operation=operation)
        self.order_ids = order_ids
        self.execution_ids = execution_ids


class AnswerTooLarge(DecodeError):
    """The answer is longer than the client's limit, ``max_answer_bytes``."""
