"""`AsyncResolver`: looks up contracts, and keeps what it has found."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from typing import TypeVar

from ..._core.contracts import symbols as rules
from ..._core.contracts.cache import ContractCache, Row, stock_key
from ..._core.contracts.chains import Underlying, plain
from ..._core.contracts.contract import PAIRS, all_defined, listed
from ..._core.contracts.futures import FUTURES, with_rows
from ..._core.contracts.hours import SCHEDULE
from ..._core.http.operation import Operation
from ..._core.settings.settings import Settings
from ..._runtime import _async as rt
from ..._wire.redaction import shown
from ...errors import (
    AmbiguousSymbol,
    BadRequest,
    InvalidRequest,
    MissingValue,
    NotFound,
    SymbolNotFound,
)
from ...models._contract import Contract
from ...models._contracts import ContractDefinitions, StockCompany
from ...models._listing import Listing
from ...models.contracts import CurrencyPair, FutureContract, SearchHit, TradingHours
from ..api.contracts import AsyncContractsApi
from ..http.pipeline import AsyncPipeline
from ..http.single_flight import AsyncSingleFlight

T = TypeVar("T")


class AsyncCacheFile:
    """Lookups in memory, and the file in which they are kept if the user named one."""

    def __init__(self, settings: Settings) -> None:
        self._store: rt.ContractStore | None = None
        if settings.cache:
            self._store = rt.ContractStore(settings.cache, settings.base_url.gateway_key)
        self.cache: ContractCache = ContractCache(has_file=self._store is not None)
        self._reading: AsyncSingleFlight[None] = AsyncSingleFlight()
        self._was_read = self._store is None

    async def read(self) -> None:
        """Read the file, before the first lookup."""
        if not self._was_read:
            await self._reading.run("", self._read)

    async def _read(self) -> None:
        store = self._store
        if store is not None and not self._was_read:
            self.cache.load(Row(*line) for line in await rt.run_blocking(store.read))
            self._was_read = True

    async def write(self) -> None:
        """Write to the file what was looked up since the last time."""
        store = self._store
        if store is None:
            return
        clear, rows = self.cache.take_changes()
        if clear or rows:
            lines = [(row.kind, row.key, row.saved, row.value) for row in rows]
            await rt.run_blocking(lambda: store.write(clear, lines))


class AsyncResolver:
    """Looks up stocks by symbol and contracts by conid; each of them once.

    Args:
        pipeline: the pipeline of a client.
        settings: the settings of the calls.
        forget_misses_after: seconds for which an unknown symbol is not looked up again.
        other: resolver whose contracts this one shares; None for none.
    """

    def __init__(
        self,
        pipeline: AsyncPipeline,
        settings: Settings,
        *,
        forget_misses_after: float = rules.FORGET_MISSES_AFTER,
        other: AsyncResolver | None = None,
    ) -> None:
        self.pipeline = pipeline
        self._settings = settings
        self.table: rules.SymbolTable = rules.SymbolTable(forget_misses_after)
        self.flights: AsyncSingleFlight[int] = AsyncSingleFlight()
        self._contract_flights: AsyncSingleFlight[list[Contract]] = AsyncSingleFlight()
        self.api: AsyncContractsApi = AsyncContractsApi(pipeline, settings)
        self.file: AsyncCacheFile = AsyncCacheFile(settings) if other is None else other.file
        self._filled = False

    @property
    def cache(self) -> ContractCache:
        """The lookups in memory."""
        return self.file.cache

    async def read_file(self) -> None:
        """Read the file of lookups, before the first one."""
        if not self._filled:
            await self.file.read()
            self.cache.fill(self.table, rt.wall_time(), rt.monotonic())
            self._filled = True

    async def call(self, operation: Operation, type_: type[T], **params: object) -> T:
        """Make a call with query parameters; leave out those that are None."""
        given = {name: value for name, value in params.items() if value is not None}
        return await self.pipeline.call(operation, type_, self._settings, params=given)

    async def definitions(self, conids: Iterable[int]) -> dict[int, Contract]:
        """Return the contracts of many conids; conids that IBKR does not know are left out."""
        await self.read_file()
        now = rt.wall_time()
        wanted = list(dict.fromkeys(conids))
        found = {conid: self.cache.contract(conid, now) for conid in wanted}
        new = [conid for conid, contract in found.items() if contract is None]
        for first in range(0, len(new), rules.MAX_DEFINITIONS):
            part = tuple(new[first : first + rules.MAX_DEFINITIONS])
            for each in await self._contract_flights.run(part, partial(self._define, part)):
                found[each.conid] = each
        await self.file.write()
        return {conid: contract for conid, contract in found.items() if contract is not None}

    async def _define(self, conids: tuple[int, ...]) -> list[Contract]:
        # Another caller may have found contracts since `definitions` looked into the cache.
        now = rt.wall_time()
        found = {conid: self.cache.contract(conid, now) for conid in conids}
        new = [conid for conid, contract in found.items() if contract is None]
        if new:
            response = await self.call(rules.DEFINITIONS, ContractDefinitions, conids=new)
            for each in all_defined(response):
                found[each.conid] = each
                self.cache.put("contract", str(each.conid), [each], now)
        return [contract for contract in found.values() if contract is not None]

    async def curve(self, symbol: str) -> list[Contract]:
        """Return all futures with a root symbol, in order of their expiry."""
        await self.read_file()
        curve = self.cache.contracts("futures", symbol, rt.wall_time())
        if curve is None:
            look_up = partial(self._curve, symbol)
            curve = list(await self._contract_flights.run(("futures", symbol), look_up))
        return curve

    async def _curve(self, symbol: str) -> list[Contract]:
        now = rt.wall_time()
        curve = self.cache.contracts("futures", symbol, now)
        if curve is None:
            response = await self.call(FUTURES, dict[str, list[FutureContract]], symbols=[symbol])
            rows = response.get(symbol) or []
            curve = with_rows(rows, await self.definitions(row.conid for row in rows))
            if curve:
                self.cache.put("futures", symbol, curve, now)
                await self.file.write()
        return curve

    async def zone_of(self, conid: int) -> str:
        """Return the name of the time zone of a contract's exchange."""
        now = rt.wall_time()
        zone = self.cache.zone(str(conid), now)
        if zone is None:
            response = await self.call(SCHEDULE, TradingHours, conid=conid)
            zone = response.exchange_time_zone
            self.cache.put_text("zone", str(conid), zone, now)
            await self.file.write()
        return zone

    async def search(self, symbol: str) -> list[SearchHit]:
        """Search for a symbol; an unknown symbol has no results."""
        try:
            hits = await self.api.search_contracts(symbol=symbol)
        except (BadRequest, NotFound):
            return []
        return hits

    async def strikes(self, source: Underlying, month: str) -> list[Decimal]:
        """Return the strikes of all options that expire in a month.

        IBKR sends empty lists until the session has searched for the symbol. An `Underlying` comes
        from such a search. If the session has changed since then, the operation searches again.
        """
        await self.read_file()
        now, key = rt.wall_time(), f"{source.conid} {source.sec_type} {month}"
        strikes = self.cache.strikes(key, now)
        if strikes is None:
            response = await self.api.get_contract_strikes(
                conid=source.conid, sec_type=source.sec_type, month=month, exchange=source.exchange
            )
            strikes = sorted({*response.call, *response.put})
            if strikes:
                self.cache.put("strikes", key, strikes, now)
                await self.file.write()
        return strikes

    async def options(self, source: Underlying, month: str, strike: Decimal) -> list[Contract]:
        """Return the options with a strike that expire in a month, calls and puts.

        The caller writes the file when all strikes are there.
        """
        await self.read_file()
        key = f"{source.conid} {source.sec_type} {month} {plain(strike)}"
        found = self.cache.contracts("options", key, rt.wall_time())
        if found is None:
            look_up = partial(self._options, key, source, month, strike)
            found = list(await self._contract_flights.run(("options", key), look_up))
        return found

    async def _options(
        self, key: str, source: Underlying, month: str, strike: Decimal
    ) -> list[Contract]:
        now = rt.wall_time()
        found = self.cache.contracts("options", key, now)
        if found is None:
            found = await self._listed(source, month, strike, None)
            for right in {"C", "P"} - {each.right for each in found} if found else ():
                found += await self._listed(source, month, strike, right)
            if found:
                self.cache.put("options", key, found, now)
        return found

    async def _listed(
        self, source: Underlying, month: str, strike: Decimal, right: str | None
    ) -> list[Contract]:
        try:
            rows = await self.api.get_contract_info(
                conid=source.conid,
                sec_type=source.sec_type,
                month=month,
                exchange=source.exchange,
                strike=plain(strike),
                right=right,
            )
        except NotFound:
            return []
        return listed(rows, source.contract.conid)

    async def pairs(self, currency: str) -> list[CurrencyPair]:
        """Return the pairs with a currency; an unknown currency has none."""
        try:
            response = await self.call(PAIRS, dict[str, list[CurrencyPair]], currency=currency)
        except (BadRequest, NotFound):
            return []
        return [row for rows in response.values() for row in rows]

    async def conid_for(self, key: rules.Key) -> int:
        """Return the conid of a stock, from the cache or the gateway."""
        await self.read_file()
        conid = self.table.get(key, rt.monotonic())
        if conid is not None:
            return conid

        async def look_up() -> int:
            return await self._look_up(key)

        return await self.flights.run(key, look_up)

    async def conids_for(
        self, symbols: Iterable[str], exchange: str | None, currency: str | None
    ) -> dict[str, int]:
        """Return the conids of many stocks, by the symbols as they were passed."""
        if isinstance(symbols, str):
            raise InvalidRequest("symbols must be a list of texts, not one text")
        if not isinstance(symbols, Iterable):
            raise InvalidRequest(f"symbols must be a list of texts, not {shown(symbols)}")
        keys = {symbol: rules.key_for(symbol, exchange, currency) for symbol in symbols}
        await self.read_file()
        now = rt.monotonic()
        missing = {key[0]: key for key in keys.values() if not self.table.knows(key, now)}
        unclear: dict[rules.Key, AmbiguousSymbol | MissingValue] = {}
        room = rules.room_for_symbols(self._settings.base_url.path)
        for chunk in rules.chunks(missing, room):
            unclear |= await self._look_up_many([missing[symbol] for symbol in chunk])
        conids: dict[str, int] = {}
        for symbol, key in keys.items():
            if key in unclear:
                raise unclear[key]
            conid = self.table.get(key, rt.monotonic())
            conids[symbol] = await self._look_up(key) if conid is None else conid
        return conids

    async def _look_up_many(
        self, keys: list[rules.Key]
    ) -> dict[rules.Key, AmbiguousSymbol | MissingValue]:
        """Look up symbols with one call and cache their contracts; return the errors by symbol."""
        response = await self.call(
            rules.STOCKS, dict[str, list[StockCompany]], symbols=[symbol for symbol, _, _ in keys]
        )
        unclear: dict[rules.Key, AmbiguousSymbol | MissingValue] = {}
        found: dict[rules.Key, list[Listing]] = {}
        for key in keys:
            try:
                found[key] = rules.listings(key[0], response)
            except MissingValue as error:
                unclear[key] = error
        if keys[0][2]:
            every = [each for candidates in found.values() for each in candidates]
            known = {each.conid: each for each in await self._with_currencies(every)}
            found = {key: [known[each.conid] for each in rows] for key, rows in found.items()}
        for key, candidates in found.items():
            try:
                self._found(key, rules.choose(key, candidates).conid)
            except SymbolNotFound as error:
                self._missed(key, error)
            except (AmbiguousSymbol, MissingValue) as error:
                unclear[key] = error
        await self.file.write()
        return unclear

    def _found(self, key: rules.Key, conid: int) -> None:
        self.table.found(key, conid, rt.monotonic())
        self.cache.put_text("stock", stock_key(key), str(conid), rt.wall_time())

    def _missed(self, key: rules.Key, error: SymbolNotFound) -> None:
        self.table.missed(key, error, rt.monotonic())
        self.cache.put_text("unknown", stock_key(key), error.message, rt.wall_time())

    async def _look_up(self, key: rules.Key) -> int:
        # Another caller may have found the contract since `conid_for` looked into the cache.
        conid = self.table.get(key, rt.monotonic())
        if conid is not None:
            return conid
        symbol, exchange, currency = key
        candidates = await self.listings(symbol)
        if currency and candidates:
            if exchange:
                there = [each for each in candidates if each.exchange.upper() == exchange]
                candidates = there or candidates
            candidates = await self._with_currencies(candidates)
        try:
            conid = rules.choose(key, candidates).conid
        except SymbolNotFound as error:
            self._missed(key, error)
            await self.file.write()
            raise
        self._found(key, conid)
        await self.file.write()
        return conid

    async def listings(self, symbol: str) -> list[Listing]:
        """Return all listings of a symbol in IBKR's spelling."""
        response = await self.call(rules.STOCKS, dict[str, list[StockCompany]], symbols=symbol)
        return rules.listings(symbol, response)

    async def _with_currencies(self, candidates: list[Listing]) -> list[Listing]:
        return rules.with_currencies(
            candidates, await self.definitions(each.conid for each in candidates)
        )

    def forget(self, symbol: str) -> None:
        """Forget a symbol, so that it is looked up again."""
        self.table.forget(symbol)
        self.cache.forget_stock(symbol, rt.wall_time())

    def clear(self) -> None:
        """Forget everything."""
        self.table.clear()
        self.cache.clear()
