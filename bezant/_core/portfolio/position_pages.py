"""Reads an account's positions page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...errors import MissingValue
from ...models._base import peek
from ..operations.portfolio import GET_PAGINATED_POSITIONS

if TYPE_CHECKING:
    from ...models._positions import Position

POSITIONS: Final = GET_PAGINATED_POSITIONS.operation

PAGE_SIZE: Final = 100
# IBKR documented 30 for years, so a page of exactly 30 may not be the last.
_OLD_PAGE_SIZE: Final = 30
# The order is fixed, because without sort= the gateway has been seen to ignore the page number. The
# order is by name, because a fill between two pages does not change a position's name and so does
# not move it to another page.
SORTING: Final[dict[str, object]] = {"sort": "name", "direction": "a"}


class Pager:
    """Tracks the pages of positions: which page comes next, and which positions are new.

    The last page is empty, short, or has no new position. A position that a later page repeats is
    left out.

    Args:
        doubtful: whether the accounts were requested some time ago. The session may have changed
            since then, and a new session lists no positions until the accounts are requested.
    """

    def __init__(self, *, doubtful: bool = False) -> None:
        self.page = 0
        self.done = False
        self._doubtful = doubtful
        # The keys are account and model, of which there are few, so each position takes the memory
        # of one number.
        self._seen: dict[tuple[object, object], set[int]] = {}

    def doubts(self, rows: list[Position]) -> bool:
        """Return whether an empty first page may mean that the session changed; True only once."""
        doubts = self._doubtful and not rows and not self.page
        self._doubtful = False
        return doubts

    def add(self, rows: list[Position]) -> list[Position]:
        """Add a page and return its new positions."""
        fresh: list[Position] = []
        for row in rows:
            try:
                conid, account_id = row.conid, row.account_id
            except MissingValue:
                conid, account_id = peek(row, "conid"), peek(row, "account_id")
            seen = self._seen.setdefault((account_id, row.model), set())
            if not conid:  # a row without a conid cannot be compared
                fresh.append(row)
            elif conid not in seen:
                seen.add(conid)
                fresh.append(row)
        self.page += 1
        self.done = not fresh or self._is_short(rows)
        return fresh

    def _is_short(self, rows: list[Position]) -> bool:
        declared = rows[0].page_size
        size = declared if declared and declared > 0 else PAGE_SIZE
        return len(rows) < size and len(rows) != _OLD_PAGE_SIZE
