"""Tables and lines: with colours and frames on a terminal, plain aligned text anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence

from msgspec import Struct
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from producers.printable import printable

#: How a cell that says just this looks on a terminal.
STYLES = {
    "ok": "green",
    "done": "green",
    "warning": "yellow",
    "waiting": "yellow",
    "paused": "yellow",
    "failed": "bold red",
    "dead": "bold red",
    "away": "bold red",
}


class Grid(Struct, frozen=True):
    """A table: what stands above it, the names of its columns, its rows; `nothing` is said when it has none."""

    title: str
    columns: tuple[str, ...]
    rows: list[list[str]]
    nothing: str = "none"


#: What can be shown: a table or a line.
Shown = Grid | str


def show_all(parts: Iterable[Shown]) -> None:
    """Print tables and lines; texts from outside cannot steer the terminal."""
    on_terminal = sys.stdout.isatty()
    console = Console(highlight=False)
    for part in parts:
        if on_terminal:
            console.print(_rich(part))
        else:
            print(_plain(part))


def age(seconds: float) -> str:
    """Return a span of time as people say it: 12 s, 5 min, 3 h, 2 d."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def moment(at_ms: float | None) -> str:
    """Return a time in ms as UTC to the second, "" for None."""
    return "" if at_ms is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at_ms / 1000))


def size(count: float) -> str:
    """Return a count of bytes as people say it."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _rich(part: Shown) -> Table | Text:
    if isinstance(part, str):
        return Text(printable(part))
    if not part.rows:
        return Text(f"{part.title}: {part.nothing}" if part.title else part.nothing)
    table = Table(title=part.title or None, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for column in part.columns:
        table.add_column(column, overflow="fold")
    for row in part.rows:
        table.add_row(*(Text(printable(cell), style=STYLES.get(cell, "")) for cell in row))
    return table


def _plain(part: Shown) -> str:
    if isinstance(part, str):
        return printable(part)
    if not part.rows:
        return f"{part.title}: {part.nothing}" if part.title else part.nothing
    rows = [list(part.columns), *([printable(cell) for cell in row] for row in part.rows)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(part.columns))]
    lines = [_aligned(row, widths) for row in rows]
    return "\n".join([part.title, *lines] if part.title else lines)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
