"""`tqctl spool`: what producers kept on this machine while Redis was away, and delivering it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from msgspec import to_builtins

from producers.cli.tables import Grid, Shown
from producers.enqueue import ledger_of, spool_of
from tqctl.shell import Shell
from workers.core.text import counted, size
from workers.ledger.quarantine import Quarantine, limits_of
from workers.ledger.spool_flush import Flushed, flush

#: Exit codes: something was refused; something waits.
REFUSED, WAITS = 1, 3


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, title="actions")
    show = actions.add_parser("show", help="how much waits, and where")
    show.set_defaults(run=run_show)
    deliver = actions.add_parser(
        "flush",
        help="deliver what waits; what is refused goes to the quarantine",
        epilog="exit codes: 0 nothing waits any more, 1 something was refused, 3 something still waits",
    )
    deliver.set_defaults(run=run_flush)


def run_show(shell: Shell, _options: Namespace) -> int:
    """Show the spool of the settings without touching it or Redis."""
    spool = spool_of(shell.loaded)
    value = {
        "folder": spool.folder,
        "waiting": spool.waiting(),
        "bytes": spool.size(),
        "set_aside": spool.set_aside(),
    }
    shell.show(value, _shown)
    return 0


def _shown(value: dict[str, Any]) -> Iterator[Shown]:
    yield f"{counted(value['waiting'], 'job')} ({size(value['bytes'])}) in {value['folder']}"
    if value["set_aside"]:
        rows = [[file] for file in value["set_aside"]]
        yield Grid("Set aside (tqctl spool flush moves them to the quarantine)", ("file",), rows)


def run_flush(shell: Shell, _options: Namespace) -> int:
    """Deliver what the spool of the settings holds."""
    spool = spool_of(shell.loaded)
    flushed = flush(spool, ledger_of(shell.loaded), Quarantine(shell.admin.redis, limits_of(shell.settings)))
    shell.show({"folder": spool.folder, **to_builtins(flushed)}, _words)
    return _code(flushed)


def _code(flushed: Flushed) -> int:
    if flushed.away or flushed.waiting:
        return WAITS
    return REFUSED if flushed.refused else 0


def _words(value: dict[str, Any]) -> Iterator[Shown]:
    yield f"delivered from {value['folder']}: {counted(value['delivered'], 'job')}"
    for refused in value["refused"]:
        now = (
            f"in the quarantine as {refused['item']} (tqctl dead list)" if refused["item"] else "still there"
        )
        yield f"refused: {refused['file']}: {refused['reason']}; {now}"
    if value["waiting"]:
        why = value["away"] or "their sender is slowed down, as its jobs keep being refused (tqctl status)"
        yield f"{counted(value['waiting'], 'job')} still {'waits' if value['waiting'] == 1 else 'wait'}: {why}"
    elif value["away"]:
        yield value["away"]
