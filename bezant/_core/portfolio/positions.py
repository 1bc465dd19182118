"""Going through the pages of an account's positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...models._base import peek
from ..operations.portfolio import GET_PAGINATED_POSITIONS

if TYPE_CHECKING:
    from ...models._positions import Position

POSITIONS: Final = GET_PAGINATED_POSITIONS.operation

PAGE_SIZE: Final = 100
# IBKR's documents gave 30 for years; a page of exactly that many may not be the last.
_OLD_PAGE_SIZE: Final = 30
# Without sort= the page number was seen to be ignored. By name, because an order that fills
# between two pages does not move a position by its name.
SORTING: Final[dict[str, object]] = {"sort": "name", "direction": "a"}


class Pager:
    """Which page comes next, and what of it is new.

    A page that is empty, short, or holds nothing new is the last one. A position that a later page
    repeats is left out.

    Args:
        doubtful: whether the accounts were asked for some time ago: the session may be another one
            by now, in which there is nothing until they are asked for.
    """

    def __init__(self, *, doubtful: bool = False) -> None:
        self.page = 0
        self.done = False
        self._doubtful = doubtful
        # By account and model, of which there are few: only a number is held for each position.
        self._seen: dict[tuple[object, object], set[int]] = {}

    def doubts(self, rows: list[Position]) -> bool:
        """Say, once, whether nothing may mean that the session is another one by now."""
        doubts = self._doubtful and not rows and not self.page
        self._doubtful = False
        return doubts

    def add(self, rows: list[Position]) -> list[Position]:
        """Take a page and return what is new in it."""
        fresh: list[Position] = []
        for row in rows:
            conid = peek(row, "conid")
            seen = self._seen.setdefault((peek(row, "account_id"), row.model), set())
            if not conid:  # it cannot be told from another one
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
