"""`tqctl breaker`: which services no worker calls now, which queues wait and why, and closing a breaker by hand."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import to_builtins

from producers.cli.tables import Grid, Shown
from tqctl.job_text import short
from tqctl.shell import Shell, options_of_all
from workers.core.jobs import PAUSABLE
from workers.core.text import moment
from workers.ledger.breakers import SERVICES, close_breaker, open_breakers, queues_behind


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(run=show)
    actions = parser.add_subparsers(metavar="ACTION")
    closing = actions.add_parser(
        "close",
        help="call a service again now, or try the jobs of a queue, whatever the wait",
        parents=[options_of_all()],
    )
    closing.add_argument(
        "service", choices=(*SERVICES, *PAUSABLE), metavar="NAME", help="of a service or a queue"
    )
    closing.set_defaults(run=close)


def show(shell: Shell, _options: Namespace) -> int:
    """Show every breaker that is open."""
    away, waits = open_breakers(shell.admin.redis)
    breakers: list[dict[str, Any]] = [to_builtins(breaker) for breaker in away]
    breakers += [_as_away(to_builtins(wait)) for wait in waits]
    shell.show(breakers, _words)
    return 0


def close(shell: Shell, options: Namespace) -> int:
    """Close a breaker, and wake the queues that waited behind it."""
    name: str = options.service
    ready = close_breaker(shell.admin.redis, name, shell.audit)
    for queue in queues_behind(name):
        shell.ledger.wake(queue)
    value = {"service": name, "was_open": ready is not None, "ready": ready or 0}
    shown = SERVICES.get(name, f"the queue {name}")
    sentence = (
        f"the breaker of {shown} is not open; nothing was changed"
        if ready is None
        else f"{shown} is tried again now; {ready} jobs that waited for it are ready. If nothing has changed, the next "
        "job finds that and opens the breaker again."
    )
    shell.show(value, lambda _: [sentence])
    return 0


def _as_away(wait: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of a queue that waits, by the names that a service has."""
    return {"service": wait.pop("queue"), "failures": wait.pop("checks"), **wait}


def _words(breakers: Sequence[dict[str, Any]]) -> Iterator[Shown]:
    columns = ("service or queue", "state", "since (UTC)", "until (UTC)", "failures", "probing job", "reason")
    rows = [
        [
            breaker["service"],
            "probing" if breaker["probe"] else "waits" if "kind" in breaker else "away",
            moment(breaker["since_ms"]),
            moment(breaker["until_ms"]),
            str(breaker["failures"]),
            breaker["probe"],
            short(breaker["reason"]),
        ]
        for breaker in breakers
    ]
    yield Grid("Breakers", columns, rows, "none is open: every service is called, and no queue waits")
    yield from (f"{breaker['service']}: {breaker['reason']}" for breaker in breakers)
    if breakers:
        yield "Try one again before its time: tqctl breaker close NAME"
