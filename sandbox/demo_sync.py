"""The list sync's part of the demo: a data collection becomes lists, and what leaves it leaves them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sandbox.rehearsal import COLLECTION, INDICATORS, Rehearsal
from sandbox.system import System
from workers.errors import TqError


def show_sync(system: System, out: Console) -> None:
    """Sync twice, the second time after some came and some went, and show the lists before and after."""
    out.rule("The list sync: a ThreatQ data collection becomes LogRhythm lists")
    rehearsal = Rehearsal(system.settings, system.ready_file)
    out.print(lists_table(rehearsal, "LogRhythm's lists before"))
    sync(system, out)
    rehearsal.expire(every=13)
    rehearsal.seed(120, start=INDICATORS)
    out.print(f"\nIn ThreatQ, each 13th indicator of {COLLECTION} expires and 120 are new:")
    sync(system, out)
    out.print(lists_table(rehearsal, "LogRhythm's lists after"))


def sync(system: System, out: Console) -> None:
    """Run the guide's command; its table goes to our own output."""
    out.print(f"$ tq-conn-logrhythm -c {system.config.name}", markup=False)
    command = Path(sys.executable).with_name("tq-conn-logrhythm")
    # Where the last call's folders are remembered: not in the home of whoever looks at a demo.
    environ = {**os.environ, "XDG_CONFIG_HOME": str(system.config.parent), "COLUMNS": str(out.width)}
    done = subprocess.run(
        [command, "-c", system.config], env=environ, stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise TqError(f"tq-conn-logrhythm ended with code {done.returncode}: {done.stderr.strip()}")


def lists_table(rehearsal: Rehearsal, title: str) -> Table:
    """Return LogRhythm's lists as a table."""
    table = Table(title=title, title_justify="left")
    for column in ("List", "Type", "Entries"):
        table.add_column(column, justify="right" if column == "Entries" else "left")
    for one in rehearsal.lists():
        table.add_row(one.name, one.list_type, str(one.entry_count))
    if not table.row_count:
        table.add_row("(none)", "", "")
    return table
