"""`tqctl groups`: firings that share an event, and those of sources above their limits."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import to_builtins

from producers.cli.tables import Grid, Shown
from tqctl.job_text import short
from tqctl.shell import Shell, above_zero
from workers.core.text import moment
from workers.ledger.groups import newest_groups


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(run=show)
    parser.add_argument("--limit", type=above_zero, default=20, metavar="N", help="default: 20")


def show(shell: Shell, options: Namespace) -> int:
    """Show the groups that are kept, those that were joined last first."""
    groups = newest_groups(shell.admin.redis, options.limit)
    shell.show([to_builtins(group) for group in groups], _words)
    return 0


def _words(groups: Sequence[dict[str, Any]]) -> Iterator[Shown]:
    columns = ("event", "firings", "told", "first seen", "last seen (UTC)", "joined until (UTC)", "group")
    rows = [
        [
            str(group["event"] or "-"),
            f"{group['count']:,}",
            f"{group['told']:,}",
            group["first"],
            group["last"],
            moment(group["until_ms"]),
            short(group["label"]),
        ]
        for group in groups
    ]
    yield Grid("Groups of firings", columns, rows, "none is kept", ("firings", "told"))
    if any(group["count"] > group["told"] for group in groups):
        yield "An event is told of what joined its group within TQ_GROUP_UPDATE_S (60) seconds."
