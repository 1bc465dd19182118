"""`AsyncClient`: the client, with methods for the calls that most programs need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from .._core.http.operation import Operation
from .._core.http.request import fill_path
from .._core.session import prerequisites
from .._core.session.evidence import no_accounts
from .._core.session.first_answer import check_account, is_open, list_key, may_be_incomplete, needed
from .._core.session.prerequisites import TRADING_ACCOUNTS
from .._core.settings.checks import check_count, check_seconds
from .._runtime import _async as rt
from ..errors import NoAccounts, PacingError, SessionError
from ..models._base import peek
from ..models._portfolio import Account
from ..models._session import AuthStatus, Tickle
from .base import AsyncClientBase
from .http.permit import patience

if TYPE_CHECKING:
    from .._core.contracts.increments import Rounding
    from .._core.marketdata.contract import HasConid
    from .._core.marketdata.fields import MarketDataFields
    from .._core.marketdata.quote_row import QuoteRow
    from .._core.portfolio.position_pages import Pager
    from .._core.trading.questions import Answers
    from ..models._contract import Contract
    from ..models._positions import Position
    from ..models.holdings import Holdings
    from ..models.orders import Execution, LiveOrder, LiveOrders
    from ..models.stream import MarketData
    from .contracts.contracts import AsyncContracts
    from .session.keepalive import AsyncKeepalive, Callback
    from .stream.client import AsyncWsClient
    from .trading.trading import AsyncTrading

T = TypeVar("T", bound="LiveOrder | Execution")
Q = TypeVar("Q", bound="int | str | HasConid")


class AsyncClient(AsyncClientBase):
    """Client of the Client Portal Gateway.

    The client connects on the first call. Close the client when you are done, or use it as a
    context manager.

    Args:
        base_url: URL of the gateway's API; by default ``BEZANT_GATEWAY_URL`` or
            ``IBKR_GATEWAY_URL`` from the environment, else ``https://localhost:5000/v1/api``.
        timeout: seconds for a whole call, from the first byte sent to the last byte of the
            response; 30 by default.
        connect_timeout: seconds to connect, TLS handshake included, within ``timeout``; 5 by
            default.
        user_agent: the User-Agent header; IBKR refuses requests without one.
        verify: verification of the gateway's TLS certificate. ``"auto"`` (the default) verifies the
            certificate except on loopback hosts, because the gateway's own certificate is
            self-signed and expired. True always verifies, False never. A path names a file of CA
            certificates. An ``ssl.SSLContext`` is used as it is.
        proxy: URL of an HTTP proxy; by default the environment's. ``""`` for none. Loopback hosts
            are always reached directly.
        max_connections: maximum number of connections; 4 by default. A gateway serves at most five
            requests at a time.
        max_response_bytes: maximum length of a response's body, in bytes; 32 MiB by default. If a
            response is longer, the call raises `ResponseTooLarge`, or `OutcomeUnknown` if the call
            has side effects.
        strict: whether to raise `DecodeError` if a response field does not have the type that the
            model declares, instead of leaving the field None. Calls with side effects, such as
            orders, still return their response and report the field.
        on_drift: function called once with each `Drift`, a field that does not have the declared
            type; by default a `DriftWarning` is issued.
        pacing: whether to pace calls to IBKR's rate limits, across all clients of the gateway in
            this process; True by default. ``"file:PATH"`` or ``"redis://HOST:PORT/NUMBER"`` shares
            the limits with other processes; a suffix ``#NAME`` is the gateway's name in that store.
            The variable ``BEZANT_PACING`` in the environment changes the default.
        max_wait: seconds for which a call may wait for the rate limits; 30 by default. A call that
            would wait longer raises `PacingError`.
        retries: how many times an idempotent call is retried after a transient failure, within
            ``timeout``. By default ``BEZANT_RETRIES`` from the environment, else 2.
        cache: path of a file in which `client.contracts` keeps what it has looked up, so that the
            next process need not look it up again; by default ``BEZANT_CACHE`` from the
            environment, else contracts are kept in memory only. ``""`` for memory only.
        max_market_data_lines: number of contracts for which IBKR sends market data at a time; 100
            by default. IBKR gives more market data lines to some users.
        transport: sends requests instead of the client's own connections: an object with httpx's
            transport interface, such as an ``httpx.MockTransport`` or a recorder. The client closes
            this transport. WebSockets do not use it.
        headers: headers that every request has, for a proxy in front of the gateway. They are
            secrets: no log, error or repr shows their values. The client refuses headers that it
            sets itself, and refuses to send such headers to another host without TLS.
        auth: another way to pass secret headers for such a proxy: a tuple of user name and password
            (sent as ``Authorization: Basic``), or a function that returns headers. The client calls
            the function before each request, so the function can renew a token.

    Raises:
        InvalidBaseUrl: the base URL does not parse.
        InvalidRequest: another argument is invalid.
    """

    async def auth_status(self) -> AuthStatus:
        """Return the session's flags, whether or not the session can be used.

        ``POST /iserver/auth/status``.

        Raises:
            NotAuthenticated: nobody is logged in.
        """
        from .._core.operations.session import GET_BROKERAGE_STATUS

        return await self._pipeline.call(GET_BROKERAGE_STATUS.operation, AuthStatus, self._settings)

    async def health(self) -> AuthStatus:
        """Return the session's flags if the session can be used, else raise an error.

        Right after a login the gateway may wrongly report that the session cannot be used. So
        before the client raises an error, it sends a tickle (a keepalive request) to check the
        report.

        Raises:
            NotAuthenticated: nobody is logged in; you have to log in with a browser.
            NoSession: somebody is logged in, but the brokerage session is closed;
                ``session.initialize()`` opens it.
            CompetingSession: somebody is logged in, but the user name is in use somewhere else.
            NotEstablished: the brokerage session is authenticated, but not usable yet.
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
        """Send one keepalive request (``POST /tickle``) and return the response."""
        from .._core.operations.session import TICKLE

        return await self._pipeline.call(TICKLE.operation, Tickle, self._settings)

    async def logout(self) -> None:
        """End the gateway's session (``POST /logout``).

        After that, a new session needs a login in the browser.
        """
        from .._core.operations.session import LOGOUT

        await self._pipeline.call(LOGOUT.operation, None, self._settings)  # type: ignore[arg-type]
        self._pipeline.forget_session()

    def keepalive(
        self,
        interval: float = 60.0,
        *,
        on_lost: Callback | None = None,
        on_restored: Callable[[], object] | None = None,
    ) -> AsyncKeepalive:
        """Start a keepalive that sends tickles in the background, and return it.

        The keepalive runs until you call its ``stop()``, leave its context, or close the client.

        Args:
            interval: seconds between two tickles; 60 by default. IBKR ends a session after five to
                six idle minutes and allows at most one tickle per second.
            on_lost: function called with the error when a tickle fails after a successful tickle.
                `NotAuthenticated` means that the login is lost, `NoSession` that only the brokerage
                session is lost, `HttpError` that the gateway does not respond. If the brokerage
                session is lost first and the login later, the keepalive calls the function for each
                loss.
            on_restored: function called when a tickle succeeds again.
        """
        from .session.keepalive import AsyncKeepalive

        check_seconds("interval", interval)
        self._pipeline.check()
        return AsyncKeepalive(self._pipeline, interval, on_lost, on_restored)

    async def accounts(self) -> list[Account]:
        """Return the accounts that the user name can see (``GET /portfolio/accounts``).

        Every login has an account, so if the gateway sends an empty list, the client requests the
        list once more. IBKR allows one such call every 5 seconds, so the second request may take
        that long.

        Raises:
            NoAccounts: the gateway lists no account, so the session is not ready.
            SessionError: the gateway lists no account because the session cannot be used.
            PacingError: the rate limit does not allow the second request within ``max_wait``.
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

    def position_pages(self, account_id: str) -> AsyncIterator[list[Position]]:
        """Iterate over an account's positions, in pages of up to 100 positions.

        ``GET /portfolio/{accountId}/positions/{pageId}``. Each position is returned once. The
        gateway lists positions only after the accounts were requested, so the client requests the
        accounts first, once per session. If the gateway lists no positions, the client sends a
        tickle to find out whether the session has changed since the accounts were requested. If so,
        the client requests the accounts and the positions again.

        Args:
            account_id: id of the account, such as ``DU123456``.

        Raises:
            NoAccounts: the gateway lists no account, so the session is not ready.
        """
        return self._position_pages(account_id)

    def _pager(self) -> Pager:
        from .._core.portfolio.position_pages import Pager

        # A session lists no positions until the accounts were requested. If that was some time ago,
        # the session may have changed since then, so an empty first page is doubtful.
        return Pager(doubtful=not self._pipeline.is_new(prerequisites.ACCOUNTS))

    async def _position_pages(
        self, account_id: str, pager: Pager | None = None
    ) -> AsyncIterator[list[Position]]:
        from .._core.portfolio.position_pages import POSITIONS, SORTING
        from ..models._positions import Position

        path = POSITIONS.path
        # raises an error for an invalid id before anything is sent
        fill_path(path, {"accountId": account_id})
        if pager is None:
            pager = self._pager()
        while not pager.done:
            rows = await self._pipeline.call(
                POSITIONS,
                list[Position],
                self._settings,
                path=fill_path(path, {"accountId": account_id, "pageId": pager.page}),
                params=SORTING,
            )
            if not rows and not pager.page:
                if await self._pipeline.was_not_ready(POSITIONS, self._settings):
                    continue
                if pager.doubts(rows) and await self._is_another_session():
                    continue
            page = pager.add(rows)
            if page:
                yield page

    async def _is_another_session(self) -> bool:
        """Return whether the session may have changed since the accounts were requested."""
        if not self._pipeline.knows_session:
            self._pipeline.forget_session()
        await self.tickle()
        return self._pipeline.is_new(prerequisites.ACCOUNTS)

    async def all_positions(self, account_id: str) -> list[Position]:
        """Return all positions of an account, from all pages, each once.

        ``GET /portfolio/{accountId}/positions/{pageId}``.

        Args:
            account_id: id of the account, such as ``DU123456``.

        Raises:
            NoAccounts: the gateway lists no account, so the session is not ready.
        """
        positions: list[Position] = []
        async for page in self.position_pages(account_id):
            positions += page
        return positions

    async def holdings(self, account_id: str) -> Holdings:
        """Return the positions and cash of an account, with their values in its base currency.

        The method requests the account's base currency (``GET /portfolio/{accountId}/meta``), its
        positions and its ledger. If the ledger has no exchange rate for a currency, the method
        requests it (``GET /iserver/exchangerate``). A list of positions with several pages is read
        until two reads list the same positions.

        Args:
            account_id: id of the account, such as ``DU123456``.

        Returns:
            The rows with their values. A row whose value is unknown, for example because there is
            no price or exchange rate, has a ``problem``; reading ``total`` then raises
            `IncompleteHoldings`.

        Raises:
            NoAccounts: the gateway lists no account, so the session is not ready.
            IncompleteList: the ledger is empty, or the list of positions lacks positions or changes
                in each read.
            MissingValue: IBKR does not report the account's base currency.
        """
        from .._core.portfolio.holdings import Valuation
        from ..errors import BezantError

        portfolio = self.api.portfolio
        base_currency = (await portfolio.get_portfolio_metadata(account_id=account_id)).currency
        positions = await self._unchanged_positions(account_id)
        ledger = await portfolio.get_portfolio_ledger(account_id=account_id)
        valuation = Valuation(account_id, base_currency, positions, ledger)
        for currency in valuation.missing_rates():
            try:
                found = await self.api.contracts.get_exchange_rate(
                    source=currency, target=base_currency
                )
            except BezantError as error:
                valuation.has_no_rate(currency, str(error))
            else:
                valuation.add_rate(currency, peek(found, "rate"))
        return valuation.holdings()

    async def _unchanged_positions(self, account_id: str) -> list[Position]:
        """Return all positions; if there are several pages, read until two reads list the same.

        A position that is closed between two requests can move another one from a page that is not
        yet read to a page that is.
        """
        from .._core.portfolio.holdings import READS, listed, still_changing

        before: frozenset[tuple[object, ...]] | None = None
        for _ in range(READS):
            pager = self._pager()
            positions: list[Position] = []
            async for page in self._position_pages(account_id, pager):
                positions += page
            now = listed(positions)
            if pager.page <= 1 or now == before:
                return positions
            before = now
        raise still_changing(account_id)

    async def orders(self, account_id: str | None = None) -> list[LiveOrder]:
        """Return the day's orders, open and completed (``GET /iserver/account/orders``).

        The gateway may send an empty list although there are orders, so the client verifies an
        empty list before returning it. In a new session, the client sends the request once more. If
        you pass no ``account_id`` and there are several accounts, the client requests the orders of
        each account. The client also checks that the session can be used, and that the list lacks
        no order that this client has placed or received on a stream. IBKR allows one request for
        orders every 5 seconds, so the verification may take several times 5 seconds.

        Args:
            account_id: account such as ``DU123456``; None for the orders of all accounts.

        Raises:
            PacingError: the rate limit does not allow the calls that verify an empty list within
                ``max_wait``.
            IncompleteList: the list is empty, but this client knows of orders.
            MissingValue: the responses contain no list of orders.
            NoAccounts: the list is empty and the gateway lists no account, so the session is not
                ready.
            SessionError: the session cannot be used.
            InvalidRequest: ``account_id`` is not text.
        """
        return await self._orders(account_id, open_only=False)

    async def open_orders(self, account_id: str | None = None) -> list[LiveOrder]:
        """Return the open orders (``GET /iserver/account/orders``).

        An open order can still be filled: it is not filled, not cancelled and not refused. The
        client verifies an empty list as in `orders` before it returns it.

        Args:
            account_id: account such as ``DU123456``; None for the orders of all accounts.

        Raises:
            PacingError: the rate limit does not allow the calls that verify an empty list within
                ``max_wait``.
            IncompleteList: the list has no open order, but this client knows of open orders.
            NoAccounts: the list is empty and the gateway lists no account, so the session is not
                ready.
            SessionError: the session cannot be used.
            InvalidRequest: ``account_id`` is not text.
        """
        return await self._orders(account_id, open_only=True)

    async def _orders(self, account_id: str | None, *, open_only: bool) -> list[LiveOrder]:
        from .._core.operations.orders import GET_OPEN_ORDERS

        responses: dict[str | None, LiveOrders] = {}  # the last response for each account

        async def ask(account: str | None) -> tuple[list[LiveOrder], bool]:
            response = await self.api.orders.get_open_orders(account_id=account)
            responses[account] = response
            return peek(response, "orders") or [], may_be_incomplete(response)

        def wanted(orders: list[LiveOrder]) -> list[LiveOrder]:
            return [order for order in orders if is_open(order)] if open_only else orders

        orders = await self._listed(GET_OPEN_ORDERS.operation, account_id, ask, wanted)
        found = wanted(orders)
        if not found:
            # Reading `orders` raises an error if a response has no list, because such a response
            # does not mean that there are no orders.
            for response in responses.values():
                _ = response.orders
            listed = {order.order_id for order in orders if order.has("order_id")}
            error = self._pipeline.lacks_orders(account_id, listed)
            if error is not None:
                raise error
        return found

    async def trades(self, days: int = 7, *, account_id: str | None = None) -> list[Execution]:
        """Return the executions of the last ``days`` days (``GET /iserver/account/trades``).

        The client verifies an empty list as in `orders` before it returns it.

        Args:
            days: number of past days, at most 7 (the default). With 1 or 2, the gateway has been
                seen to leave out the executions of the current day.
            account_id: account such as ``DU123456``; None for the executions of all accounts.

        Raises:
            PacingError: the rate limit does not allow the calls that verify an empty list within
                ``max_wait``.
            IncompleteList: the list is empty, but this client knows of executions.
            NoAccounts: the list is empty and the gateway lists no account, so the session is not
                ready.
            SessionError: the session cannot be used.
            InvalidRequest: an argument is invalid.
        """
        from .._core.operations.orders import GET_TRADE_HISTORY

        check_count("days", days, 0, 7)

        async def ask(account: str | None) -> tuple[list[Execution], bool]:
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
        """Request a list and return its rows; verify an empty list before returning it.

        Args:
            operation: the operation that lists the rows.
            account_id: the account; None for all accounts.
            ask: function that requests the list. Its argument is an account id, or None for all
                accounts. It returns the rows, and whether the list may be wrong if it is empty.
            wanted: function that returns those of the rows that the caller needs. If it returns
                none, this method verifies the list.
        """
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
                # an unusable session explains the empty list better than NoAccounts does
                await self._believe_nothing()
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
        """Check that the rate limit allows ``calls`` requests before the longest allowed wait ends.

        Raises:
            PacingError: under the rate limit, the requests would take longer than a call may wait.
        """
        if not self._settings.pacing:
            return
        patient = patience.get()
        longest = self._settings.max_wait if patient is None else patient
        seconds = needed(operation, calls)
        if seconds > longest:
            raise PacingError(
                f"the list is empty, and under the rate limit requests for each of {calls} "
                f"accounts take {seconds:g} s, more than max_wait ({longest:g} s); pass account_id "
                "or raise max_wait",
                operation=operation.name,
                retry_after=seconds / calls,
            )

    async def _believe_nothing(self) -> None:
        """Raise `SessionError` if the session cannot be used: then an empty list proves nothing."""
        try:
            await self.health()
        except SessionError:
            self._pipeline.forget_session()
            raise

    async def quotes(
        self,
        contracts: Iterable[Q],
        fields: MarketDataFields | None = None,
        *,
        real_time_only: bool = False,
        timeout: float = 5.0,
    ) -> list[QuoteRow[Q]]:
        """Return quotes of any number of contracts (``GET /iserver/marketdata/snapshot``).

        IBKR's first response for a contract has no values yet: the first request only subscribes to
        the contract's fields. So the client polls until the values have arrived; one request covers
        up to 100 contracts. A field for which IBKR has no value never arrives.

        Each contract uses a market data line. If there are more contracts than free lines, the
        client requests the contracts in parts, and releases the lines of one part before the next
        one. IBKR releases only one line per call, so 1,000 contracts take about 90 seconds.

        Args:
            contracts: the contracts: IBKR's contract ids (conids), objects with a ``conid``, or
                IBKR's texts such as ``265598@NYSE`` or, for a combination,
                ``28812380;;;43645865/1,9408/-1``.
            fields: fields to request, such as ``bezant.GREEKS``; by default `bezant.L1`. The
                gateway keeps only one set of fields for each contract: if a stream or a later call
                requests other fields, the gateway sends the contract's data from the beginning.
            real_time_only: whether numbers that are delayed, frozen or of unknown availability, a
                last price that is the prior day's close, and that of a halted contract count as
                missing.
            timeout: seconds to wait for the fields, for each part; 5 by default. After that, the
                method returns the fields that have arrived.

        Returns:
            One row for each contract, in the order of ``contracts``, also if the gateway sent no
            data of it. ``row.missing("last")`` says why a value is missing.

        Raises:
            CompetingSession: the gateway sent no value for any contract, because another session of
                the same user name receives the market data.
            TooManyLines: streams use all market data lines.
            InvalidRequest: an argument is not valid, or there are no contracts.
        """
        from .._core.marketdata.snapshots import QuoteRequest

        check_seconds("timeout", timeout)
        request = QuoteRequest(contracts, fields, real_time_only=real_time_only)
        limiter, limit = self._pipeline.limiter, self._settings.max_market_data_lines
        while part := request.next_part(limiter.streamed_lines(), limiter.free_lines(limit)):
            request.add(await self._quotes(part, request.fields, timeout))
        return request.rows()

    async def _quotes(
        self, contracts: list[str], fields: MarketDataFields, timeout: float
    ) -> dict[str, MarketData]:
        """Return the data of contracts for which there are enough market data lines."""
        from .._core.marketdata.snapshots import POLL, Quotes
        from .._core.operations.market_data import GET_MD_SNAPSHOT
        from .marketdata.lines import AsyncReservation
        from .waiting import AsyncPolling

        quotes = Quotes(contracts, fields)
        async with AsyncReservation(self._pipeline, self._settings, contracts):
            polling = AsyncPolling(POLL, timeout)
            while True:
                for batch in quotes.batches():
                    asked = {"conids": batch, "fields": quotes.codes}
                    rows = await self._pipeline.call(
                        GET_MD_SNAPSHOT.operation, list[object], self._settings, params=asked
                    )
                    quotes.add(batch, rows)
                if quotes.complete or not await polling.pause():
                    break
        error = quotes.lost_to_another_session(self._pipeline.session.status)
        if error is not None:
            raise error
        return quotes.found()

    @cached_property
    def contracts(self) -> AsyncContracts:
        """Finds contracts: ``client.contracts.stock("AAPL")``."""
        from .contracts.contracts import AsyncContracts

        owner = self._owner
        original = owner.contracts if isinstance(owner, AsyncClient) else None
        return AsyncContracts(self._pipeline, self._settings, self._price_of, original)

    async def _price_of(self, contract: Contract) -> Decimal:
        """Return the last price of a contract; without one, the middle of bid and ask."""
        from .._core.contracts.chains import price_in
        from .._core.marketdata.fields import MarketDataFields

        fields = MarketDataFields.from_names("last", "bid", "ask")
        (row,) = await self.quotes([contract.conid], fields)
        return price_in(contract, row.data)

    def trading(
        self,
        account_id: str,
        *,
        answers: Answers | None = None,
        client_order_id_prefix: str = "bezant",
        round_prices: Rounding | None = None,
        check_rules: bool = True,
        settle_within: float = 45.0,
        ws: AsyncWsClient | None = None,
    ) -> AsyncTrading:
        """Return an object that places, watches and cancels the orders of an account.

        Use the object as a context manager.

        Args:
            account_id: the account, such as ``DU123456``.
            answers: answers to IBKR's questions about orders, by message id:
                ``{"o163": True}`` confirms questions of this kind, False declines them. Or a
                function that receives the `Question` and returns True, False, or None for a
                question that it does not know. Nothing is confirmed by default.
            client_order_id_prefix: first part of the client order ids.
            round_prices: ``down``, ``up`` or ``nearest`` to round prices to those that the contract
                allows; by default such prices are refused.
            check_rules: whether to check prices and quantities against the contract's rules, which
                costs one request for each contract and side.
            settle_within: seconds within which a call looks for an order whose response was lost.
            ws: an open stream with ``subscribe_orders()``; trades that wait are then notified of
                changes, and need not poll as often.

        Raises:
            InvalidRequest: an argument is invalid.
        """
        from .trading.trading import AsyncTrading

        return AsyncTrading(
            self,
            account_id,
            answers=answers,
            client_order_id_prefix=client_order_id_prefix,
            round_prices=round_prices,
            check_rules=check_rules,
            settle_within=settle_within,
            ws=ws,
        )

    @property
    def market_data_lines(self) -> int:
        """Number of market data lines that this process uses at the gateway.

        IBKR allows 100 lines by default (``max_market_data_lines``). A stream
        and the snapshots of a contract share a line. A snapshot keeps its line for about 15
        minutes. The client releases the lines of old snapshots when a further contract needs a
        line.
        """
        return self._pipeline.limiter.lines

    async def release_snapshots(self) -> None:
        """Release the market data lines that only snapshots of this process use.

        ``POST /iserver/marketdata/unsubscribe`` for each contract whose snapshot this process has
        requested and that none of its streams uses. Other programs that use the same gateway lose
        their subscriptions to these contracts, too.
        """
        from .marketdata.lines import release

        self._pipeline.check()
        await release(self._pipeline, self._settings, self._pipeline.limiter.idle_lines())
