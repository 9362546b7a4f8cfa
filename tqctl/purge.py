"""`tqctl purge`: forget at once what has been kept long enough; or more, where memory is short."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from producers.cli.console import note
from tqctl.shell import Shell, point
from workers.core.errors import InputError
from workers.core.text import counted
from workers.ledger.connection import now_ms


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("--dry-run", action="store_true", help="say what would be forgotten, and forget nothing")
    add(
        "--done-older-than",
        type=point,
        metavar="WHEN",
        help="done jobs whose content makes place for a marker: 30m, 12h, 1d (default: keep_bodies_days)",
    )
    add(
        "--markers-older-than",
        type=point,
        metavar="WHEN",
        help="markers whose repeats make an event again, by the day: 30d (default: keep_markers_days)",
    )
    add("--yes", action="store_true", help="do not ask")
    parser.set_defaults(run=run)


def run(shell: Shell, options: Namespace) -> int:
    """Forget what is old enough, after asking."""
    retention = shell.ledger.retention
    now = now_ms(retention.redis)
    done_before = _before(options.done_older_than, now - retention.keep_bodies_ms)
    markers_before = _before(options.markers_older_than, now - retention.keep_markers_ms)
    jobs = retention.retirable(done_before)
    markers = retention.forget_markers(markers_before, only_count=True)
    if not options.dry_run and (jobs or markers):
        if not options.yes and not _agreed(jobs, markers):
            raise InputError("nothing was forgotten; say --yes to go on, or --dry-run to see what would be")
        jobs, markers = retention.purge(done_before, markers_before, shell.audit)
    value = {"dry_run": options.dry_run, "jobs": jobs, "markers": markers}
    shell.show(value, lambda _: [_sentence(options.dry_run, jobs, markers)])
    return 0


def _before(asked: float | None, kept: int) -> int:
    return kept if asked is None else int(asked)


def _sentence(is_dry: bool, jobs: int, markers: int) -> str:
    verb = "would be" if is_dry else "were"
    return f"the content of {counted(jobs, 'done job')} and {counted(markers, 'marker')} {verb} forgotten"


def _agreed(jobs: int, markers: int) -> bool:
    if not sys.stdin.isatty():
        return False
    note(f"{_sentence(True, jobs, markers)}. Type yes to go on:")
    try:
        return input().strip() == "yes"
    except EOFError:
        return False
