"""Output of the tour: colours and boxes on a terminal, plain text elsewhere."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Self, cast

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from .. import Drift
from ..errors import ApiError, BezantError, SymbolError
from ..models import Account, AuthStatus, Position

_WIDTH = 100
_NAME_WIDTH = 10
_LARGEST = 5
_KEYS = 4

# These errors concern one step only, such as an unknown symbol or an operation that the account may
# not use. The tour continues after them.
_LOCAL = (ApiError, SymbolError)


class Screen:
    """Screen that shows the tour.

    Args:
        console: the console to write to; standard output by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, emoji=False, markup=False)
        self.rich = self.console.is_terminal
        if self.rich and self.console.width > _WIDTH:
            self.console.width = _WIDTH
        unicode = self.console.encoding.lower().startswith("utf")
        self.done, self.failed, self.noted = ("✓", "✗", "·") if unicode else ("+", "x", "-")
        self.spinner = "dots" if unicode else "line"

    def write(self, text: str | Text) -> None:
        """Write a paragraph: on a terminal with line breaks, elsewhere on one line."""
        self.console.print(text, soft_wrap=not self.rich)

    def opening(self, title: str, lines: Sequence[str]) -> None:
        """Show the title and the gateway of the tour."""
        if self.rich:
            body = Text("\n".join(lines))
            self.console.print(Panel(body, title=title, title_align="left", border_style="cyan"))
        else:
            for line in (title, *lines):
                self.write(line)

    def chapter(self, title: str) -> None:
        """Show the heading of a part of the tour."""
        self.console.print()
        if self.rich:
            self.console.print(Rule(Text(title, "bold"), align="left", style="cyan"))
        else:
            self.write(f"== {title} ==")

    def ending(self, seconds: float) -> None:
        """Show that the tour is complete."""
        self.console.print()
        self.write(Text(f"Both clients are done, in {seconds:.1f} s.", "bold"))

    def step(self, name: str, doing: str, *, vital: bool = False) -> Step:
        """Return a context manager for one step of the tour; it shows the outcome of its block.

        Args:
            name: name of the step, at the beginning of its line.
            doing: text to show while the step runs.
            vital: whether any error in the step ends the tour.
        """
        return Step(self, name, doing, vital=vital)

    def drift(self, drift: Drift) -> None:
        """Show a response field that does not have the type that the model declares."""
        self.note("drift", str(drift))

    def note(self, name: str, text: str) -> None:
        """Show a note that is not a step."""
        self.line(Text(self.noted, "dim"), name, text, None)

    def line(self, mark: Text, name: str, detail: str, seconds: float | None) -> None:
        """Show the outcome of a step."""
        spent = "" if seconds is None else duration(seconds)
        if self.rich:
            grid = Table.grid(padding=(0, 1), expand=True)
            grid.add_column(width=1)
            grid.add_column(width=_NAME_WIDTH, style="bold")
            grid.add_column(ratio=1)
            grid.add_column(justify="right", style="dim")
            grid.add_row(mark, name, detail, spent)
            self.console.print(grid)
        else:
            timing = f" ({spent})" if spent else ""
            self.write(f"{mark.plain} {name:<{_NAME_WIDTH}} {detail}{timing}".rstrip())

    def more(self, lines: Iterable[str]) -> None:
        """Show details of the previous step."""
        for line in lines:
            if self.rich:
                indented = Padding(Text(line, "dim"), (0, 0, 0, _NAME_WIDTH + 3))
                self.console.print(indented)
            else:
                self.write(f"{'':{_NAME_WIDTH + 3}}{line}")

    def positions(self, positions: Sequence[Position]) -> None:
        """Show the largest positions and the total value in each currency."""
        valued = [(worth(each), each) for each in positions]
        valued.sort(key=lambda pair: abs(pair[0]), reverse=True)
        if valued:
            self.console.print(self._largest(valued[:_LARGEST]))
        totals: defaultdict[str, Decimal] = defaultdict(Decimal)
        for value, position in valued:
            totals[position.currency if position.has("currency") else "?"] += value
        for currency, total in sorted(totals.items()):
            self.more([f"total {currency} {total:>18,.2f}"])

    def _largest(self, valued: Iterable[tuple[Decimal, Position]]) -> Padding:
        table = Table(
            box=box.SIMPLE_HEAD if self.rich else None, pad_edge=False, header_style="dim"
        )
        table.add_column("largest by value", no_wrap=True, max_width=32)
        table.add_column("quantity", justify="right")
        table.add_column("price", justify="right")
        table.add_column("value", justify="right")
        table.add_column("", no_wrap=True)
        for value, position in valued:
            table.add_row(
                Text(position.description if position.has("description") else "?"),
                f"{position.quantity.normalize():,f}" if position.has("quantity") else "?",
                f"{position.market_price:,.2f}" if position.has("market_price") else "?",
                f"{value:,.2f}",
                position.currency if position.has("currency") else "?",
            )
        return Padding(table, (0, 0, 0, _NAME_WIDTH + 3), expand=False)


