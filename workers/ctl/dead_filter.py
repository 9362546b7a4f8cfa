"""Which dead letters are meant: by kind, door, words of the reason, and time of death."""

from __future__ import annotations

import re
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from datetime import UTC, datetime

from workers.jobs import KINDS
from workers.ledger.desk import Desk
from workers.ledger.records import Record

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def add_filter(parser: ArgumentParser) -> None:
    """Declare the options of a filter."""
    add = parser.add_argument
    add("--kind", choices=tuple(KINDS), help="only this kind of job")
    add("--door", help="only what came through this door (cli, http, stub, …)")
    add("--reason", metavar="TEXT", help="only those whose reason says this, whatever the case")
    add("--since", type=point, metavar="WHEN", help="dead since then: 30m, 2h, 7d, or 2026-03-01T12:00 (UTC)")
    add("--until", type=point, metavar="WHEN", help="dead until then")


def chosen(desk: Desk, options: Namespace, *, most: int | None = None) -> Iterator[Record]:
    """Yield the dead letters that the options let through, the newest first, up to `most`."""
    count = 0
    for record in desk.dead_records():
        if most is not None and count >= most:
            return
        if _fits(record, options):
            count += 1
            yield record


def point(text: str) -> float:
    """Read a point in time: how long ago, or a date; returns ms. Raises ArgumentTypeError."""
    span = _SPAN.fullmatch(text.strip().lower())
    if span:
        return (time.time() - float(span[1]) * _SECONDS[span[2]]) * 1000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no time; write 30m, 2h, 7d or 2026-03-01T12:00") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000


def _fits(record: Record, options: Namespace) -> bool:
    died = record.history[-1].at_ms if record.history else record.accepted_ms
    reason = str(record.result.get("reason", ""))
    return (
        options.kind in (None, record.kind)
        and options.door in (None, record.door)
        and (not options.reason or options.reason.casefold() in reason.casefold())
        and (options.since is None or died >= options.since)
        and (options.until is None or died <= options.until)
    )
