"""Base class of the client: settings, copies, raw calls, bulk calls, closing."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from .._core.decoding.drift import Drift
from .._core.http.request import raw_operation
from .._core.http.response import check_type
from .._core.settings.checks import check_count, check_seconds
from .._core.settings.settings import DEFAULT_CONCURRENCY, DEFAULT_USER_AGENT, resolve
from .._runtime import _async as rt
from .http.pipeline import AsyncPipeline

if TYPE_CHECKING:
    from .._core.http.captured import CapturedResponses
    from ..models.bulk import Progress
    from .api import AsyncApi, AsyncOAuthOperations
    from .bulk import AsyncBulk
    from .session.session import AsyncSession

T = TypeVar("T")
R = TypeVar("R")
# The type variable is used instead of Self. jedi, which completes names in IPython and Jupyter,
# takes Self for the class that contains the annotation, here the base class, and so would not offer
# the methods of `AsyncClient`.
C = TypeVar("C", bound="AsyncClientBase")
# The argument ``auth`` of a client is a user name and a password, or a function that returns
# headers for one request.
Auth: TypeAlias = tuple[str, str] | Callable[[], Mapping[str, str] | rt.Promise[Mapping[str, str]]]


class AsyncClientBase:
    """Base class of `AsyncClient`, with settings, raw calls and bulk calls only."""

    def __init__(
        self,
        base_url: str | None = None,
        *,
        timeout: float = 30.0,
        connect_timeout: float = 5.0,
        user_agent: str = DEFAULT_USER_AGENT,
        verify: object = "auto",
        proxy: str | None = None,
        max_connections: int = 4,
        max_response_bytes: int = 32 * 1024 * 1024,
        strict: bool = False,
        on_drift: Callable[[Drift], object] | None = None,
        pacing: bool | str | None = None,
        max_wait: float = 30.0,
        retries: int | None = None,
        cache: str | os.PathLike[str] | None = None,
        max_market_data_lines: int = 100,
        transport: object = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
    ) -> None:
        self._settings = resolve(locals(), os.environ)
        self._owner: AsyncClientBase | None = None
        self._pipeline = AsyncPipeline(self._settings, on_drift, transport)

    def __repr__(self) -> str:
        if "_pipeline" not in vars(self):  # missing if __init__ raised an error
            return f"<{type(self).__name__} never opened>"
        state = " closed" if self._pipeline.closed else ""
        return f"<{type(self).__name__} {self.base_url}{state}>"

    @property
    def base_url(self) -> str:
        """URL of the gateway's API, such as ``https://localhost:5000/v1/api``."""
        return str(self._settings.base_url)

    @property
    def gateway_root(self) -> str:
        """URL of the gateway and its login page, such as ``https://localhost:5000``."""
        return self._settings.base_url.root

    @property
    def session(self) -> AsyncSession:
        """State of the gateway's session, with methods to open it and to wait for it."""
        from .session.session import AsyncSession

        return AsyncSession(self._pipeline, self._settings)

    @property
    def penalty_left(self) -> float:
        """Seconds until the penalty after a response with status 429 ends; 0 without a penalty.

        The client sends nothing during a penalty.
        """
        return self._pipeline.limiter.penalty_left

    def end_penalty(self) -> None:
        """Allow requests again although the gateway's penalty may not be over.

        The penalty applies to your whole IP address, and IBKR extends it if requests continue.
        """
        self._pipeline.limiter.forgive()

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        return self._pipeline.closed

    @cached_property
    def api(self) -> AsyncApi:
        """All operations that the gateway serves: ``client.api.portfolio.get_all_accounts()``.

        To find an operation by IBKR's operation id, path or words, use `bezant.operations`.
        """
        from .api import AsyncApi

        return AsyncApi(self._pipeline, self._settings)

    @cached_property
    def oauth_api(self) -> AsyncOAuthOperations:
        """All operations that need OAuth, by group, such as account management and banking.

        Only IBKR's own host serves these operations. If your client is connected to a gateway,
        calls of them raise `OAuthRequired`, and nothing is sent.
        """
        from .api import AsyncOAuthOperations

        return AsyncOAuthOperations(self._pipeline, self._settings)

    def with_options(  # noqa: PYI019
        self: C,
        *,
        timeout: float | None = None,
        connect_timeout: float | None = None,
        user_agent: str | None = None,
        max_response_bytes: int | None = None,
        strict: bool | None = None,
        max_wait: float | None = None,
        retries: int | None = None,
        max_market_data_lines: int | None = None,
    ) -> C:
        """Return a copy of this client with other settings; both share the session and connections.

        A copy is cheap and needs no closing: closing the copy does nothing, and closing the
        original closes both. An argument that is None keeps its setting; `AsyncClient` documents
        the arguments.
        """
        copy = object.__new__(type(self))
        copy._owner = self._owner or self
        copy._settings = self._settings.with_changes(locals())
        copy._pipeline = self._pipeline
        return copy

    def capture_responses(
        self, *, max_count: int = 1000, max_bytes: int = 64 * 1024 * 1024
    ) -> CapturedResponses:
        """Capture the raw responses to the calls of a ``with`` block.

        ```python
        with client.capture_responses() as responses:
            await client.all_positions("DU123456")
        for response in responses:
            print(response.path, response.status, response.json())
        ```

        The list has every response that this client and its copies receive within the block,
        including responses to prerequisites, to retries, and to calls that raise an error. Other
        threads and tasks do not add their responses, except tasks started in the block and the
        calls of ``client.map`` and ``client.gather``.

        Args:
            max_count: maximum number of responses to keep; if there are more, the oldest are
                dropped.
            max_bytes: maximum length of all kept response bodies together, in bytes; if they are
                longer, the oldest responses are dropped.

        Raises:
            InvalidRequest: an argument is invalid.
        """
        from .._core.http.captured import CapturedResponses

        check_count("max_count", max_count, 1)
        check_count("max_bytes", max_bytes, 1)
        return CapturedResponses(self._pipeline.captures, max_count, max_bytes)

    @overload
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: object = None,
    ) -> Any: ...

    @overload
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: object = None,
        type: type[T],
    ) -> T: ...

    @overload
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: object = None,
        type: None,
    ) -> None: ...

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: object = None,
        type: Any = Any,
    ) -> Any:
        """Send a request to any path of the API and return the response.

        Args:
            method: ``GET``, ``POST``, ``PUT``, ``PATCH`` or ``DELETE``.
            path: path below the base URL, such as ``/iserver/accounts``.
            params: query parameters. A parameter whose value is None is left out; booleans become
                ``true`` and ``false``, lists are joined with commas.
            json: the body, as plain Python values or a model; by default the request has no body.
            type: type of the return value. By default the method returns plain Python values. You
                can pass a model; a list or mapping of models, such as ``list[Execution]``;
                ``bytes`` or ``str`` to get the body undecoded; or None to ignore the body and
                return None.

        Raises:
            InvalidRequest: an argument is invalid; nothing was sent.
            OutcomeUnknown: a call with side effects failed after it may have been sent, or its
                response could not be read. A call that `bezant.operations` does not know counts as
                a call with side effects unless it is a GET.
            BezantError: the call failed in another way; see `bezant.errors`.
        """
        from .._core.operations._lookup import known

        operation = known(raw_operation(method, path, self._settings))
        check_type(type, operation)
        return await self._pipeline.call(operation, type, self._settings, params=params, json=json)

    def map(
        self,
        function: Callable[[T], rt.Promise[R]],
        items: Iterable[T],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        max_wait: float | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> AsyncBulk[T, R]:
        """Call a function for many items concurrently and iterate over the outcomes as they finish.

        Each call waits until the rate limits allow it, by default without a time limit. Use the
        result as a context manager; leaving it cancels unfinished calls:

        ```python
        async with client.map(fetch, conids) as outcomes:
            async for outcome in outcomes:
                if outcome.ok:
                    print(outcome.item, outcome.value)
        ```

        Args:
            function: function that makes the calls for one item. The client calls the function with
                each item. If the function raises an error, the error is the item's outcome.
            items: the items; the client takes them one by one as needed.
            concurrency: maximum number of items in progress at the same time.
            max_wait: seconds for which each call may wait for the rate limits; None (the default)
                for no limit. During a penalty, which follows a response with status 429, the
                client's own ``max_wait`` applies instead.
            on_progress: function called with a `Progress` before each outcome.

        Raises:
            InvalidRequest: an argument is invalid.
        """
        from .bulk import AsyncBulk

        check_count("concurrency", concurrency, 1)
        if max_wait is not None:
            check_seconds("max_wait", max_wait)
        return AsyncBulk(
            self._pipeline,
            function,
            items,
            concurrency=concurrency,
            max_wait=math.inf if max_wait is None else max_wait,
            on_progress=on_progress,
        )

    async def gather(
        self,
        function: Callable[[T], rt.Promise[R]],
        items: Iterable[T],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        max_wait: float | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> list[R]:
        """Call a function for many items concurrently and return its values in the items' order.

        Works like `map`, but the first error stops the work and cancels the unfinished calls. If
        that cuts off calls with side effects, such as orders, the error's ``unknown_outcomes``
        lists these calls.

        Args:
            function: function that makes the calls for one item. The client calls the function with
                each item.
            items: the items; the client takes them one by one as needed.
            concurrency: maximum number of items in progress at the same time.
            max_wait: seconds for which each call may wait for the rate limits; None (the default)
                for no limit.
            on_progress: function called with a `Progress` for each item.

        Raises:
            Exception: the first error that the function raised.
        """
        values: dict[int, R] = {}
        async with self.map(
            function, items, concurrency=concurrency, max_wait=max_wait, on_progress=on_progress
        ) as outcomes:
            async for outcome in outcomes:
                values[outcome.index] = outcome.value
        return [values[index] for index in sorted(values)]

    async def aclose(self) -> None:
        """Close all connections and stop the keepalives. You may call this method twice."""
        if self._owner is None:
            await self._pipeline.aclose()

    async def __aenter__(self: C) -> C:  # noqa: PYI019
        self._pipeline.check()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        pipeline = getattr(self, "_pipeline", None)
        if pipeline is not None and self._owner is None and pipeline.opened:
            warnings.warn(
                f"{self!r} was never closed; use it as a context manager",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )
