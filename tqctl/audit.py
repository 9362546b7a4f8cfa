"""`tqctl audit`: who did what, through what and from where."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any, get_args

from producers.cli.tables import Grid, Shown
from tqctl.shell import Shell, above_zero, point
from workers.ledger.acts import Act
from workers.ledger.audit import AuditFilter, Recorded, as_line, entries, entries_after
from workers.ledger.client import RedisClient

#: Seconds between two looks at a trail that is followed.
LOOK_EVERY_S = 1.0


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("--act", choices=get_args(Act), metavar="ACT", help=f"only this one: {', '.join(get_args(Act))}")
    add("--by", default="", metavar="NAME", help="only of a token or user whose name says this")
    add("--via", default="", metavar="WAY", help="only through page, http, tqctl, …")
    add("--since", type=point, metavar="WHEN", help="since then: 30m, 2h, 7d, or 2026-03-01T12:00 (UTC)")
    add("--limit", type=above_zero, default=50, metavar="N", help="the newest N (default: 50)")
    add("--follow", action="store_true", help="then go on with what is done from now on, until Ctrl-C")
    parser.set_defaults(run=run)


def run(shell: Shell, options: Namespace) -> int:
    """Show the newest entries; followed, the oldest of them first and a line each."""
    redis, wanted = shell.admin.redis, AuditFilter(options.act or "", options.by, options.via)
    last = next((recorded.id for recorded in entries(redis)), "0-0")
    newest = list(islice(wanted.among(entries(redis, since_ms=options.since)), options.limit))
    if not options.follow:
        shell.show([as_line(recorded) for recorded in newest], _words)
        return 0
    known = {recorded.id for recorded in newest}
    coming = (recorded for recorded in wanted.among(_coming(redis, last)) if recorded.id not in known)
    for recorded in chain(reversed(newest), coming):
        print(json.dumps(as_line(recorded)) if shell.as_json else _line(as_line(recorded)), flush=True)
    return 0


def _coming(redis: RedisClient, last: str) -> Iterator[Recorded]:
    """Yield what is recorded after the entry `last`; does not end."""
    while True:
        for recorded in entries_after(redis, last):
            last = recorded.id
            yield recorded
        time.sleep(LOOK_EVERY_S)


def _words(lines: Sequence[dict[str, Any]]) -> Iterator[Shown]:
    columns = ("when (UTC)", "who", "via", "from", "act", "what")
    rows = [[*_cells(line, "at", "by", "via", "address", "act"), _what(line)] for line in lines]
    yield Grid("", columns, rows, "no such entry")


def _line(line: dict[str, Any]) -> str:
    return "  ".join([*filter(None, _cells(line, "at", "by", "via", "address", "act")), _what(line)])


def _cells(line: dict[str, Any], *names: str) -> list[str]:
    return [str(line.get(name, "")) for name in names]


def _what(line: dict[str, Any]) -> str:
    detail = (f"{name}: {value}" for name, value in line.get("detail", {}).items())
    return "; ".join(filter(None, (line.get("what", ""), *detail)))
