"""`tqctl breaker`: which services no worker calls now and why, and closing a breaker by hand."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import to_builtins

from producers.cli.tables import Grid, Shown
from tqctl.job_text import short
from tqctl.shell import Shell, options_of_all
from workers.core.text import moment
from workers.ledger.breakers import NEEDS, SERVICES, close_breaker, open_breakers


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(run=show)
    actions = parser.add_subparsers(metavar="ACTION")
    closing = actions.add_parser(
        "close",
        help="call a service again now, whatever wait it asked for",
        parents=[options_of_all()],
    )
    closing.add_argument("service", choices=tuple(SERVICES))
    closing.set_defaults(run=close)


def show(shell: Shell, _options: Namespace) -> int:
    """Show every breaker that is open."""
    breakers: list[dict[str, Any]] = to_builtins(open_breakers(shell.admin.redis))
    shell.show(breakers, _words)
    return 0


def close(shell: Shell, options: Namespace) -> int:
    """Close a breaker, and wake the queues whose jobs waited for it."""
    service: str = options.service
    waited = close_breaker(shell.admin.redis, service)
    for queue in (queue for queue, needs in NEEDS.items() if service in needs):
        shell.ledger.wake(queue)
    value = {"service": service, "was_open": waited is not None, "ready": waited or 0}
    name = SERVICES[service]
    said = (
        f"{name} was not away; nothing was changed"
        if waited is None
        else f"{name} is called again; {waited} jobs that waited for it are ready. If it is still away, the first call "
        "that fails opens the breaker again."
    )
    shell.show(value, lambda _: [said])
    return 0


def _words(breakers: Sequence[dict[str, Any]]) -> Iterator[Shown]:
    columns = ("service", "state", "since (UTC)", "until (UTC)", "failures", "probing job", "reason")
    rows = [
        [
            one["service"],
            "probing" if one["probe"] else "away",
            moment(one["since_ms"]),
            moment(one["until_ms"]),
            str(one["failures"]),
            one["probe"],
            short(one["reason"]),
        ]
        for one in breakers
    ]
    yield Grid("Breakers", columns, rows, "none is open: every service is called")
    yield from (f"{one['service']}: {one['reason']}" for one in breakers)
    if breakers:
        yield "Call a service again before its time: tqctl breaker close SERVICE"
