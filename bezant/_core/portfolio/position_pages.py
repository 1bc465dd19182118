"""Keeps track of an account's positions while they are read page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...errors import MissingValue
from ...models._base import peek
from ..operations.portfolio import GET_PAGINATED_POSITIONS

if TYPE_CHECKING:
    from ...models._positions import Position

POSITIONS: Final = GET_PAGINATED_POSITIONS.operation

PAGE_SIZE: Final = 100
# For years IBKR documented pages of 30 positions. A page of exactly 30 may therefore be a full
# page, which another page follows.
_OLD_PAGE_SIZE: Final = 30
# Every request asks for a sorted list, because without ``sort`` the gateway has been seen to ignore
# the page number. The list is sorted by name: a fill between two requests changes a position's size
# and value, but not its name, so the position stays on its page.
SORTING: Final[dict[str, object]] = {"sort": "name", "direction": "a"}


class Pager:
    """Tracks the pages of positions: which page comes next, and which positions are new.

    A page is the last one if it is empty, shorter than a full page, or without new positions. If a
    later page repeats a position, the repetition is left out.

    Args:
        doubtful: whether to doubt an empty first page, because this client requested the list of
            accounts some time ago: in a session that began since then, the gateway lists no
            positions until the accounts are requested again. `doubts` then returns True once.
    """

    def __init__(self, *, doubtful: bool = False) -> None:
        self.page = 0
        self.done = False
        self._doubtful = doubtful
        # Conids by account and model portfolio. There are few such keys, so that remembering a
        # position takes the memory of one number.
        self._seen: dict[tuple[object, object], set[int]] = {}

    def doubts(self, rows: list[Position]) -> bool:
        """Return whether an empty first page may mean that a new session has begun.

        The result is True at most once, so that the caller requests the page only once more.
        """
        doubts = self._doubtful and not rows and not self.page
        self._doubtful = False
        return doubts

    def add(self, rows: list[Position]) -> list[Position]:
        """Add a page and return those of its positions that no earlier page had."""
        fresh: list[Position] = []
        for row in rows:
            try:
                conid, account_id = row.conid, row.account_id
            except MissingValue:
                conid, account_id = peek(row, "conid"), peek(row, "account_id")
            seen = self._seen.setdefault((account_id, row.model), set())
            if not conid:  # cannot be compared with earlier positions
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
