"""Tables and lines: with colours and frames on a terminal, plain aligned text anywhere else.

One job for a person or a program, and many of them as a table.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct, to_builtins
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workers.core.text import printable
from workers.ledger.records import Record

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


#: Characters of a title or reason that a table shows.
SHORT = 60


def summaries(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return what a list of jobs says about each."""
    return [
        {
            "id": one.id,
            "kind": one.kind,
            "door": one.producer,
            "state": one.state,
            "title": one.title,
            "accepted_ms": one.accepted_ms,
            "attempts": one.attempts,
            "last_ms": one.history[-1].at_ms if one.history else None,
            "reason": one.reason or None,
        }
        for one in records
    ]


def grid(title: str, jobs: Sequence[dict[str, Any]], nothing: str = "no job") -> Grid:
    """Return summaries as a table."""
    columns = ("job", "kind", "door", "state", "accepted (UTC)", "tries", "title", "reason")
    rows = [
        [
            one["id"],
            one["kind"],
            one["door"],
            one["state"],
            moment(one["accepted_ms"]),
            str(one["attempts"]),
            short(one["title"]),
            short(one["reason"] or ""),
        ]
        for one in jobs
    ]
    return Grid(title, columns, rows, nothing)


def whole(record: Record, arguments: dict[str, Any] | None) -> dict[str, Any]:
    """Return all that is known of a job."""
    value: dict[str, Any] = to_builtins(record)
    return {**value, "arguments": arguments}


def words(value: dict[str, Any]) -> Iterator[Shown]:
    """Yield all that is known of a job, for a person."""
    yield f"{value['id']}  {value['kind']}  {value['title']}"
    yield f"  state     {value['state']}" + _due(value)
    yield f"  producer  {value['door']}"
    yield f"  accepted  {moment(value['accepted_ms'])} UTC"
    if value["trace"]:
        yield f"  trace     {value['trace']}"
    yield f"  attempts  {value['attempts']}" + (f", lost {value['lost']} workers" if value["lost"] else "")
    before = value["accepted_ms"]
    for entry in value["history"]:
        took = age(max(0.0, (entry["at_ms"] - before) / 1000))
        before = entry["at_ms"]
        yield f"  {moment(entry['at_ms'])}  {entry['state']} (after {took})"
        yield from _note(entry["note"])
    if value["arguments"] is None:
        yield "  its arguments are no longer kept"
        return
    yield "  arguments"
    yield from ("    " + line for line in json.dumps(value["arguments"], indent=2).splitlines())


def short(text: str) -> str:
    """Return the beginning of a text, on one line."""
    text = " ".join(text[: 2 * SHORT].split())
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"


def _due(value: dict[str, Any]) -> str:
    since = f" since {moment(value['since_ms'])} UTC" if value["since_ms"] is not None else ""
    again = f", looked at again at {moment(value['due_ms'])} UTC" if value["due_ms"] is not None else ""
    return since + again


def _note(note: dict[str, Any]) -> Iterator[str]:
    for name, inner in note.items():
        if name == "traceback":
            yield from (f"      {line}" for line in str(inner).rstrip().splitlines())
        else:
            text = inner if isinstance(inner, str) else json.dumps(inner)
            yield f"      {name}: {text}"
