"""`tqctl top`: what `tqctl status` tells of queues and workers, kept up to date on a terminal, for who has only SSH.

With rich's Live, which tqctl has anyway: Textual would be a dependency more for a view in which nothing is typed.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from msgspec import to_builtins
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from producers.cli.tables import Shown, as_renderable
from tqctl.keyboard import Keys, keys
from tqctl.overview_text import doubles, queue_grid, standings, worker_grid
from tqctl.shell import Shell, above_zero
from workers.core.errors import ServiceAway
from workers.core.text import counted, moment, printable
from workers.ledger.overview import Overview, overview

#: Seconds between two looks.
EVERY_S = 2

#: Columns below which the workers' table leaves out what is known by heart.
NARROW = 100


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(run=run)
    parser.add_argument(
        "--every", type=above_zero, default=EVERY_S, metavar="S", help=f"seconds between looks ({EVERY_S})"
    )


def run(shell: Shell, options: Namespace) -> int:
    """Show the state until q or Ctrl-C; once where it goes to a file or a pipe."""
    if shell.as_json or not sys.stdout.isatty():
        state = overview(shell.admin.redis)
        shell.show(to_builtins(state), lambda _: parts(state))
        return 0
    with keys() as key, Live(console=Console(highlight=False), screen=True, auto_refresh=False) as live:
        _follow(shell, live, key, options.every)
    return 0


def _follow(shell: Shell, live: Live, key: Keys, every_s: float) -> None:
    state: Overview | None = None
    trouble = ""
    try:
        while True:
            try:
                state, trouble = overview(shell.admin.redis), ""
            except ServiceAway as error:
                trouble = str(error)
            live.update(screen(state, trouble, live.console.width, live.console.height), refresh=True)
            if "q" in key(every_s).lower():
                return
    except KeyboardInterrupt:
        return


def parts(state: Overview, *, narrow: bool = False) -> Iterator[Shown]:
    """Return what is shown, the most important first."""
    ended = f"done: {state.done_last_minute} in the last minute, {state.done_last_hour} in the last hour"
    yield f"{moment(state.at_ms)} UTC   {ended}   dead: {state.dead}   quarantine: {state.quarantined}"
    yield queue_grid(state)
    yield from (pause.said for pause in state.pauses)
    yield from (wait.said for wait in state.waits)
    yield from (
        f"{away.service} is away since {moment(away.since_ms)} UTC: {away.reason}" for away in state.away
    )
    yield from standings(state)
    yield worker_grid(state, narrow=narrow)
    yield from doubles(state)


def screen(state: Overview | None, trouble: str, width: int, height: int) -> RenderableType:
    """Return a screen of so many columns and lines; what has no room is left out and counted."""
    lines: list[RenderableType] = []
    if trouble:
        shown = f"what is shown is of {moment(state.at_ms)} UTC" if state else "nothing is known yet"
        lines += [Text(printable(line), style="bold red") for line in (trouble, f"Trying again; {shown}.")]
    if state:
        lines += [as_renderable(part, one_line=True) for part in parts(state, narrow=width < NARROW)]
    return _fitting(Group(*lines), width, height)


def _fitting(content: Group, width: int, height: int) -> Text:
    console = Console(width=width, height=height, force_terminal=True, highlight=False)
    with console.capture() as captured:
        console.print(content)
    lines = captured.get().rstrip("\n").split("\n")
    room = height - 1
    if len(lines) > room:
        left_out = counted(len(lines) - room + 1, "line")
        lines = [*lines[: room - 1], f"… {left_out} more: tqctl status"]
    footer = "q quits"
    return Text.from_ansi("\n".join([*lines, *[""] * (room - len(lines)), footer]), no_wrap=True)
