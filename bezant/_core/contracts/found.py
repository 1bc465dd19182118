"""Contracts in the results of a search, and in lists of currency pairs."""

from __future__ import annotations

from collections.abc import Iterable

from ...models._base import peek
from ...models._contract import Contract
from ...models.contracts import CurrencyPair, SearchHit, SearchSection
from .contract import names_in


def hits_of(hits: Iterable[SearchHit], symbol: str, kind: str) -> list[Contract]:
    """Return the contracts of one kind that have exactly the symbol of the search."""
    found: list[Contract] = []
    for hit in hits:
        conid = peek(hit, "conid")
        same = (peek(hit, "symbol") or "").upper() == symbol
        if conid is None or not same or kind not in _kinds(hit):
            continue
        found.append(
            Contract(
                conid=conid,
                symbol=symbol,
                sec_type=kind,
                exchange=peek(hit, "description"),
                name=peek(hit, "company_name"),
            )
        )
    return found


def _kinds(hit: SearchHit) -> set[str | None]:
    return {peek(hit, "sec_type"), *(peek(each, "sec_type") for each in sections_of(hit))}


def sections_of(hit: SearchHit) -> list[SearchSection]:
    """Return the kinds of contracts that exist for an underlying."""
    return peek(hit, "sections") or []


def section_of(
    hits: Iterable[SearchHit], conid: int, sec_type: str
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return months and exchanges of an underlying's derivatives; None if it has none.

    Args:
        hits: the results of a search.
        conid: conid of the underlying.
        sec_type: kind of the derivatives, such as ``OPT``.
    """
    for hit in hits:
        if peek(hit, "conid") != conid:
            continue
        for section in sections_of(hit):
            months = names_in(section.months, ";")
            if peek(section, "sec_type") == sec_type and months:
                return months, names_in(section.exchange, ";")
    return None


def pairs_of(rows: Iterable[CurrencyPair], currency: str) -> list[Contract]:
    """Return the currency pairs in a response; each has the symbol ``EUR`` and currency ``USD``."""
    found: list[Contract] = []
    for row in rows:
        base, _, quote = row.symbol.partition(".")
        if currency in (base, quote):
            found.append(
                Contract(
                    conid=row.conid, symbol=base, sec_type="CASH", currency=quote, name=row.symbol
                )
            )
    return found
