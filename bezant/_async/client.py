"""The client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from .._core.http.operation import Operation
from .._core.http.request import fill_path
from .._core.operations.session import GET_BROKERAGE_STATUS, LOGOUT, TICKLE
from .._core.portfolio import positions as position_rules
from .._core.session import prerequisites
from .._core.session.evidence import no_accounts
from .._core.session.first_answer import check_account, is_open, list_key, may_be_incomplete, needed
from .._core.session.prerequisites import TRADING_ACCOUNTS
from .._core.settings.checks import check_count, check_seconds
from .._runtime import _async as rt
from ..errors import NoAccounts, PacingError, SessionError
from ..models._portfolio import Account
from ..models._session import AuthStatus, Tickle
from .base import AsyncClientBase
from .http.permit import patience

if TYPE_CHECKING:
    from .._core.marketdata.fields import MarketDataFields
    from ..models._positions import Position
    from ..models.orders import LiveOrder, Trade
    from ..models.stream import MarketData
    from .session.keepalive import AsyncKeepalive, Callback

T = TypeVar("T", bound="LiveOrder | Trade")


class AsyncClient(AsyncClientBase):
    """A client of the Client Portal Gateway.

    Nothing is opened until the first call. Close it when done, or use it as a context manager.

    Args:
        base_url: where the gateway's API is; by default ``BEZANT_GATEWAY_URL`` or
            ``IBKR_GATEWAY_URL`` from the environment, else ``https://localhost:5000/v1/api``.
        timeout: seconds for a whole call, from its first byte to the last of the answer.
        connect_timeout: seconds to connect, within ``timeout``.
        user_agent: the User-Agent header; IBKR refuses requests without one.
        verify: how the certificate is checked. ``"auto"`` checks it except on loopback hosts,
            because the gateway's own is self-signed and expired; True always; False never; a path
            names a file of CA certificates; an ``ssl.SSLContext`` is used as it is.
        proxy: URL of an HTTP proxy; by default the environment's, and none for loopback hosts.
        max_connections: connections at a time. The gateway serves five requests at a time.
        max_response_bytes: the longest answer that is read.
        strict: raise `DecodeError` where a field has another type than the model says, instead of
            leaving it ``UNSET``. Not of calls with an effect, such as orders: their answer is
            returned, and the field reported as without it.
        on_drift: called with each such field, once; by default a `DriftWarning` is given.
        pacing: hold calls back to IBKR's limits, over all clients of the gateway in this process.
            ``"file:PATH"`` or ``"redis://HOST:PORT/NUMBER"`` share that with other processes; what
            follows a ``#`` names the gateway there. By default what ``BEZANT_PACING`` in the
            environment says, else True.
        max_wait: seconds for which a call may be held back; beyond it is a `PacingError`.
        retries: how often a call without an effect is made again when it fails in passing, within
            ``timeout``. By default 2, or ``BEZANT_RETRIES``.
        transport: sends calls in place of the client's own connections: an object with httpx's
            transport interface, such as an ``httpx.MockTransport`` or a recorder. The client closes
            it. WebSockets do not use it.

    Raises:
        InvalidBaseUrl: the base URL does not parse.
        InvalidRequest: another argument cannot be used.
    """

    async def auth_status(self) -> AuthStatus:
        """Return the session's flags as they are (``POST /iserver/auth/status``).

        Raises:
            NotAuthenticated: the login is gone.
        """
        return await self._pipeline.call(GET_BROKERAGE_STATUS.operation, AuthStatus, self._settings)

    async def health(self) -> AuthStatus:
        """Return the session's flags if it can be used, else raise what is wrong.

        A gateway that has just been logged in to may deny it the first time, so a denial is
        checked with a tickle before it is believed.

        Raises:
            NotAuthenticated: the login is gone; only a login in the browser helps.
            NoSession: logged in, but the brokerage session is closed: ``session.initialize()``.
            CompetingSession: logged in, but the user name is in use somewhere else.
            NotEstablished: authenticated, but not usable yet.
        """
        session = self._pipeline.session
        status = await self.auth_status()
        error_for = session.error_for(status)
        if error_for is None:
            return status
        checked = (await self.tickle()).status
        if checked is not None and session.error_for(checked) is None:
            return checked
        error_for.login_url = self.gateway_root
        raise error_for

    async def tickle(self) -> Tickle:
        """Keep the session alive once (``POST /tickle``) and return what the gateway says."""
        return await self._pipeline.call(TICKLE.operation, Tickle, self._settings)

    async def logout(self) -> None:
        """End the gateway's session (``POST /logout``).

        Only a login in the browser opens a new one.
        """
        await self._pipeline.call(LOGOUT.operation, None, self._settings)  # type: ignore[arg-type]
        self._pipeline.forget_session()

    def keepalive(
        self,
        interval: float = 60.0,
        *,
        on_lost: Callback | None = None,
        on_restored: Callable[[], object] | None = None,
    ) -> AsyncKeepalive:
        """Start to keep the session alive beside the program, and return the handle.

        It works from now until its ``stop()``, the end of its context, or the client's end.

        Args:
            interval: seconds between two tickles. IBKR ends a session after five to six idle
                minutes and wants no more than one tickle a second.
            on_lost: called with the error when a tickle fails after a success. `NotAuthenticated`
                means that the login is lost, `NoSession` only the brokerage session, `HttpError`
                the gateway. Called again if the login is lost after the brokerage session.
            on_restored: called when one succeeds again.
        """
        from .session.keepalive import AsyncKeepalive

        check_seconds("interval", interval)
        self._pipeline.check()
        return AsyncKeepalive(self._pipeline, interval, on_lost, on_restored)

    async def accounts(self) -> list[Account]:
        """Return the accounts that the user name can see (``GET /portfolio/accounts``).

        No login is without an account, so an empty list is asked for once more. IBKR allows one
        such call every 5 seconds, so that may take as long.

        Raises:
            NoAccounts: the gateway names no account, so the session is not ready.
            SessionError: the gateway names no account, because the session cannot be used.
            PacingError: the accounts may not be asked for again within ``max_wait``.
        """
        for _ in range(2):
            accounts = await self._pipeline.call(
                prerequisites.ACCOUNTS, list[Account], self._settings
            )
            if accounts:
                return accounts
        await self._believe_nothing()
        self._pipeline.forget_session()
        raise no_accounts(prerequisites.ACCOUNTS)

    async def position_pages(self, account_id: str) -> AsyncIterator[list[Position]]:
        """Iterate over an account's positions, a page of up to a hundred at a time.

        ``GET /portfolio/{accountId}/positions/{pageId}``. No position comes twice. The gateway
        lists none until the accounts were asked for, so that is done first, once in a session. If
        there are none although it was, a tickle tells whether it is still the same session.

        Args:
            account_id: such as ``DU123456``.

        Raises:
            NoAccounts: the gateway names no account: the session is not ready.
        """
        from ..models._positions import Position

        path = position_rules.POSITIONS.path
        fill_path(path, {"accountId": account_id})  # refuse it before anything is sent
        # Where the accounts are still to be asked for, that is just before the first page.
        pager = position_rules.Pager(doubtful=not self._pipeline.is_new(prerequisites.ACCOUNTS))
        while not pager.done:
            rows = await self._pipeline.call(
                position_rules.POSITIONS,
                list[Position],
                self._settings,
                path=fill_path(path, {"accountId": account_id, "pageId": pager.page}),
                params=position_rules.SORTING,
            )
            if not rows and not pager.page:
                if await self._pipeline.was_not_ready(position_rules.POSITIONS, self._settings):
                    continue
                if pager.doubts(rows) and await self._is_another_session():
                    continue
            page = pager.add(rows)
            if page:
                yield page

    async def _is_another_session(self) -> bool:
        """Say whether somebody may have logged in anew since the accounts were asked for."""
        if not self._pipeline.knows_session:
            self._pipeline.forget_session()
        await self.tickle()
        return self._pipeline.is_new(prerequisites.ACCOUNTS)

    async def all_positions(self, account_id: str) -> list[Position]:
        """Return all positions of an account, from every page, each once.

        ``GET /portfolio/{accountId}/positions/{pageId}``.

        Args:
            account_id: such as ``DU123456``.

        Raises:
            NoAccounts: the gateway names no account: the session is not ready.
        """
        positions: list[Position] = []
        async for page in self.position_pages(account_id):
            positions += page
        return positions

    async def orders(self, account_id: str | None = None) -> list[LiveOrder]:
        """Return the day's orders, open and done (``GET /iserver/account/orders``).

        The gateway may send an empty list although there are orders, so an empty list is checked
        before it is returned. In a new session the client asks once more. Without ``account_id``
        and with several accounts it asks for each account in turn. The session has to be usable,
        and the list must not lack orders that this client placed or streamed. IBKR allows one such
        call every 5 seconds, so this may take several times as long.

        Args:
            account_id: whose orders, such as ``DU123456``; None for those of all accounts.

        Raises:
            PacingError: it may not be asked within ``max_wait``; an empty list would say too much.
            IncompleteList: it is empty, but this client knows of orders.
            NoAccounts: it is empty, and the gateway names no account: the session is not ready.
            SessionError: the session cannot be used.
            InvalidRequest: ``account_id`` is no text.
        """
        return await self._orders(account_id, open_only=False)

    async def open_orders(self, account_id: str | None = None) -> list[LiveOrder]:
        """Return the orders that can still be filled (``GET /iserver/account/orders``).

        They are neither filled nor cancelled nor refused. An empty list is checked as in `orders`
        before it is returned.

        Args:
            account_id: whose orders, such as ``DU123456``; None for those of all accounts.

        Raises:
            PacingError: it may not be asked within ``max_wait``; an empty list would say too much.
            IncompleteList: it holds no open order, but this client knows of some.
            NoAccounts: it is empty, and the gateway names no account: the session is not ready.
            SessionError: the session cannot be used.
            InvalidRequest: ``account_id`` is no text.
        """
        return await self._orders(account_id, open_only=True)

    async def _orders(self, account_id: str | None, *, open_only: bool) -> list[LiveOrder]:
        from .._core.operations.orders import GET_OPEN_ORDERS

        async def ask(account: str | None) -> tuple[list[LiveOrder], bool]:
            answer = await self.api.orders.get_open_orders(account_id=account)
            return answer.orders or [], may_be_incomplete(answer)

        def wanted(orders: list[LiveOrder]) -> list[LiveOrder]:
            return [order for order in orders if is_open(order)] if open_only else orders

        orders = await self._listed(GET_OPEN_ORDERS.operation, account_id, ask, wanted)
        found = wanted(orders)
        if not found:
            listed = {order.order_id for order in orders}
            error = self._pipeline.lacks_orders(account_id, listed)
            if error is not None:
                raise error
        return found

    async def trades(self, days: int = 7, *, account_id: str | None = None) -> list[Trade]:
        """Return the executions of the last days (``GET /iserver/account/trades``).

        An empty list is checked as in `orders` before it is returned.

        Args:
            days: days back, up to 7. The gateway has been seen to leave out the current day's for 1
                and 2.
            account_id: whose executions, such as ``DU123456``; None for those of all accounts.

        Raises:
            PacingError: it may not be asked within ``max_wait``; an empty list would say too much.
            IncompleteList: it is empty, but this client knows of executions.
            NoAccounts: it is empty, and the gateway names no account: the session is not ready.
            SessionError: the session cannot be used.
            InvalidRequest: an argument cannot be used.
        """
        from .._core.operations.orders import GET_TRADE_HISTORY

        check_count("days", days, 0)

        async def ask(account: str | None) -> tuple[list[Trade], bool]:
            trades = await self.api.orders.get_trade_history(days=days, account_id=account)
            return trades, may_be_incomplete(trades)

        found = await self._listed(
            GET_TRADE_HISTORY.operation, account_id, ask, lambda trades: trades
        )
        if not found:
            error = self._pipeline.lacks_executions(account_id, days)
            if error is not None:
                raise error
        return found

    async def _listed(
        self,
        operation: Operation,
        account_id: str | None,
        ask: Callable[[str | None], rt.Promise[tuple[list[T], bool]]],
        wanted: Callable[[list[T]], list[T]],
    ) -> list[T]:
        """Return a list, which the gateway says twice to be empty before that is believed."""
        pipeline = self._pipeline
        if account_id is not None:
            check_account(account_id)
        known = await pipeline.trading_accounts(self._settings)
        scope = known[0] if account_id is None and len(known) == 1 else account_id
        rows, doubtful = await ask(scope)
        if wanted(rows):
            return rows
        again: tuple[str, ...] = () if scope is not None else known
        if not known:  # the session was not ready, so its list proves nothing
            try:
                known = await pipeline.require_accounts(TRADING_ACCOUNTS, self._settings)
            except NoAccounts:
                await self._believe_nothing()  # the session's flags say more
                raise
            again = known if account_id is None else (account_id,)
        if again:
            self._check_patience(operation, len(again))
            merged = {list_key(row): row for row in rows}
            for account in again:
                rows, may_be = await ask(account)
                doubtful = doubtful or may_be
                merged.update((list_key(row), row) for row in rows)
            rows = list(merged.values())
        if doubtful and not rows:
            await self._believe_nothing()
        if account_id is not None and not rows:
            error = pipeline.evidence.lacks_account(account_id, operation)
            if error is not None:
                raise error
        return rows

    def _check_patience(self, operation: Operation, calls: int) -> None:
        """Refuse to begin to ask for each account where that may take too long.

        Raises:
            PacingError: it may.
        """
        if not self._settings.pacing:
            return
        patient = patience.get()
        longest = self._settings.max_wait if patient is None else patient
        seconds = needed(operation, calls)
        if seconds > longest:
            raise PacingError(
                f"the list is empty, and to ask for each of {calls} accounts takes {seconds:g} s, "
                f"which is more than max_wait ({longest:g} s) allows to wait; name an account "
                "(account_id), or raise max_wait",
                operation=operation.name,
                retry_after=seconds / calls,
            )

    async def _believe_nothing(self) -> None:
        """Make sure that the session can be used: in one that cannot, lists are empty."""
        try:
            await self.health()
        except SessionError:
            self._pipeline.forget_session()
            raise

    async def snapshots(
        self,
        conids: Iterable[int],
        fields: MarketDataFields | None = None,
        *,
        timeout: float = 5.0,
    ) -> dict[int, MarketData]:
        """Return quotes of contracts once they are there (``GET /iserver/marketdata/snapshot``).

        The first call for a contract only orders its fields, so it is asked again until they have
        come, a hundred contracts in one call. Fields that nobody has a value for never come; what
        has not come in time is None.

        Args:
            conids: IBKR's ids of the contracts.
            fields: what to ask for, by default `MarketDataFields.default_l1`. A contract's fields
                are one set: streams and later calls that name others restart it.
            timeout: seconds after which what has come is returned.

        Returns:
            The quotes by contract, in the order asked for, without contracts that the gateway does
            not answer for.

        Raises:
            InvalidRequest: a conid is not a whole number, or there is none.
        """
        from .._core.marketdata.snapshots import FIRST_PAUSE, Quotes, next_pause
        from .._core.operations.market_data import GET_MD_SNAPSHOT

        check_seconds("timeout", timeout)
        quotes = Quotes(conids, fields)
        deadline = rt.monotonic() + timeout
        pause = FIRST_PAUSE
        while True:
            for batch in quotes.batches():
                asked = {"conids": batch, "fields": quotes.codes}
                rows = await self._pipeline.call(
                    GET_MD_SNAPSHOT.operation, list[object], self._settings, params=asked
                )
                quotes.add(batch, rows)
            if quotes.complete or rt.monotonic() + pause >= deadline:
                return quotes.found()
            await rt.sleep(pause)
            pause = next_pause(pause)
