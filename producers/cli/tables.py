"""Tables and lines: with colours and frames on a terminal, plain aligned text anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from msgspec import Struct
from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from workers.core.text import printable

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
    "running": "green",
    "idle": "green",
    "deferred": "yellow",
    "waits": "yellow",
    "needs a newer worker": "yellow",
    "no worker": "bold red",
    "service away": "bold red",
    "stuck": "bold red",
}


class Grid(Struct, frozen=True):
    """A table: what stands above it, the names of its columns, its rows; `nothing` is said when it has none.

    `numbers` are the names of the columns that are aligned to the right.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[list[str]]
    nothing: str = "none"
    numbers: tuple[str, ...] = ()


#: What can be shown: a table or a line.
Shown = Grid | str


def show_all(parts: Iterable[Shown]) -> None:
    """Print tables and lines; texts from outside cannot steer the terminal."""
    on_terminal = sys.stdout.isatty()
    console = Console(highlight=False)
    for part in parts:
        if on_terminal:
            # A value that is to be copied, or found by grep, must not be broken over two lines.
            console.print(as_renderable(part), soft_wrap=isinstance(part, str))
        else:
            print(_plain(part))


def as_renderable(part: Shown, *, one_line: bool = False) -> Table | Text:
    """Return a part for a terminal; `one_line`: what has no room in its cell or line is cut off."""
    if isinstance(part, str):
        return Text(printable(part), no_wrap=one_line, overflow="ellipsis" if one_line else None)
    if not part.rows:
        return Text(_nothing(part))
    title = Text(printable(part.title)) if part.title else None
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for column in part.columns:
        justify: JustifyMethod = "right" if column in part.numbers else "left"
        table.add_column(
            column, overflow="ellipsis" if one_line else "fold", no_wrap=one_line, justify=justify
        )
    for row in part.rows:
        table.add_row(*(Text(printable(cell), style=STYLES.get(cell, "")) for cell in row))
    return table


def _plain(part: Shown) -> str:
    if isinstance(part, str):
        return printable(part)
    if not part.rows:
        return _nothing(part)
    rows = [list(part.columns), *([printable(cell) for cell in row] for row in part.rows)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(part.columns))]
    lines = [_aligned(row, widths, part) for row in rows]
    return "\n".join([printable(part.title), *lines] if part.title else lines)


def _nothing(part: Grid) -> str:
    return printable(f"{part.title}: {part.nothing}" if part.title else part.nothing)


def _aligned(row: Sequence[str], widths: Sequence[int], grid: Grid) -> str:
    cells = zip(row, widths, grid.columns, strict=True)
    return "  ".join(
        cell.rjust(width) if column in grid.numbers else cell.ljust(width) for cell, width, column in cells
    ).rstrip()