class Step:
    """One step of the tour: shows its progress, its result and its duration.

    If an error concerns only this step, the context manager shows the error and the tour continues;
    any other error ends the tour.

    Attributes:
        detail: result of the step.
        timed: whether to show the duration.
    """

    def __init__(self, screen: Screen, name: str, doing: str, *, vital: bool) -> None:
        self.detail = ""
        self.timed = True
        self._screen = screen
        self._name = name
        self._vital = vital
        self._started = 0.0
        self._status = (
            screen.console.status(Text(doing, "dim"), spinner=screen.spinner)
            if screen.rich
            else None
        )

    def progress(self, text: str) -> None:
        """Show the progress of the step if the output is a terminal; otherwise do nothing."""
        if self._status is not None:
            self._status.update(Text(text, "dim"))

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        self._started = time.perf_counter()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        spent = time.perf_counter() - self._started
        if self._status is not None:
            self._status.stop()
        screen = self._screen
        if exc is None:
            screen.line(
                Text(screen.done, "green"), self._name, self.detail, spent if self.timed else None
            )
            return False
        if isinstance(exc, BezantError):
            local = isinstance(exc, _LOCAL) and not self._vital
            said = str(exc) if local else "the tour ends here"
            screen.line(Text(screen.failed, "red"), self._name, said, None)
            return local
        return False


def duration(seconds: float) -> str:
    """Return a duration as text, in microseconds, milliseconds or seconds."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 1:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds:.1f} s"


def worth(position: Position) -> Decimal:
    """Return a position's market value; 0 if the gateway omitted the value."""
    return position.market_value if position.has("market_value") else Decimal()


def flags(status: AuthStatus) -> str:
    """Return a session's flags as text."""
    names = ("authenticated", "established", "connected", "competing")
    return ", ".join(
        name if value else f"not {name}"
        for name in names
        if isinstance(value := getattr(status, name), bool)
    )


def account_names(accounts: Sequence[Account], chosen: str) -> str:
    """Return a text that says how many accounts there are and which account the tour shows."""
    count = f"{len(accounts)} account{'' if len(accounts) == 1 else 's'}"
    kinds = {
        each.account_id: [getattr(each, name) for name in ("type", "currency") if each.has(name)]
        for each in accounts
        if each.has("account_id")
    }
    about = ", ".join(word for word in kinds.get(chosen, ()) if word)
    return f"{count}; looking at {chosen}{f' ({about})' if about else ''}"


def page_counts(pages: Sequence[int]) -> str:
    """Return a text with the number of positions and the number of pages."""
    many = "page" if len(pages) == 1 else "pages"
    each = f" ({' + '.join(map(str, pages))})" if 1 < len(pages) <= 10 else ""
    return f"{sum(pages)} positions on {len(pages)} {many}{each}"


def lookups(symbol: str, conid: int, first: float, second: float) -> str:
    """Return a text with a symbol's conid and the durations of both lookups."""
    times = f"{duration(first)} from the gateway, {duration(second)} from the cache"
    return f"{symbol} is conid {conid}: {times}"


def raw_response(response: object) -> str:
    """Return a short text about an untyped response."""
    if not isinstance(response, dict):
        return f"GET /iserver/accounts is a {type(response).__name__}"
    keys = [str(key) for key in cast("dict[object, object]", response)]
    others = f" and {len(keys) - _KEYS} more" if len(keys) > _KEYS else ""
    return f"GET /iserver/accounts has {', '.join(keys[:_KEYS])}{others}"


def last_tickle(last_success: datetime | None, failures: int) -> str:
    """Return a text about the last tickle of a keepalive."""
    if last_success is None:
        return "no response to a tickle yet"
    when = f"last success at {last_success.astimezone():%H:%M:%S}"
    return f"{when}, {failures} failures since" if failures else when
